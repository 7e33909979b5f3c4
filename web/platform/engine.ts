/*
 * The engine of a tab: reads the storage itself, and has everything else done by the leader, which it may be itself (lead.ts) or whom it
 * asks by channel (channel.ts). Who leads is settled by a Web Lock: the browser gives it to one, and to the next when that one is gone.
 */
import { EngineError } from '../core/types.ts';
import type {
  Device, DeviceId, Engine, EngineEvent, ErrorName, Found, Hit, MemberPage, Operation, OutboxEntry, Person, Phase, Place, Reactor, RequestId, RoomId, RoomInfo, Row, Snapshot,
  UserId,
} from '../core/types.ts';
import { Module } from '../core/wasm.ts';
import { asError, Channel } from './channel.ts';
import type { Ask } from './channel.ts';
import type { Deed, Deeds } from './deeds.ts';
import { Lead } from './lead.ts';
import { MOVED, SIGNED_IN } from './news.ts';
import type { HostParts } from './host.ts';
import { Reader } from './reader.ts';

export interface Ground {
  /** What a host is made of, once it is there; rejects with EngineError 'storage' where the browser stores nothing. */
  parts: Promise<HostParts>;
  deviceName: string;
  /** Asks for the lead. begins: this tab has it; lost: another took it. steal: from a tab that does not answer. */
  lead(begins: () => void, lost: () => void, steal: boolean): void;
  /** Is somebody looking at this tab? */
  visible(): boolean;
  /** A way to the other tabs. */
  channel(): BroadcastChannel;
  /** The account is here to stay: asks the browser to keep what is stored. */
  persist(): void;
}

/** What can be done with a core that is not there yet. */
const AT_ONCE: ReadonlySet<Deed> = new Set<Deed>(['snapshot', 'wrote', 'watch', 'gone', 'hurry', 'offline']);

/** Types cannot say that the arguments are those of the deed. */
const perform = async (lead: Lead, { deed, args }: Ask): Promise<unknown> => {
  if (!AT_ONCE.has(deed)) await lead.loaded();
  return (lead[deed] as (...args: unknown[]) => Promise<unknown>).apply(lead, args);
};

const LOADING: Snapshot = { phase: 'loading', nextConnect: 0, invites: false, rooms: [], blocks: [], settings: {}, leads: false };

interface Ready {
  parts: HostParts;
  reader: Reader;
}

export class TabEngine implements Engine {
  readonly #ground: Ground;
  readonly #tab = crypto.randomUUID();
  readonly #ready: Promise<Ready>;
  readonly #channel: Channel;
  #reader: Reader | undefined;
  #lead: Lead | undefined;
  #follows = ''; // whom
  #known = false; // a snapshot came of who leads now: events count
  #phase: Phase = 'loading';
  readonly #rooms = new Map<RoomId, number>(); // and when something was last said there
  readonly #listeners = new Set<(event: EngineEvent) => void>();
  #trouble: ErrorName | undefined;
  #stopped = false;

  constructor(ground: Ground) {
    this.#ground = ground;
    this.#ready = ground.parts.then((parts) => {
      const reader = new Reader(() => new Module(parts.module, parts.clock), parts.storage, parts.random);
      this.#reader = reader;
      return { parts, reader };
    });
    this.#channel = new Channel(ground.channel(), this.#tab, {
      leader: (tab) => this.#follow(tab),
      event: (event) => {
        if (this.#known) this.#emit(event);
      },
      silent: () => this.#takeOver(),
    });
    this.#ready.then(
      () => this.#queue(),
      (error: unknown) => this.#refused(asError(error).code),
    );
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    if (!this.#lead) this.#quietly('gone', this.#tab);
    this.#channel.close();
    this.#lead?.stop();
    this.#lead = undefined;
    void this.#ready.then(({ parts }) => parts.storage.close()).catch(() => undefined);
  }

  /** The page goes: its screen shows nothing any more. */
  leave(): void {
    this.#quietly('gone', this.#tab);
  }

  /** The browser says that there is no network. */
  offline(): void {
    this.#quietly('offline');
  }

  // ---- who leads

  #queue(steal = false): void {
    this.#ground.lead(
      () => void this.#begin().catch(() => this.#refused('storage')),
      () => this.#deposed(),
      steal,
    );
    this.#channel.expect();
  }

  /** The tab that leads is frozen, as phones do with those that nobody looks at. Should it wake, its storage refuses it (indexed.ts). */
  #takeOver(): void {
    if (this.#lead || this.#stopped || this.#reader === undefined || !this.#ground.visible()) return;
    this.#queue(true);
  }

  async #begin(): Promise<void> {
    const { parts, reader } = await this.#ready;
    if (this.#stopped || this.#lead) return;
    await parts.storage.lead(this.#tab);
    const lead = new Lead({
      ...parts,
      reader,
      deviceName: this.#ground.deviceName,
      emit: (event) => {
        this.#channel.tell(event);
        this.#emit(event);
      },
      deposed: () => this.#deposed(),
    });
    this.#lead = lead;
    this.#follows = '';
    this.#known = true;
    lead.start();
    this.#channel.lead((ask) => perform(lead, ask));
  }

  /** Another has taken the lead, while this one slept. */
  #deposed(): void {
    if (!this.#lead || this.#stopped) return;
    this.#lead.stop();
    this.#lead = undefined;
    this.#known = false;
    this.#channel.follow();
    this.#queue();
  }

  #follow(tab: string): void {
    if (this.#lead) return;
    this.#follows = tab;
    this.#known = false;
    void this.#tellSnapshot();
  }

  async #tellSnapshot(): Promise<void> {
    const leader = this.#follows;
    const snapshot = (await this.#channel.ask({ deed: 'snapshot', args: [] }).catch(() => undefined)) as Snapshot | undefined;
    if (!snapshot || leader !== this.#follows || this.#lead) return;
    this.#known = true;
    this.#emit({ kind: 'snapshot', snapshot });
  }

  #refused(error: ErrorName): void {
    this.#trouble = error;
    this.#emit({ kind: 'snapshot', snapshot: this.#unready() });
  }

  #unready(): Snapshot {
    return this.#trouble ? { ...LOADING, phase: 'signed-out', refused: this.#trouble } : LOADING;
  }

  // ---- events

  listen(on: (event: EngineEvent) => void): () => void {
    let first = true;
    const listener = (event: EngineEvent): void => {
      if (first && event.kind !== 'snapshot') return;
      first = false;
      on(event);
    };
    this.#listeners.add(listener);
    if (this.#lead || this.#known) void this.#snapshotFor(listener);
    else listener({ kind: 'snapshot', snapshot: this.#unready() });
    return () => this.#listeners.delete(listener);
  }

  async #snapshotFor(listener: (event: EngineEvent) => void): Promise<void> {
    const snapshot = await this.#deed('snapshot').catch(() => this.#unready());
    listener({ kind: 'snapshot', snapshot: { ...snapshot, leads: this.#lead !== undefined } });
  }

  #emit(event: EngineEvent): void {
    if (event.kind === 'snapshot') {
      if (event.snapshot.phase === 'loading' && this.#phase !== 'loading') return; // of a new leader: what is known stays in sight until it knows too
      this.#rooms.clear();
      this.#remember(event.snapshot.phase, event.snapshot.rooms);
    }
    if (event.kind === 'rooms') this.#remember(this.#phase, event.rooms);
    if (event.kind === 'phase') this.#phase = event.phase;
    const told: EngineEvent = event.kind === 'snapshot' ? { ...event, snapshot: { ...event.snapshot, leads: this.#lead !== undefined } } : event;
    for (const listener of this.#listeners) listener(told);
  }

  #remember(phase: Phase, rooms: RoomInfo[]): void {
    this.#phase = phase;
    for (const { room, lastTime } of rooms) this.#rooms.set(room, lastTime);
  }

  // ---- deeds

  async #deed<D extends Deed>(deed: D, ...args: Parameters<Deeds[D]>): Promise<Awaited<ReturnType<Deeds[D]>>> {
    if (this.#trouble) throw new EngineError(this.#trouble);
    await this.#ready;
    return (await this.#channel.ask({ deed, args })) as Awaited<ReturnType<Deeds[D]>>;
  }

  /** A tab that only thought that it led asks the one that does. */
  async #anyway<D extends 'write' | 'createGroup'>(deed: D, ...args: Parameters<Deeds[D]>): Promise<Awaited<ReturnType<Deeds[D]>>> {
    try {
      return await this.#deed(deed, ...args);
    } catch (error) {
      if (!(error instanceof EngineError) || error.code !== MOVED) throw error;
      return await this.#deed(deed, ...args);
    }
  }

  /** One whose outcome nobody waits for. */
  #quietly<D extends Deed>(deed: D, ...args: Parameters<Deeds[D]>): void {
    this.#deed(deed, ...args).catch(() => undefined);
  }

  signUp(fields: { email: string; userName: string; displayName: string; password: string; invite: string }): Promise<void> {
    return this.#deed('signUp', fields);
  }

  async confirm(code: string): Promise<void> {
    await this.#deed('confirm', code);
    this.#ground.persist();
  }

  async signIn(login: string, password: string): Promise<void> {
    await this.#deed('signIn', login, password);
    this.#ground.persist();
  }

  reset(email: string): Promise<void> {
    return this.#deed('reset', email);
  }

  async resetConfirm(code: string, password: string): Promise<void> {
    await this.#deed('resetConfirm', code, password);
    this.#ground.persist();
  }

  startOver(): Promise<void> {
    return this.#deed('startOver');
  }

  cancel(): void {
    this.#quietly('cancel');
  }

  setPassword(old: string, next: string, others: boolean): Promise<void> {
    return this.#deed('setPassword', old, next, others);
  }

  setProfile(userName: string, displayName: string): Promise<void> {
    return this.#deed('setProfile', userName, displayName);
  }

  setEmail(email: string, password: string): Promise<void> {
    return this.#deed('setEmail', email, password);
  }

  confirmEmail(code: string): Promise<void> {
    return this.#deed('confirmEmail', code);
  }

  block(user: UserId, on: boolean): Promise<void> {
    return this.#deed('block', user, on);
  }

  deleteAccount(password: string): Promise<void> {
    return this.#deed('deleteAccount', password);
  }

  devices(): Promise<Device[]> {
    return this.#deed('devices');
  }

  signOut(device?: DeviceId): Promise<void> {
    return this.#deed('signOut', device);
  }

  signOutOthers(): Promise<void> {
    return this.#deed('signOutOthers');
  }

  invite(uses: number, validMs: number): Promise<string> {
    return this.#deed('invite', uses, validMs);
  }

  /** Who does not lead puts it into the outbox himself: it is kept even if the leader goes at this moment. */
  async write(room: RoomId, operation: Operation): Promise<RequestId> {
    const { reader } = await this.#ready;
    if (this.#lead || !this.#known) return this.#anyway('write', room, operation);
    if (!SIGNED_IN.has(this.#phase)) throw new EngineError('again');
    const entry = await reader.write(room, operation);
    this.#emit({ kind: 'outbox', room, id: entry.id, state: 'queued', entry });
    this.#quietly('wrote', entry);
    return entry.id;
  }

  createGroup(title: string): Promise<RoomId> {
    return this.#anyway('createGroup', title);
  }

  retry(room: RoomId, id: RequestId): Promise<void> {
    return this.#deed('retry', room, id);
  }

  discard(room: RoomId, id: RequestId): Promise<void> {
    return this.#deed('discard', room, id);
  }

  set(key: string, value: string): Promise<void> {
    return this.#deed('set', key, value);
  }

  setRoom(room: RoomId, setting: 'mute' | 'archive' | 'pin' | 'draft', value: string): Promise<void> {
    return this.#deed('setRoom', room, setting, value);
  }

  history(room: RoomId, seq: number, rowsMax: number): Promise<number> {
    return this.#deed('history', room, seq, rowsMax);
  }

  around(room: RoomId, at: { seq: number } | { time: number }, rowsMax: number): Promise<{ rows: Row[]; head: number }> {
    return this.#deed('around', room, at, rowsMax);
  }

  pins(room: RoomId, before: number): Promise<{ rows: Row[]; more: boolean }> {
    return this.#deed('pins', room, before);
  }

  reactors(room: RoomId, seq: number): Promise<Reactor[]> {
    return this.#deed('reactors', room, seq);
  }

  members(room: RoomId, after: UserId | undefined): Promise<MemberPage> {
    return this.#deed('members', room, after);
  }

  find(name: string): Promise<Person[]> {
    return this.#deed('find', name);
  }

  person(user: UserId): Promise<Person | undefined> {
    return this.#deed('person', user);
  }

  search(text: string, room: RoomId | undefined, before: Place | undefined): Promise<Found> {
    return this.#deed('search', text, room, before);
  }

  read(room: RoomId, seq: number): void {
    this.#quietly('read', room, seq);
  }

  watch(users: UserId[], room: RoomId | undefined): void {
    this.#quietly('watch', this.#tab, users, room);
  }

  typing(room: RoomId): void {
    this.#quietly('typing', room);
  }

  hurry(): void {
    this.#quietly('hurry');
  }

  // ---- the storage

  async rows(room: RoomId, before: number | undefined, limit: number): Promise<{ rows: Row[]; bottom: boolean }> {
    return (await this.#ready).reader.rows(room, before, limit);
  }

  async rowsAfter(room: RoomId, after: number, limit: number): Promise<{ rows: Row[] }> {
    return (await this.#ready).reader.rowsAfter(room, after, limit);
  }

  async row(room: RoomId, seq: number): Promise<Row | undefined> {
    return (await this.#ready).reader.row(room, seq);
  }

  async outbox(room: RoomId): Promise<OutboxEntry[]> {
    return (await this.#ready).reader.outbox(room);
  }

  async searchHere(text: string, room: RoomId | undefined, limit: number): Promise<Hit[]> {
    const latest = [...this.#rooms].sort((a, b) => b[1] - a[1]).map(([id]) => id);
    return (await this.#ready).reader.search(text, room === undefined ? latest : [room], limit);
  }

  personalRoom(a: UserId, b: UserId): RoomId {
    if (!this.#reader) throw new EngineError('again');
    return this.#reader.personalRoom(a, b);
  }
}
