/*
 * The open room: its log, what of it is not sent, where one has read to, what one can do with its messages. Made when a room is opened,
 * closed when another is.
 */
import { SvelteMap, SvelteSet } from 'svelte/reactivity';

import type { EngineEvent, Operation, OutboxEntry, Person, Reactor, RequestId, RoomId, RoomInfo, RoomKind, Row } from '../core/types.ts';
import type { App } from './app.svelte.ts';
import { Compose } from './compose.svelte.ts';
import { deedsOn, NO_DEEDS, type Deeds } from './deeds.ts';
import { isOffline } from './errors.ts';
import { astray, inWindow, itemsOf, type Item, type Shown, type Sight } from './items.ts';
import { Members } from './members.svelte.ts';
import { Pager, type Target } from './pager.svelte.ts';
import { Pins } from './pins.svelte.ts';
import { rowAt } from './pages.ts';
import { reactorsOfTwo } from './reactors.ts';
import { Selection } from './selection.svelte.ts';

/** A place that the view is to bring into sight; `n` makes two jumps to one place two. */
export interface Jump {
  seq: number;
  n: number;
}

type OutboxEvent = Extract<EngineEvent, { kind: 'outbox' }>;

export class Chat {
  readonly room: RoomId;
  readonly pager: Pager;
  readonly compose: Compose;
  readonly members: Members;
  readonly pins: Pins;
  readonly selection = new Selection();
  outbox = $state.raw<OutboxEntry[]>([]);
  unreadFrom = $state(0);
  jump = $state.raw<Jump | undefined>();
  /** the view follows the newest rows */
  following = $state(true);
  error = $state.raw<unknown>();
  /** the row that came last, for those who hear the log */
  latest = $state.raw<Row | undefined>();

  readonly #app: App;
  readonly #peer: Person | undefined;
  readonly #revealed = new SvelteSet<string>();
  readonly #quoted = new SvelteMap<number, Row | null>();
  #told = 0;
  /** what happened to the outbox while it was read, the last of each entry: it may not be in what was read */
  #meanwhile: Map<RequestId, OutboxEvent> | undefined;
  #opened: Promise<void> | undefined;

  constructor(app: App, room: RoomId, peer?: Person) {
    this.#app = app;
    this.room = room;
    this.#peer = peer;
    this.pager = new Pager(app.engine, room, () => this.info);
    this.compose = new Compose(app, this);
    this.members = new Members(app, room, () => this.kind);
    this.pins = new Pins(app, room);
  }

  get info(): RoomInfo | undefined {
    return this.#app.rooms.get(this.room);
  }

  get peer(): Person | undefined {
    return this.info?.peer ?? this.#peer;
  }

  get kind(): RoomKind {
    return this.info?.kind ?? (this.room === this.#app.notes ? 'self' : this.peer ? 'personal' : 'group');
  }

  get left(): boolean {
    return this.info?.left ?? false;
  }

  /** One asked to come in, and the server has not let one in yet. */
  get joining(): boolean {
    return this.outbox.some(({ operation }) => operation.kind === 'joined' && operation.subject === this.#app.myId);
  }

  /** A personal room with somebody whom one blocks. */
  get blocked(): boolean {
    return this.peer !== undefined && this.#app.blocks.has(this.peer.user);
  }

  #shown: Shown | undefined;
  readonly items: Item[] = $derived.by(() => {
    const sight: Sight = {
      me: this.#app.myId,
      userName: this.#app.me?.person.userName ?? '',
      group: this.kind === 'group',
      self: this.kind === 'self',
      ticks: this.info?.ticks,
      unreadFrom: this.unreadFrom,
      blocks: this.#app.blocks,
      revealed: this.#revealed,
    };
    const items = itemsOf(this.pager.rows, inWindow(this.outbox, this.pager.atNewest), sight, this.#shown);
    this.#shown = { items, sight };
    return items;
  });

  readonly astray: OutboxEntry[] = $derived.by(() => astray(this.outbox, this.pager.rows));

  open(): Promise<void> {
    return (this.#opened ??= this.#open());
  }

  async #open(): Promise<void> {
    const info = this.info;
    if (info && info.unread > 0) this.unreadFrom = info.marks.read + 1;
    this.#told = info?.marks.read ?? 0;
    try {
      await Promise.all([this.#readOutbox(), this.pager.open(), this.compose.open()]);
    } catch (error) {
      this.error = error;
      this.pager.loaded = true;
    }
    this.following = this.pager.atNewest && this.unreadFrom === 0;
    this.askMore();
  }

  async #readOutbox(): Promise<void> {
    const meanwhile = (this.#meanwhile = new Map<RequestId, OutboxEvent>());
    try {
      const outbox = await this.#app.engine.outbox(this.room);
      if (this.#meanwhile !== meanwhile) return; // it is being read again
      const here = new Set(this.pager.rows.map((row) => row.request));
      this.outbox = outbox.filter((entry) => !here.has(entry.id));
    } finally {
      if (this.#meanwhile === meanwhile) this.#meanwhile = undefined;
    }
    for (const event of meanwhile.values()) this.#takeOutbox(event);
  }

  /** Another tab leads: what the one before did last may have been told to nobody. */
  async #catchUp(): Promise<void> {
    await this.#opened;
    try {
      await Promise.all([this.#readOutbox(), this.pager.catchUp()]);
      if (this.following && !this.pager.atNewest) await this.pager.newest();
    } catch {
      this.pager.atNewest = false; // so that what comes is not put right after what may have a gap
    }
  }

  /** What needs a link, once there is one. */
  askMore(): void {
    this.members.load();
    this.pins.load();
    if (this.pager.rows.length === 0 && this.pager.loaded && (this.info?.head ?? 0) > 0) void this.pager.newest();
  }

  close(): void {
    this.compose.close();
    this.pager.close();
  }

  take(event: EngineEvent): void {
    if (event.kind === 'rows' && event.room === this.room) this.#takeRows(event.rows);
    if (event.kind === 'outbox' && event.room === this.room) this.#takeOutbox(event);
    if (event.kind === 'rooms' || event.kind === 'snapshot') this.compose.follow();
    if (event.kind === 'rooms' && this.pager.mend() && this.following) void this.pager.newest();
    if (event.kind === 'snapshot') void this.#catchUp();
  }

  #takeRows(rows: Row[]): void {
    const fresh = this.pager.take(rows).filter((row) => row.sender !== this.#app.myId && row.kind === 'text');
    const away = !this.following || !this.#app.seen;
    if (fresh.length > 0 && away && (this.unreadFrom === 0 || (this.info?.unread ?? 0) === 0)) this.unreadFrom = fresh[0]!.seq;
    this.latest = fresh.findLast((row) => this.kind !== 'group' || !this.#app.blocks.has(row.sender)) ?? this.latest;
    for (const row of rows) {
      if (this.#quoted.has(row.seq)) this.#quoted.set(row.seq, row);
      this.pins.take(row);
    }
    this.members.take(rows);
    this.selection.take(rows);
    const here = new Set(rows.map((row) => row.request));
    if (this.outbox.some((entry) => here.has(entry.id))) this.outbox = this.outbox.filter((entry) => !here.has(entry.id));
  }

  #takeOutbox(event: OutboxEvent): void {
    this.#meanwhile?.set(event.id, { ...this.#meanwhile.get(event.id), ...event });
    const others = this.outbox.filter((entry) => entry.id !== event.id);
    const there = this.outbox.find((entry) => entry.id === event.id);
    const entry = event.entry ?? there;
    if (event.state === 'queued' || event.state === 'failed') {
      if (!entry || entry.room !== this.room) return;
      const next: OutboxEntry = { ...entry, state: event.state };
      if (event.error !== undefined) next.error = event.error;
      this.pager.shift = false;
      if (!there && next.operation.kind === 'text') this.unreadFrom = 0; // who answers has read
      this.outbox = there ? this.outbox.map((old) => (old === there ? next : old)) : [...others, next];
    } else if (event.state === 'discarded' || !there || there.operation.kind !== 'text' || this.#hasRow(event.seq)) {
      this.outbox = others;
    } /* else it stays until its row is here, so that it is not gone for a moment */
  }

  #hasRow(seq: number | undefined): boolean {
    return seq !== undefined && (rowAt(this.pager.rows, seq) !== undefined || !this.pager.atNewest);
  }

  /** The user has looked at the log down to that row. */
  sees(seq: number): void {
    if (!this.#app.seen || seq <= this.#told) return;
    this.#told = seq;
    this.#app.engine.read(this.room, seq);
  }

  /** The row that another replies to: null: it is not here; undefined: not known yet. */
  quoted(seq: number): Row | null | undefined {
    return rowAt(this.pager.rows, seq) ?? this.#quoted.get(seq);
  }

  /** Looks for a quoted row that is not in the window. */
  async findQuoted(seq: number): Promise<void> {
    if (rowAt(this.pager.rows, seq) || this.#quoted.has(seq)) return;
    this.#quoted.set(seq, (await this.#app.engine.row(this.room, seq).catch(() => undefined)) ?? null);
  }

  /** The first row of a group that this member may see, where it is not the group's first; 0: it is, or is not known yet. */
  readonly visibleFrom = $derived.by(() => {
    const first = this.kind === 'group' && this.pager.atOldest ? (this.pager.rows[0]?.seq ?? 0) : 0;
    return first > 1 ? first : 0;
  });

  reveal(key: string): void {
    this.#revealed.add(key);
  }

  async go(target: Target): Promise<void> {
    try {
      await this.#opened; // else what is opened comes in place of what one went to
      const seq = await this.pager.go(target);
      this.following = false;
      this.jump = { seq, n: (this.jump?.n ?? 0) + 1 };
    } catch (error) {
      if (isOffline(error)) this.#app.toasts.say('chat.jump_offline');
      else this.#app.toasts.fail(error);
    }
  }

  async toNewest(): Promise<void> {
    if (!this.pager.atNewest) await this.pager.newest();
    this.following = true;
    this.jump = undefined;
  }

  deeds(item: Item): Deeds {
    const info = this.info;
    if (!item.row || !info || item.kind !== 'text' || item.hidden) return NO_DEEDS;
    return deedsOn(info, item.row, item.mine, this.members.roleOf(item.sender));
  }

  /** One of one's own latest texts, to be edited. */
  lastOwn(): Item | undefined {
    return this.items.findLast((item) => item.mine && this.deeds(item).edit);
  }

  /** Who has which reaction to it: in a group only the server knows. */
  async reactors(item: Item): Promise<Reactor[]> {
    if (item.reactions.length === 0) return [];
    if (this.kind !== 'group') return reactorsOfTwo(item.reactions, this.#app.myId, this.peer?.user ?? this.#app.myId);
    return this.#app.engine.reactors(this.room, item.seq);
  }

  write(operation: Operation): void {
    this.#app.toasts.watch(this.#app.engine.write(this.room, operation));
  }

  react(item: Item, emoji: string): void {
    const taken = item.reactions.some((reaction) => reaction.mine && reaction.emoji === emoji);
    this.write(taken ? { kind: 'reacted', target: item.seq } : { kind: 'reacted', target: item.seq, text: emoji });
  }

  pin(item: Item): void {
    this.write(item.pinned ? { kind: 'pinned', target: item.seq, off: true } : { kind: 'pinned', target: item.seq });
  }

  delete(item: Item): void {
    this.write({ kind: 'deleted', target: item.seq });
  }

  retry(entry: OutboxEntry): void {
    this.#app.toasts.watch(this.#app.engine.retry(this.room, entry.id));
  }

  discard(entry: OutboxEntry): void {
    this.#app.toasts.watch(this.#app.engine.discard(this.room, entry.id));
  }
}
