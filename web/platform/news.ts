/*
 * What the core's events become for those who listen, and for those who wait for an answer. Events of one turn are gathered and told at its
 * end: rows first, then what became of own operations, then the phase, then the lines of the list.
 */
import type { CoreNews, CoreRoom, CoreState } from '../core/events.ts';
import { EngineError } from '../core/types.ts';
import type { EngineEvent, ErrorName, OutboxEntry, Person, Phase, RequestId, RoomId, Row, Snapshot, UserId } from '../core/types.ts';
import type { Bytes } from '../core/wasm.ts';
import type { Emit } from './deeds.ts';
import type { Host, HostEvents, HostParts } from './host.ts';
import { Lines } from './lines.ts';
import { keyId, keyRoom } from './reader.ts';
import type { Reader } from './reader.ts';
import { Screen } from './screen.ts';
import { Waiting } from './waiting.ts';

const QUESTIONS_MAX = 16; // the core's own
const WRITES_MAX = 1000;
const HISTORIES_MAX = 64;
const LOADING = 'loading';
/** Inside the engine: another tab leads, and nothing was done here. */
export const MOVED = 'moved';
/** What ended a core before it could keep anything of what was under way. */
const NOT_DONE: ReadonlySet<ErrorName> = new Set(['storage', MOVED]);
export const SIGNED_IN: ReadonlySet<Phase> = new Set<Phase>(['offline', 'joining', 'ready', 'synced']);
const ROOMS_A_CALL = 200;
const ROOMS_FIRST = 60; // lines that are whole in a snapshot; the others follow
const CONNECT_DRIFT_MS = 500;
const CONNECTS_MAX = 2; // connects that fail, before one who waits to be signed in is told

/** The next connect is reckoned anew each time, from two clocks. */
const isSame = (a: CoreState, b: CoreState): boolean =>
  Math.abs(a.nextConnect - b.nextConnect) < CONNECT_DRIFT_MS && JSON.stringify({ ...a, nextConnect: 0 }) === JSON.stringify({ ...b, nextConnect: 0 });

export interface LeadParts extends HostParts {
  reader: Reader;
  deviceName: string;
  emit: Emit;
  /** Another tab leads now. */
  deposed(): void;
}

export class News implements HostEvents {
  readonly #parts: LeadParts;
  readonly #lines: Lines;
  #host!: Host;
  #screen!: Screen;
  /** Who waits for the answer about the account. */
  sign: { resolve(): void; reject(error: EngineError): void } | undefined;
  readonly questions = new Waiting<CoreNews>(QUESTIONS_MAX, true);
  readonly writes = new Waiting<void>(WRITES_MAX);
  readonly histories = new Waiting<number>(HISTORIES_MAX);
  readonly #loading = new Waiting<void>(WRITES_MAX);
  readonly written = new Map<RequestId, OutboxEntry>();
  readonly people = new Map<UserId, Person | undefined>();
  #settings: Record<string, string> = {};
  #blocks: UserId[] = [];
  #state: CoreState = { phase: 'loading', nextConnect: 0, invites: false };
  #trouble: ErrorName | undefined;
  // what this turn brought
  readonly #dirty = new Set<RoomId>();
  readonly #rows = new Map<RoomId, Row[]>();
  #events: EngineEvent[] = [];
  readonly #sent = new Set<RequestId>();
  readonly #mutes = new Map<RoomId, number>(); // that end, and when
  readonly #dropped: { room: RoomId; id: RequestId }[] = [];
  #reading = false;

  constructor(parts: LeadParts) {
    this.#parts = parts;
    this.#lines = new Lines(parts.reader);
  }

  /** Whose events these are. */
  attach(host: Host): Screen {
    this.#host = host;
    this.#screen = new Screen(host, this.#parts.emit);
    return this.#screen;
  }

  get state(): CoreState {
    return this.#state;
  }

  stop(): void {
    this.#giveUp('closed');
    this.#loading.rejectAll('closed');
  }

  // ---- the host's events

  dropped(key: Bytes): void {
    this.#dropped.push({ room: keyRoom(key), id: keyId(key) });
  }

  forgot(): void {
    this.#lines.forget();
  }

  deposed(): void {
    this.#giveUp(MOVED);
    this.#parts.deposed();
  }

  // ---- lives

  #giveUp(error: ErrorName): void {
    const told = error === MOVED ? 'unknown' : error;
    this.sign?.reject(new EngineError(told));
    this.sign = undefined;
    this.questions.rejectAll(told);
    this.writes.rejectAll(NOT_DONE.has(error) ? error : 'unknown');
    this.histories.rejectAll(told);
    this.written.clear();
  }

  /** A core that begins anew is told of once it is loaded. */
  reborn(error?: ErrorName): void {
    const { phase, me } = this.#state;
    this.#giveUp(error ?? 'closed');
    this.#lines.forget();
    this.#dirty.clear();
    this.#rows.clear();
    this.#events = [];
    this.#state = { phase: 'loading', nextConnect: 0, invites: false };
    if (error) {
      this.#trouble = error;
      this.#loading.rejectAll(error);
      // Who is signed in stays so, and sees what he saw: the next core begins with all of it.
      if (SIGNED_IN.has(phase)) this.#parts.emit({ kind: 'phase', phase: 'offline', ...(me ? { me } : {}), refused: error, nextConnect: 0, invites: this.#state.invites });
      else void this.#tellAll();
    }
  }

  /** Resolves once the core has read what is stored; rejects if it cannot. */
  loaded(): Promise<void> {
    if (!this.#host.lives) return Promise.reject(new EngineError(this.#trouble ?? 'again'));
    return this.#state.phase === 'loading' ? this.#loading.wait(LOADING) : Promise.resolve();
  }

  async #tellAll(): Promise<void> {
    const snapshot = await this.snapshot().catch(() => undefined); // the core is gone: the next one tells
    if (snapshot) this.#parts.emit({ kind: 'snapshot', snapshot });
  }

  /** The lines that are seen first are whole, the others follow. */
  async #readFirst(): Promise<void> {
    const { phase, me } = this.#state;
    const first = phase === 'loading' ? [] : this.#host.look<CoreRoom[]>('rooms', 0, ROOMS_FIRST);
    if (first.every((room) => this.#lines.has(room))) return;
    await this.#lines.read(first, me?.person.user ?? '', me?.person.userName ?? '').catch(() => undefined);
  }

  async snapshot(): Promise<Snapshot> {
    await this.#readFirst();
    const { phase, me, refused, nextConnect, invites } = this.#state;
    const rooms = phase === 'loading' ? [] : this.#allRooms();
    const trouble = refused ?? this.#trouble;
    this.#noteMutes(rooms);
    for (const room of rooms) if (!this.#lines.has(room)) this.#dirty.add(room.room);
    void this.#tellRooms();
    const blocked = new Set(this.#blocks);
    return {
      phase: this.#trouble === 'storage' && phase === 'loading' ? 'signed-out' : phase,
      ...(me ? { me } : {}),
      ...(trouble ? { refused: trouble } : {}),
      nextConnect,
      invites,
      rooms: rooms.map((room) => this.#lines.info(room, blocked)),
      blocks: this.#blocks,
      settings: { ...this.#settings },
      leads: false,
    };
  }

  #allRooms(): CoreRoom[] {
    const rooms: CoreRoom[] = [];
    for (;;) {
      const some = this.#host.look<CoreRoom[]>('rooms', rooms.length, ROOMS_A_CALL);
      rooms.push(...some);
      if (some.length < ROOMS_A_CALL) break;
    }
    return rooms.filter((room) => !room.bare);
  }

  // ---- what happened

  news(news: CoreNews): void {
    switch (news.kind) {
      case 'sign':
        if (news.error) this.sign?.reject(new EngineError(news.error, news.wait));
        else this.sign?.resolve();
        this.sign = undefined;
        break;
      case 'room':
        this.#dirty.add(news.room);
        break;
      case 'row':
        this.#row(news.room, news.row, news.mentions);
        break;
      case 'message':
        this.#message(news);
        break;
      case 'history':
        if (news.error) this.histories.reject(news.room, new EngineError(news.error));
        else this.histories.resolve(news.room, news.seq);
        break;
      case 'failed':
        this.questions.reject(news.id, new EngineError(news.error ?? 'failed'));
        break;
      case 'people':
      case 'devices':
      case 'window':
      case 'pins':
      case 'reactors':
      case 'members':
      case 'found':
      case 'invited':
        this.questions.resolve(news.id, news);
        break;
      case 'blocks':
        this.#blocks = this.#host.look<UserId[]>('blocks');
        this.#events.push({ kind: 'blocks', blocks: this.#blocks });
        break;
      case 'names':
        this.#names();
        break;
      case 'setting':
        this.#setting(news);
        break;
      case 'forgotten':
        this.#lines.forget();
        this.people.clear();
        this.#events.push({ kind: 'forgotten', ...(news.error ? { error: news.error } : {}) });
        this.#tellKept();
        break;
      case 'status':
      case 'typing':
      case 'phase':
        break; // looked at when the turn is over
    }
  }

  #row(room: RoomId, row: Row, mentions: boolean): void {
    const rows = this.#rows.get(room) ?? [];
    rows.push(row);
    this.#rows.set(room, rows);
    this.#lines.row(room, row, mentions);
    this.#dirty.add(room);
  }

  #message({ room, id, state, seq, error }: Extract<CoreNews, { kind: 'message' }>): void {
    this.#dirty.add(room);
    if (state === 'queued') {
      const entry = this.written.get(id);
      this.written.delete(id);
      this.writes.resolve(id, undefined);
      if (entry) this.#events.push({ kind: 'outbox', room, id, state, entry });
      else void this.#tellEntry(room, id);
      return;
    }
    this.#sent.add(id);
    this.#events.push({ kind: 'outbox', room, id, state, ...(seq ? { seq } : {}), ...(error ? { error } : {}) });
  }

  /** One that is to be sent again under another id. */
  async #tellEntry(room: RoomId, id: RequestId): Promise<void> {
    const entry = await this.#parts.reader.entry(room, id).catch(() => undefined);
    if (entry) this.#parts.emit({ kind: 'outbox', room, id, state: 'queued', entry });
  }

  #setting({ key, value, waits, room, error }: Extract<CoreNews, { kind: 'setting' }>): void {
    if (key === undefined) {
      this.#allSettings();
      return;
    }
    if (room) this.#dirty.add(room);
    if (value) this.#settings[key] = value;
    else delete this.#settings[key];
    this.#events.push({ kind: 'setting', key, value: value ?? '', waits: waits ?? false, ...(error ? { error } : {}) });
  }

  /** Any of them may be another now. */
  #allSettings(): void {
    const before = this.#settings;
    this.#settings = this.#host.look<Record<string, string>>('settings');
    for (const key of new Set([...Object.keys(before), ...Object.keys(this.#settings)])) {
      const value = this.#settings[key] ?? '';
      if (value !== (before[key] ?? '')) this.#events.push({ kind: 'setting', key, value, waits: false });
    }
    if (this.#state.phase !== 'loading') for (const room of this.#allRooms()) this.#dirty.add(room.room);
  }

  /** Another era leaves whom one blocks, and settings that were not sent: the core has no news of what is as it was, and whoever listens forgot it. */
  #tellKept(): void {
    this.#blocks = this.#host.look<UserId[]>('blocks');
    if (this.#blocks.length) this.#events.push({ kind: 'blocks', blocks: this.#blocks });
    this.#settings = {};
    this.#allSettings();
  }

  #names(): void {
    const people: Person[] = [];
    for (const [user, known] of this.people) {
      const person = this.#host.look<Person | null>('person', user) ?? undefined;
      if (!person || (person.userName === known?.userName && person.displayName === known.displayName)) continue;
      this.people.set(user, person);
      people.push(person);
    }
    if (people.length) this.#events.push({ kind: 'people', people });
  }

  // ---- the end of a turn

  settled(): void {
    if (!this.#host.lives) return;
    const phase = this.#phase();
    this.#endMutes();
    for (const [room, rows] of this.#rows) this.#parts.emit({ kind: 'rows', room, rows: rows.sort((a, b) => a.seq - b.seq) });
    this.#rows.clear();
    for (const { room, id } of this.#dropped) if (!this.#sent.has(id)) this.#events.push({ kind: 'outbox', room, id, state: 'discarded' });
    this.#dropped.length = 0;
    this.#sent.clear();
    for (const event of this.#events.splice(0)) this.#parts.emit(event);
    if (phase) this.#parts.emit(phase);
    void this.#tellRooms();
    this.#screen.look();
  }

  /** What there is to tell of it. */
  #phase(): EngineEvent | undefined {
    const state = this.#host.look<CoreState>('state');
    const loaded = this.#state.phase === 'loading' && state.phase !== 'loading';
    const before = this.#state;
    if (this.sign && !state.me && this.#host.failedConnects >= CONNECTS_MAX) this.#giveUpSign();
    if (!loaded && isSame(before, state)) return undefined;
    this.#state = state;
    if (loaded) this.#loaded();
    return loaded || state.phase === 'loading' ? undefined : { kind: 'phase', ...state };
  }

  /** The first that is known. */
  #loaded(): void {
    this.#trouble = undefined;
    this.#loading.resolve(LOADING, undefined);
    this.#settings = this.#host.look<Record<string, string>>('settings');
    this.#blocks = this.#host.look<UserId[]>('blocks');
    this.#events = [];
    this.#rows.clear();
    void this.#tellAll();
  }

  /** Who waits to be signed in, and there is no server: he may try again. */
  #giveUpSign(): void {
    const sign = this.sign;
    this.sign = undefined;
    this.#host.call('cancel');
    sign?.reject(new EngineError('again'));
  }

  /** Lines whose last row is not known yet are read first. */
  async #tellRooms(): Promise<void> {
    if (this.#reading) return;
    while (this.#dirty.size && this.#host.lives && this.#state.phase !== 'loading') {
      const ids = [...this.#dirty].slice(0, ROOMS_A_CALL);
      for (const id of ids) this.#dirty.delete(id);
      const rooms = ids.flatMap((id) => this.#room(id) ?? []).filter((room) => !room.bare);
      const missing = rooms.filter((room) => !this.#lines.has(room));
      if (missing.length) {
        const me = this.#state.me?.person;
        this.#reading = true;
        await this.#lines.read(missing, me?.user ?? '', me?.userName ?? '').catch(() => undefined);
        this.#reading = false;
      }
      const blocked = new Set(this.#blocks);
      const now = rooms.flatMap(({ room }) => this.#room(room) ?? []);
      this.#noteMutes(now);
      if (now.length) this.#parts.emit({ kind: 'rooms', rooms: now.map((room) => this.#lines.info(room, blocked)) });
    }
  }

  // ---- mutes end by themselves

  #noteMutes(rooms: CoreRoom[]): void {
    for (const { room, settings } of rooms) {
      if (settings.muted && settings.mutedUntil < Infinity) this.#mutes.set(room, settings.mutedUntil);
      else this.#mutes.delete(room);
    }
  }

  #endMutes(): void {
    const wall = this.#parts.clock.wall();
    for (const [room, until] of this.#mutes) {
      if (until > wall) continue;
      this.#mutes.delete(room);
      this.#dirty.add(room);
    }
  }

  #room(id: RoomId): CoreRoom | undefined {
    try {
      return this.#host.look<CoreRoom>('room', id);
    } catch {
      return undefined; // forgotten
    }
  }
}
