/*
 * The window on a room's log: which rows are in memory, and how more come, in both directions, from the storage first and from the
 * server where the storage has a hole. Rows that are asked of the server to go somewhere are not kept: the log is `away` then, until it
 * meets what is here.
 *
 * Each change of `rows` says by `shift` whether it was at the beginning, so that what is being read does not move.
 */
import { EngineError, type Engine, type RoomId, type RoomInfo, type Row } from '../core/types.ts';
import { follow, merge, PAGE, placeOf, rowAt, WINDOW_MAX } from './pages.ts';

/** Rows that a storage gives at once (platform/reader.ts). */
const READ_MAX = 500;

/** What going somewhere comes to: the row is in the window, or why not. */
export type Target = { seq: number } | { time: number };

export class Pager {
  rows = $state.raw<Row[]>([]);
  /** the last change was at the beginning */
  shift = $state(false);
  /** the newest row is in the window */
  atNewest = $state(true);
  /** there is nothing older */
  atOldest = $state(false);
  loaded = $state(false);
  older = $state.raw<'idle' | 'busy' | 'offline'>('idle');
  newer = $state.raw<'idle' | 'busy' | 'offline'>('idle');
  /** rows of a window that is not stored */
  away = $state(false);

  readonly #engine: Engine;
  readonly #room: RoomId;
  readonly #info: () => RoomInfo | undefined;
  #closed = false;
  /** What happened while the window was being read: it may not be in what was read. */
  #reading = 0;
  #meanwhile: Row[] = [];

  constructor(engine: Engine, room: RoomId, info: () => RoomInfo | undefined) {
    this.#engine = engine;
    this.#room = room;
    this.#info = info;
  }

  close(): void {
    this.#closed = true;
  }

  get #holeTop(): number {
    return this.#info()?.holeTop ?? 0;
  }

  /** Around the first unread row, if all from there on is here; else the newest. */
  open(): Promise<void> {
    return this.#read(() => this.#open());
  }

  /** The newest rows; what was in the window is dropped. */
  newest(): Promise<void> {
    return this.#read(() => this.#newest());
  }

  /** A page of newer rows, where the window does not have the newest. */
  moreNewer(): Promise<void> {
    return this.#read(() => this.#moreNewer());
  }

  /** What was stored without this page being told: another tab began to lead. */
  catchUp(): Promise<void> {
    return this.#read(() => this.#catchUp());
  }

  /**
   * A hole came above what is in the window, because too much was missed: what is stored above it does not follow. The window stays with
   * what is below, as one that is not stored. Returns whether that was so.
   */
  mend(): boolean {
    const top = this.#holeTop;
    if (!this.loaded || this.away || this.rows.length === 0 || this.rows[0]!.seq > top) return false;
    this.#put(this.rows.filter((row) => row.seq <= top), false);
    this.atNewest = false;
    this.away = true;
    return true;
  }

  /** Brings a row, or the first one from a time on, into the window. Resolves to its number; rejects where that needs a link. */
  go(target: Target): Promise<number> {
    return this.#read(() => this.#go(target));
  }

  async #read<T>(body: () => Promise<T>): Promise<T> {
    this.#reading++;
    try {
      return await body();
    } finally {
      this.#reading--;
      const come = this.#meanwhile;
      if (this.#reading === 0) this.#meanwhile = [];
      if (come.length > WINDOW_MAX) this.atNewest = false; // so many are read again, page by page
      else if (come.length > 0) this.#put(follow(this.rows, come, this.atNewest), this.shift);
    }
  }

  async #open(): Promise<void> {
    const info = this.#info();
    const from = info && info.unread > PAGE / 2 && info.marks.read >= info.holeTop ? info.marks.read + 1 : 0;
    if (from > 0) await this.#around(from);
    if (from === 0 || this.rows.length === 0) await this.#newest();
    this.loaded = true;
  }

  async #newest(): Promise<void> {
    let page = await this.#engine.rows(this.#room, undefined, PAGE);
    if (page.rows.length === 0 && (this.#info()?.head ?? 0) > 0) {
      await this.#engine.history(this.#room, 0, PAGE).catch(() => 0);
      page = await this.#engine.rows(this.#room, undefined, PAGE);
    }
    this.#put(page.rows, false);
    this.away = false;
    this.atNewest = true;
    this.atOldest = page.bottom && this.#holeTop === 0;
  }

  async #catchUp(): Promise<void> {
    if (!this.loaded || this.away) return;
    const first = this.rows[0];
    if (!first) return this.#newest();
    const from = this.rows[Math.max(0, this.rows.length + PAGE - READ_MAX)]!;
    const many = Math.min(this.rows.length + PAGE, READ_MAX);
    const { rows } = await this.#engine.rowsAfter(this.#room, from.seq - 1, many);
    if (this.rows[0]?.seq !== first.seq) return; // another window came, read later
    this.#put(follow(this.rows, rows, this.atNewest), false);
    if (rows.length === many) this.atNewest = false;
    this.mend();
  }

  /**
   * A page of older rows. Resolves when they are in the window, or none came. They are put there when `turn` resolves: a view may be in the
   * middle of a move, and only it knows.
   */
  async more(turn?: () => Promise<unknown>): Promise<void> {
    const first = this.rows[0]?.seq;
    if (this.older === 'busy' || this.atOldest || first === undefined || !this.loaded) return;
    this.older = 'busy';
    try {
      this.older = (await (this.away ? this.#awayOlder(first, turn) : this.#storedOlder(first, turn))) ? 'idle' : 'offline';
    } catch {
      this.older = 'offline';
    }
  }

  async #moreNewer(): Promise<void> {
    const last = this.rows.at(-1)?.seq;
    if (this.newer === 'busy' || this.atNewest || last === undefined) return;
    this.newer = 'busy';
    try {
      if (this.away && last >= this.#holeTop) this.away = this.rows[0]!.seq <= this.#holeTop;
      const stored = last >= this.#holeTop;
      const rows = stored
        ? (await this.#engine.rowsAfter(this.#room, last, PAGE)).rows
        : (await this.#engine.around(this.#room, { seq: last }, PAGE)).rows.filter((row) => row.seq > last);
      this.newer = 'idle';
      if (this.rows.at(-1)?.seq !== last) return; // it would not follow: another window came, or this one lost its end
      this.#put(merge(this.rows, rows), false);
      this.atNewest = stored ? rows.length < PAGE : rows.length === 0;
    } catch {
      this.newer = 'offline';
    }
  }

  async #go(target: Target): Promise<number> {
    if ('seq' in target) {
      if (rowAt(this.rows, target.seq)) return target.seq;
      if (target.seq > this.#holeTop) {
        await this.#around(target.seq);
        if (this.rows.length > 0) return this.#nearest(target);
      }
    } else {
      const seq = await this.#placeOfTime(target.time);
      if (seq > 0) return this.#go({ seq });
    }
    const { rows, head } = await this.#engine.around(this.#room, target, PAGE);
    if (rows.length === 0) throw new EngineError('no_row');
    this.#put(rows, false);
    this.away = rows[0]!.seq <= this.#holeTop;
    this.atOldest = rows[0]!.seq <= 1;
    this.atNewest = rows.at(-1)!.seq >= head;
    return this.#nearest(target);
  }

  /** Rows that came, or changed. Returns those that are new at the end. */
  take(come: Row[]): Row[] {
    const last = this.rows.at(-1)?.seq ?? 0;
    if (this.#reading > 0 && this.#meanwhile.length <= WINDOW_MAX) this.#meanwhile = [...this.#meanwhile, ...come];
    if (!this.loaded) return [];
    const full = this.rows.length >= 2 * WINDOW_MAX;
    if (full && come.some((row) => row.seq > last)) this.atNewest = false;
    const next = follow(this.rows, come, this.atNewest && !full);
    if (next !== this.rows) this.#put(next, false); // history that comes is below the window: the log is as it was
    return come.filter((row) => row.seq > last);
  }

  /** Drops what is far from what is read: at the beginning, or at the end. */
  trim(where: 'oldest' | 'newest'): void {
    const spare = this.rows.length - WINDOW_MAX;
    if (spare < PAGE) return;
    if (where === 'oldest') {
      this.#put(this.rows.slice(spare), true);
      this.atOldest = false;
    } else {
      this.#put(this.rows.slice(0, WINDOW_MAX), false);
      this.atNewest = false;
    }
  }

  #put(rows: Row[], shift: boolean): void {
    if (this.#closed) return;
    this.shift = shift;
    this.rows = rows;
  }

  async #storedOlder(first: number, turn?: () => Promise<unknown>): Promise<boolean> {
    let page = await this.#engine.rows(this.#room, first, PAGE);
    if (page.rows.length === 0 && this.#holeTop > 0) {
      const low = Math.max(1, this.#holeTop - PAGE + 1);
      await this.#engine.history(this.#room, low, PAGE);
      page = await this.#engine.rows(this.#room, first, PAGE);
    }
    await turn?.();
    if (this.rows[0]?.seq !== first) return true; // another window came, or this one lost its beginning
    this.#put(merge(page.rows, this.rows), true);
    this.atOldest = page.bottom && this.#holeTop === 0;
    return page.rows.length > 0 || this.atOldest;
  }

  async #awayOlder(first: number, turn?: () => Promise<unknown>): Promise<boolean> {
    const { rows } = await this.#engine.around(this.#room, { seq: first }, PAGE);
    const older = rows.filter((row) => row.seq < first);
    await turn?.();
    if (this.rows[0]?.seq !== first) return true;
    this.#put(merge(older, this.rows), true);
    this.atOldest = older.length === 0;
    return true;
  }

  async #around(seq: number): Promise<void> {
    const [before, after] = await Promise.all([
      this.#engine.rows(this.#room, seq, PAGE / 2),
      this.#engine.rowsAfter(this.#room, seq - 1, PAGE),
    ]);
    this.#put(merge(before.rows, after.rows), false);
    this.away = false;
    this.atOldest = before.bottom && this.#holeTop === 0;
    this.atNewest = after.rows.length < PAGE;
  }

  #nearest(target: Target): number {
    const rows = this.rows;
    const at = 'seq' in target ? placeOf(rows, target.seq) : rows.findIndex((row) => row.time >= target.time);
    return (rows[at] ?? rows.at(-1))?.seq ?? 0;
  }

  /** The first stored row at or after a time, found by halving: time in a room never goes back. 0: it may not be here. */
  async #placeOfTime(time: number): Promise<number> {
    const from = async (seq: number): Promise<Row | undefined> => (await this.#engine.rowsAfter(this.#room, seq - 1, 1)).rows[0];
    let low = this.#holeTop + 1;
    let high = this.#info()?.head ?? 0;
    const first = await from(low);
    if (!first || (this.#holeTop > 0 && first.time >= time)) return 0;
    while (low < high) {
      const middle = (low + high) >> 1;
      const row = await from(middle);
      if (!row || row.time >= time) high = middle;
      else low = row.seq + 1;
    }
    return (await from(low))?.seq ?? high;
  }
}
