/*
 * What a line of the list shows beside what the core knows of a room: its newest row, and how often one is mentioned in what is unread. Both
 * are read from the storage once, and follow the core's events from then on.
 */
import type { CoreRoom } from '../core/events.ts';
import type { RoomId, RoomInfo, Row, UserId } from '../core/types.ts';
import type { Reader } from './reader.ts';

const MENTIONS_MAX = 9; // counted
const MENTIONS_KEPT_MAX = 50; // remembered of a room

interface Line {
  last: Row | undefined;
  /** Numbers of unread rows that mention one, and who wrote them; of groups. */
  mentions: Map<number, UserId> | undefined;
  /** The highest hole when they were looked for; -1: they are to be looked for again. */
  holeTop: number;
}

const NEVER = -1;

export class Lines {
  readonly #reader: Reader;
  readonly #lines = new Map<RoomId, Line>();
  /** Rows that came while a room's newest was being read. */
  readonly #coming = new Map<RoomId, Row | undefined>();

  constructor(reader: Reader) {
    this.#reader = reader;
  }

  forget(): void {
    this.#lines.clear();
  }

  /** A row is there, or is another now. */
  row(room: RoomId, row: Row, mentions: boolean): void {
    const line = this.#lines.get(room);
    const coming = this.#coming.get(room);
    if (this.#coming.has(room) && (!coming || row.seq >= coming.seq)) this.#coming.set(room, row);
    if (!line) return;
    if (!line.last || row.seq >= line.last.seq) line.last = row;
    if (!line.mentions) line.holeTop = NEVER;
    else if (!mentions) line.mentions.delete(row.seq);
    else if (line.mentions.size < MENTIONS_KEPT_MAX) line.mentions.set(row.seq, row.sender);
  }

  /** Is all there for that line? */
  has(room: CoreRoom): boolean {
    const line = this.#lines.get(room.room);
    if (!line) return false;
    return !wantsMentions(room) || (line.mentions !== undefined && line.holeTop === room.holeTop);
  }

  async read(rooms: CoreRoom[], me: UserId, userName: string): Promise<void> {
    const fresh = rooms.filter((room) => !this.#lines.has(room.room));
    for (const room of fresh) this.#coming.set(room.room, undefined);
    const rows = await this.#reader.lastRows(fresh.map((room) => room.room));
    fresh.forEach((room, at) => {
      const coming = this.#coming.get(room.room);
      const read = rows[at];
      const last = coming && (!read || coming.seq >= read.seq) ? coming : read;
      this.#coming.delete(room.room);
      if (!this.#lines.has(room.room)) this.#lines.set(room.room, { last, mentions: undefined, holeTop: 0 });
    });
    for (const room of rooms) {
      if (!wantsMentions(room) || this.has(room)) continue;
      const line = this.#lines.get(room.room);
      if (!line) continue;
      line.mentions = undefined;
      line.holeTop = room.holeTop;
      line.mentions = await this.#reader.mentions(room.room, room.marks.read, me, userName); // holeTop is NEVER if a row came meanwhile
    }
  }

  /** The line as the model knows it. */
  info(room: CoreRoom, blocked: Set<UserId>): RoomInfo {
    const line = this.#lines.get(room.room);
    const { bare: _, ...info } = room;
    let mentions = 0;
    for (const [seq, sender] of line?.mentions ?? []) {
      if (seq <= room.marks.read) line?.mentions?.delete(seq);
      else if (!blocked.has(sender) && mentions < MENTIONS_MAX) mentions++;
    }
    return { ...info, ...(line?.last ? { last: line.last } : {}), mentions: room.unread ? mentions : 0 };
  }
}

const wantsMentions = (room: CoreRoom): boolean => room.kind === 'group' && room.unread > 0 && !room.left;
