/* Who everybody is, and who is there: names as they come, status of those who are looked at, who types where. */
import { SvelteMap } from 'svelte/reactivity';

import type { Engine, Person, RoomId, Status, UserId } from '../core/types.ts';
import { nameOf } from './text.ts';

/** Names that are kept: the oldest are forgotten, and asked for again. */
const PEOPLE_MAX = 4000;
/** PROTOCOL, watch */
const WATCH_MAX = 50;

export class People {
  readonly #known = new SvelteMap<UserId, Person>();
  readonly #status = new SvelteMap<UserId, Status>();
  readonly #typing = new SvelteMap<RoomId, UserId[]>();
  readonly #asked = new Set<UserId>();
  linked = $state(false);
  #watched = '';
  #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  get(user: UserId): Person | undefined {
    const person = this.#known.get(user);
    if (!person) this.#ask(user);
    return person;
  }

  /** '' while it is not known. */
  name(user: UserId): string {
    return nameOf(this.get(user));
  }

  /** undefined: it is not known, as always without a link. */
  status(user: UserId): Status | undefined {
    return this.linked ? this.#status.get(user) : undefined;
  }

  typists(room: RoomId): UserId[] {
    return (this.linked && this.#typing.get(room)) || [];
  }

  put(people: Person[]): void {
    for (const person of people) {
      this.#known.set(person.user, person);
      this.#asked.delete(person.user);
    }
    for (const user of this.#known.keys()) {
      if (this.#known.size <= PEOPLE_MAX) break;
      this.#known.delete(user);
    }
  }

  putStatus(status: Status): void {
    this.#status.set(status.user, status);
  }

  putTyping(room: RoomId, users: UserId[]): void {
    if (users.length > 0) this.#typing.set(room, users);
    else this.#typing.delete(room);
  }

  /** Who is on the screen, the most important first. */
  watch(users: UserId[], room: RoomId | undefined): void {
    const wanted = [...new Set(users)].slice(0, WATCH_MAX);
    const all = `${room ?? ''} ${wanted.join(' ')}`;
    if (all === this.#watched) return;
    this.#watched = all;
    this.#engine.watch(wanted, room);
  }

  /** Another tab leads, or the link was new: it has to be told again. */
  forgetWatch(): void {
    this.#watched = '';
  }

  forget(): void {
    this.#known.clear();
    this.#status.clear();
    this.#typing.clear();
    this.#asked.clear();
    this.forgetWatch();
  }

  #ask(user: UserId): void {
    if (this.#asked.has(user) || user === '') return;
    this.#asked.add(user);
    this.#engine.person(user).then(
      (person) => person && this.put([person]),
      () => this.#asked.delete(user),
    );
  }
}
