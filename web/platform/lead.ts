/*
 * The leading tab's side of the engine: what is asked of the core (Deeds). What comes of it, and what the core tells by itself, is news.ts's.
 */
import type { CoreNews } from '../core/events.ts';
import { EngineError } from '../core/types.ts';
import type { Device, DeviceId, Found, MemberPage, Operation, OutboxEntry, Person, Phase, Place, Reactor, RequestId, RoomId, Row, Snapshot, UserId } from '../core/types.ts';
import type { Arg } from '../core/wasm.ts';
import type { Deeds } from './deeds.ts';
import { Host } from './host.ts';
import { News } from './news.ts';
import type { LeadParts } from './news.ts';
import { operationArgs } from './reader.ts';
import type { Screen } from './screen.ts';

const PEOPLE_MAX = 1024; // the core's own
/** Of those in which one is signed in. */
const WITHOUT_LINK: ReadonlySet<Phase> = new Set<Phase>(['offline', 'joining']);

export class Lead implements Deeds {
  readonly #parts: LeadParts;
  readonly #news: News;
  readonly #host: Host;
  readonly #screen: Screen;

  constructor(parts: LeadParts) {
    this.#parts = parts;
    this.#news = new News(parts);
    this.#host = new Host(parts, this.#news);
    this.#screen = this.#news.attach(this.#host);
  }

  start(): void {
    this.#host.start();
  }

  stop(): void {
    this.#host.stop();
    this.#news.stop();
  }

  /** Resolves once the core has read what is stored; rejects if it cannot. */
  loaded(): Promise<void> {
    return this.#news.loaded();
  }

  snapshot(): Promise<Snapshot> {
    return this.#news.snapshot();
  }

  // ---- the account

  /** What is answered by a sign event; one at a time. */
  async #account(verb: string, ...args: Arg[]): Promise<void> {
    if (this.#news.sign) throw new EngineError('busy');
    this.#host.forgive();
    const answer = new Promise<void>((resolve, reject) => {
      this.#news.sign = { resolve, reject };
    });
    const mine = this.#news.sign;
    try {
      this.#host.call(verb, ...args);
    } catch (error) {
      if (this.#news.sign === mine) this.#news.sign = undefined;
      throw error;
    }
    await answer;
  }

  /** By who is signed in. Without a link the core would keep it until there is one, and do it then: long after it was called off here. */
  async #own(verb: string, ...args: Arg[]): Promise<void> {
    if (WITHOUT_LINK.has(this.#news.state.phase)) throw new EngineError('again');
    await this.#account(verb, ...args);
  }

  signUp(fields: { email: string; userName: string; displayName: string; password: string; invite: string }): Promise<void> {
    return this.#account('sign_up', fields.email, fields.userName, fields.displayName, fields.password, fields.invite);
  }

  async confirm(code: string): Promise<void> {
    await this.#account('confirm', code, this.#parts.random(32), this.#parts.deviceName);
  }

  async signIn(login: string, password: string): Promise<void> {
    await this.#account('sign_in', login, password, this.#parts.random(32), this.#parts.deviceName);
  }

  reset(email: string): Promise<void> {
    return this.#account('reset', email);
  }

  async resetConfirm(code: string, password: string): Promise<void> {
    await this.#account('reset_confirm', code, password, this.#parts.random(32), this.#parts.deviceName);
  }

  async startOver(): Promise<void> {
    this.#news.sign?.reject(new EngineError('again'));
    this.#news.sign = undefined;
    this.#host.call('start_over');
  }

  async cancel(): Promise<void> {
    const sign = this.#news.sign;
    if (!sign) return;
    this.#news.sign = undefined;
    sign.reject(new EngineError('unknown'));
    this.#host.call('cancel');
  }

  setPassword(old: string, next: string, others: boolean): Promise<void> {
    return this.#own('set_password', old, next, others);
  }

  setProfile(userName: string, displayName: string): Promise<void> {
    return this.#own('set_profile', userName, displayName);
  }

  setEmail(email: string, password: string): Promise<void> {
    return this.#own('set_email', email, password);
  }

  confirmEmail(code: string): Promise<void> {
    return this.#own('confirm_email', code);
  }

  block(user: UserId, on: boolean): Promise<void> {
    return this.#own('block', user, on);
  }

  deleteAccount(password: string): Promise<void> {
    return this.#own('delete_account', password);
  }

  signOut(device?: DeviceId): Promise<void> {
    return this.#own('sign_out', device ?? this.#news.state.me?.device);
  }

  signOutOthers(): Promise<void> {
    return this.#own('sign_out_others');
  }

  // ---- questions

  async #ask<K extends CoreNews['kind']>(kind: K, verb: string, ...args: Arg[]): Promise<Extract<CoreNews, { kind: K }>> {
    const news = await this.#news.questions.wait(this.#host.call<RequestId>(verb, ...args));
    if (news.kind !== kind) throw new EngineError('failed');
    return news as Extract<CoreNews, { kind: K }>;
  }

  async devices(): Promise<Device[]> {
    return (await this.#ask('devices', 'devices')).devices;
  }

  async invite(uses: number, validMs: number): Promise<string> {
    return (await this.#ask('invited', 'invite', uses, validMs)).token ?? '';
  }

  async around(room: RoomId, at: { seq: number } | { time: number }, rowsMax: number): Promise<{ rows: Row[]; head: number }> {
    const { rows, seq } = await this.#ask('window', 'around', room, 'seq' in at ? at.seq : 0, 'time' in at ? at.time : 0, rowsMax);
    return { rows, head: seq };
  }

  async pins(room: RoomId, before: number): Promise<{ rows: Row[]; more: boolean }> {
    const { rows, more } = await this.#ask('pins', 'pins', room, before);
    return { rows, more };
  }

  async reactors(room: RoomId, seq: number): Promise<Reactor[]> {
    return (await this.#ask('reactors', 'reactors', room, seq)).reactors;
  }

  async members(room: RoomId, after: UserId | undefined): Promise<MemberPage> {
    const { members, head, more, link } = await this.#ask('members', 'members', room, after);
    return { members, head, more, link };
  }

  async find(name: string): Promise<Person[]> {
    return (await this.#ask('people', 'find', name)).people;
  }

  async search(text: string, room: RoomId | undefined, before: Place | undefined): Promise<Found> {
    const from = before ? [before.room, before.seq, before.time] : [];
    const { hits, more, place } = await this.#ask('found', 'search', text, room, ...from);
    return { hits, more, ...(place ? { place } : {}) };
  }

  async person(user: UserId): Promise<Person | undefined> {
    const person = this.#host.call<Person | null>('person', user) ?? undefined;
    if (!this.#news.people.has(user) && this.#news.people.size >= PEOPLE_MAX) this.#news.people.delete(this.#news.people.keys().next().value ?? '');
    this.#news.people.set(user, person);
    return person;
  }

  /** What is whole already is told at once: whoever waits has to be there before. */
  async history(room: RoomId, seq: number, rowsMax: number): Promise<number> {
    return this.#news.histories.ask(room, () => this.#host.call('history', room, seq, rowsMax));
  }

  // ---- writing

  async write(room: RoomId, operation: Operation): Promise<RequestId> {
    const id = this.#host.call<RequestId>('write', room, ...operationArgs(operation));
    this.#news.written.set(id, { room, id, operation, time: this.#parts.clock.wall(), state: 'queued' });
    await this.#news.writes.wait(id);
    return id;
  }

  async createGroup(title: string): Promise<RoomId> {
    const room = this.#host.call<RoomId>('create_group', title);
    this.#news.written.set(room, { room, id: room, operation: { kind: 'created', text: title }, time: this.#parts.clock.wall(), state: 'queued' });
    await this.#news.writes.wait(room);
    return room;
  }

  async retry(room: RoomId, id: RequestId): Promise<void> {
    this.#host.call('retry', room, id);
  }

  async discard(room: RoomId, id: RequestId): Promise<void> {
    this.#host.call('discard', room, id);
  }

  async set(key: string, value: string): Promise<void> {
    this.#host.call('set', key, value);
  }

  async setRoom(room: RoomId, setting: 'mute' | 'archive' | 'pin' | 'draft', value: string): Promise<void> {
    this.#host.call('set_room', room, setting, value);
    await this.#host.kept();
  }

  async wrote(entry: OutboxEntry): Promise<void> {
    this.#parts.emit({ kind: 'outbox', room: entry.room, id: entry.id, state: 'queued', entry });
    this.#host.call('outbox_changed');
  }

  // ---- what is on the screen

  async read(room: RoomId, seq: number): Promise<void> {
    this.#host.call('read', room, seq);
  }

  async watch(tab: string, users: UserId[], room: RoomId | undefined): Promise<void> {
    this.#screen.watch(tab, users, room);
  }

  async gone(tab: string): Promise<void> {
    this.#screen.gone(tab);
  }

  async typing(room: RoomId): Promise<void> {
    this.#host.call('typing', room);
  }

  async hurry(): Promise<void> {
    this.#host.hurry();
  }

  async offline(): Promise<void> {
    this.#host.cut();
  }
}
