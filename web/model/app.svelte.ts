/*
 * All that the view shows, put together from the core's events. One for a page; it lives as long as the page does.
 */
import type { Engine, EngineEvent, ErrorName, Me, Person, Phase, RoomId, RoomInfo, Row, Snapshot, UserId } from '../core/types.ts';
import { Chat } from './chat.svelte.ts';
import { type Clock, type Keep, MINUTE } from './clock.ts';
import { People } from './people.svelte.ts';
import { Rooms } from './rooms.svelte.ts';
import { Settings } from './settings.svelte.ts';
import { Toasts } from './toasts.svelte.ts';
import { Unsent } from './unsent.svelte.ts';

const EARLY_MAX = 64;
const SIGNED_OUT: Phase[] = ['signed-out', 'waits-for-code', 'waits-for-reset'];

/** A row that somebody else wrote just now. */
export type Heard = (room: RoomInfo, row: Row) => void;

export class App {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly keep: Keep;
  readonly people: People;
  readonly unsent: Unsent;
  readonly rooms: Rooms;
  readonly settings: Settings;
  readonly toasts: Toasts;

  phase = $state<Phase>('loading');
  me = $state.raw<Me | undefined>();
  refused = $state.raw<ErrorName | undefined>();
  nextConnect = $state(0);
  leads = $state(false);
  /** members may invite others to this server */
  invites = $state(false);
  blocks = $state.raw<ReadonlySet<UserId>>(new Set());
  chat = $state.raw<Chat | undefined>();
  /** the time, as of the last minute: for words like "5 min" */
  minute = $state(0);
  /** the page is in sight and has the focus */
  seen = $state(true);

  readonly #heard: Heard[] = [];
  readonly #early = new Map<RoomId, Row>(); // the latest of rooms whose lines are not there yet
  /** the number of the newest row that was told of each room */
  readonly #newest = new Map<RoomId, number>();
  #shown: UserId[] = [];
  /** what lies over the lists, the latest last */
  readonly #looked: UserId[][] = [];

  constructor(engine: Engine, clock: Clock, keep: Keep) {
    this.engine = engine;
    this.clock = clock;
    this.keep = keep;
    this.people = new People(engine);
    this.unsent = new Unsent(engine);
    this.rooms = new Rooms(this.unsent);
    this.settings = new Settings(engine, keep);
    this.toasts = new Toasts(clock);
    this.#tick();
    engine.listen((event) => this.#take(event));
  }

  get myId(): UserId {
    return this.me?.person.user ?? '';
  }

  get signedOut(): boolean {
    return SIGNED_OUT.includes(this.phase);
  }

  get linked(): boolean {
    return this.phase === 'ready' || this.phase === 'synced';
  }

  /** Whoever is told of rows that others wrote just now. */
  onHeard(heard: Heard): void {
    this.#heard.push(heard);
  }

  open(room: RoomId, peer?: Person): void {
    if (this.chat?.room === room) return;
    this.chat?.close();
    const chat = new Chat(this, room, peer);
    this.chat = chat;
    this.#watch();
    void chat.open();
  }

  close(): void {
    this.chat?.close();
    this.chat = undefined;
    this.#watch();
  }

  /** The personal room with somebody, open. */
  openWith(person: Person): RoomId {
    const room = this.engine.personalRoom(this.myId, person.user);
    this.people.put([person]);
    this.open(room, person);
    return room;
  }

  /** One's own notes: the personal room with oneself. */
  get notes(): RoomId {
    return this.engine.personalRoom(this.myId, this.myId);
  }

  /** People whose lines are in sight. */
  show(users: UserId[]): void {
    this.#shown = users;
    this.#watch();
  }

  /** People who are looked at beside the lists, before all others. Returns what ends it. */
  look(users: UserId[]): () => void {
    this.#looked.push(users);
    this.#watch();
    return () => {
      this.#looked.splice(this.#looked.indexOf(users), 1);
      this.#watch();
    };
  }

  #watch(): void {
    if (this.phase === 'loading' || this.signedOut) return;
    const { chat } = this;
    // Before its first message is answered the server knows of no room: who shares one is not told of then, and is to be asked anew.
    const room = chat?.info && chat.info.head > 0 ? chat.room : undefined;
    const looked = [...this.#looked].reverse().flat();
    const users = [...(chat?.peer ? [chat.peer.user] : []), ...looked, ...this.#shown];
    this.people.watch(users.filter((user) => user !== this.myId), room);
  }

  #tick(): void {
    const now = this.clock.now();
    this.minute = now;
    this.clock.after(MINUTE - (now % MINUTE), () => this.#tick());
  }

  #take(event: EngineEvent): void {
    switch (event.kind) {
      case 'snapshot':
        this.#restart(event.snapshot);
        break;
      case 'phase':
        this.#phase(event.phase, event.me, event.refused, event.nextConnect);
        this.invites = event.invites;
        break;
      case 'rooms':
        this.rooms.put(event.rooms);
        this.#namePeers(event.rooms);
        this.unsent.look(event.rooms);
        this.#hearEarly(event.rooms);
        this.#watch();
        break;
      case 'rows':
        this.#rows(event.room, event.rows);
        break;
      case 'people':
        this.people.put(event.people);
        break;
      case 'status':
        this.people.putStatus(event.status);
        break;
      case 'typing':
        this.people.putTyping(event.room, event.users.filter((user) => user !== this.myId));
        break;
      case 'blocks':
        this.blocks = new Set(event.blocks);
        break;
      case 'setting':
        this.settings.put(event.key, event.value);
        break;
      case 'forgotten':
        this.#forget(event.error);
        break;
      case 'outbox':
        this.unsent.take(event);
        break;
    }
    this.chat?.take(event);
  }

  #restart(snapshot: Snapshot): void {
    this.rooms.replace(snapshot.rooms);
    this.blocks = new Set(snapshot.blocks);
    this.settings.replace(snapshot.settings);
    this.leads = snapshot.leads;
    this.people.forgetWatch();
    this.#namePeers(snapshot.rooms);
    this.unsent.look(snapshot.rooms);
    for (const { room, last } of snapshot.rooms) if (last) this.#note(room, last.seq);
    this.invites = snapshot.invites;
    this.#phase(snapshot.phase, snapshot.me, snapshot.refused, snapshot.nextConnect);
  }

  #phase(phase: Phase, me: Me | undefined, refused: ErrorName | undefined, nextConnect: number): void {
    const before = this.linked;
    const wasIn = this.phase !== 'loading' && !this.signedOut;
    this.phase = phase;
    this.people.linked = this.linked;
    if (me) this.me = me;
    else if (this.signedOut) this.me = undefined;
    this.refused = refused;
    this.nextConnect = nextConnect;
    if (me) this.people.put([me.person]);
    if (phase === 'ready' || phase === 'synced') this.rooms.known = true; // after another sign-in, too
    if (this.linked && !before) {
      this.people.forgetWatch();
      this.chat?.askMore();
    }
    if (this.signedOut && this.chat) this.close();
    if (this.signedOut && wasIn) for (const begin of ['draft:', 'edit:']) this.keep.forget(begin); // what was being written is nobody else's
    this.#watch();
  }

  /** Rows may come before the line of their room: they are heard with it, if it is the first of somebody new. */
  #rows(room: RoomId, rows: Row[]): void {
    const live = this.phase === 'synced';
    const info = this.rooms.get(room);
    const newest = this.#newest.get(room);
    // One that is new may have been altered since (a reaction that came along); of an old room of which no row is known, it may be an old one.
    const isNew = (row: Row): boolean => (newest === undefined && info ? row.changed === row.seq : row.seq > (newest ?? 0));
    const said = rows.filter((row) => row.sender !== this.myId && row.kind === 'text' && isNew(row));
    for (const row of rows) this.#note(room, row.seq);
    // What comes while the link is whole was said just now, whatever the clocks say; of what was missed, what is not a minute old.
    const last = said.findLast((row) => live || this.clock.now() - row.time <= MINUTE);
    if (!last) return;
    if (info) this.#hear(info, last);
    else if (this.#early.size < EARLY_MAX) this.#early.set(room, last);
  }

  #note(room: RoomId, seq: number): void {
    if (seq > (this.#newest.get(room) ?? 0)) this.#newest.set(room, seq);
  }

  #hear(info: RoomInfo, row: Row): void {
    if (row.seq <= info.marks.shown || row.seq < (info.last?.seq ?? 0)) return; // seen elsewhere, or old: history that is being fetched
    if (info.kind === 'group' && this.blocks.has(row.sender)) return;
    for (const heard of this.#heard) heard(info, row);
  }

  #hearEarly(rooms: RoomInfo[]): void {
    for (const info of rooms) {
      const row = this.#early.get(info.room);
      if (row && this.#early.delete(info.room)) this.#hear(info, row);
    }
  }

  #namePeers(rooms: RoomInfo[]): void {
    this.people.put(rooms.flatMap((info) => (info.peer ? [info.peer] : [])));
  }

  #forget(error: ErrorName | undefined): void {
    this.close();
    this.#early.clear();
    this.#newest.clear();
    this.unsent.forget();
    this.rooms.forget();
    this.people.forget();
    this.blocks = new Set();
    this.settings.replace({});
    if (error) this.toasts.say(error === 'revoked' ? 'toast.signed_out' : `error.${error}`);
  }
}
