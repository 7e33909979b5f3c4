/*
 * What is on the screens of all tabs, told to the core as one; and who is online and who types there, told when it is another than before.
 */
import type { RoomId, Status, UserId } from '../core/types.ts';
import type { Emit } from './deeds.ts';
import type { Host } from './host.ts';

const TABS_MAX = 16;
const USERS_MAX = 50; // rules/limits.h, WATCH_USERS_MAX

interface Shown {
  users: UserId[];
  room: RoomId | undefined;
}

export class Screen {
  readonly #host: Host;
  readonly #emit: Emit;
  /** The last one that said something is the last one. */
  readonly #tabs = new Map<string, Shown>();
  #users: UserId[] = [];
  #room: RoomId | undefined;
  readonly #told = new Map<UserId, string>();
  #typists = '';

  constructor(host: Host, emit: Emit) {
    this.#host = host;
    this.#emit = emit;
  }

  watch(tab: string, users: UserId[], room: RoomId | undefined): void {
    this.#tabs.delete(tab);
    if (this.#tabs.size >= TABS_MAX) this.#tabs.delete(this.#tabs.keys().next().value ?? '');
    this.#tabs.set(tab, { users, room });
    this.#say();
  }

  gone(tab: string): void {
    if (this.#tabs.delete(tab)) this.#say();
  }

  /** The tab in which somebody did something last has the room that is open. */
  #say(): void {
    const shown = [...this.#tabs.values()].reverse();
    this.#users = [...new Set(shown.flatMap((tab) => tab.users))].slice(0, USERS_MAX);
    const before = this.#room;
    this.#room = shown.find((tab) => tab.room !== undefined)?.room;
    if (before && before !== this.#room) this.#emit({ kind: 'typing', room: before, users: [] }); // nobody hears of it any more
    for (const user of [...this.#told.keys()]) if (!this.#users.includes(user)) this.#told.delete(user);
    this.#host.call('watch', this.#room, ...this.#users);
    this.look();
  }

  /** After each turn. */
  look(): void {
    if (!this.#host.lives) return;
    for (const user of this.#users) {
      const status = this.#host.look<Status>('status', user);
      const told = JSON.stringify(status);
      if (this.#told.get(user) === told) continue;
      this.#told.set(user, told);
      this.#emit({ kind: 'status', status });
    }
    const users = this.#room ? this.#host.look<UserId[]>('typists', this.#room) : [];
    const typists = `${this.#room ?? ''} ${users.join(' ')}`;
    if (typists === this.#typists) return;
    this.#typists = typists;
    if (this.#room) this.#emit({ kind: 'typing', room: this.#room, users });
  }
}
