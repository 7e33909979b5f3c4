/*
 * Reads the storage beside the core, in every tab: rows above a room's highest hole, the outbox, what stands in them. Decoding is the
 * module's (verbs_stored.c), which needs no core for it.
 *
 * Rows of a room have its numbers as keys, but some numbers made no row (edits, reactions). So a page is read by ranges of numbers that grow
 * until there are enough, which is one look where most numbers are rows, and few where hardly any is.
 */
import type { Hit, Operation, OutboxEntry, RequestId, RoomId, Row, UserId } from '../core/types.ts';
import { EngineError } from '../core/types.ts';
import { hexToBytes, Trap } from '../core/wasm.ts';
import type { Arg, Bytes, Module } from '../core/wasm.ts';
import type { Look, Storage } from './storage.ts';

const LIMIT_MAX = 500; // rows of one page
const STEP_MIN = 16;
const STEP_MAX = 65536;
const SEARCH_CHUNK = 1000; // rows looked at between two rests
const SEARCH_ROWS_MAX = 200000; // of one search
const MENTION_ROWS_MAX = 200;
const OUTBOX_MAX = 1000; // core_limits.outbox_max

/** What stands at a room's record: head and highest hole. */
interface RoomRecord {
  head: number;
  holeTop: number;
}

export const operationArgs = (operation: Operation): Arg[] => [
  operation.kind,
  operation.text,
  operation.subject,
  operation.role,
  operation.link,
  operation.target ?? 0,
  operation.origin,
  operation.off ?? false,
];

export class Reader {
  readonly #make: () => Module;
  #module: Module;
  readonly #storage: Storage;
  readonly #random: (size: number) => Bytes;

  /** make: a module of its own, and another one if that should break. */
  constructor(make: () => Module, storage: Storage, random: (size: number) => Bytes) {
    this.#make = make;
    this.#module = make();
    this.#storage = storage;
    this.#random = random;
  }

  #call<T>(verb: string, ...args: Arg[]): T {
    try {
      return this.#module.call<T>(verb, ...args);
    } catch (error) {
      if (!(error instanceof Trap)) throw error;
      this.#module = this.#make();
      throw new EngineError('corrupt');
    }
  }

  personalRoom(a: UserId, b: UserId): RoomId {
    return this.#call<RoomId>('personal', a, b);
  }

  #key(room: RoomId, seq: number): Bytes {
    return hexToBytes(this.#call<string>('row_key', room, seq));
  }

  #decode(values: Bytes[]): Row[] {
    return values.length ? this.#call<Row[]>('rows', ...values) : [];
  }

  async #room(look: Look, room: RoomId): Promise<RoomRecord | undefined> {
    const key = roomKey(room);
    const value = await look.get(key);
    return value ? this.#call<RoomRecord>('room_record', key, value) : undefined;
  }

  /** The newest `limit` values with floor ≤ seq < before, oldest first. */
  async #newest(look: Look, room: RoomId, floor: number, before: number, limit: number): Promise<Bytes[]> {
    const pages: Bytes[][] = [];
    let found = 0;
    let step = Math.max(STEP_MIN, limit + (limit >> 2));
    for (let to = before; to > floor && found < limit; step = Math.min(step * 4, STEP_MAX)) {
      const from = Math.max(floor, to - step);
      const page = await look.values(this.#key(room, from), this.#key(room, to), step);
      pages.unshift(page);
      found += page.length;
      to = from;
    }
    return pages.flat().slice(-limit);
  }

  async rows(room: RoomId, before: number | undefined, limit: number): Promise<{ rows: Row[]; bottom: boolean }> {
    const most = Math.min(Math.max(limit, 1), LIMIT_MAX);
    return this.#storage.look(async (look) => {
      const record = await this.#room(look, room);
      if (!record) return { rows: [], bottom: true };
      const floor = record.holeTop + 1;
      const values = await this.#newest(look, room, floor, Math.min(before ?? record.head + 1, record.head + 1), most + 1);
      return { rows: this.#decode(values.slice(-most)), bottom: values.length <= most };
    });
  }

  async rowsAfter(room: RoomId, after: number, limit: number): Promise<{ rows: Row[] }> {
    return this.#storage.look(async (look) => {
      const record = await this.#room(look, room);
      if (!record) return { rows: [] };
      const from = Math.max(after, record.holeTop) + 1;
      if (from > record.head) return { rows: [] };
      return { rows: this.#decode(await look.values(this.#key(room, from), this.#key(room, record.head + 1), Math.min(Math.max(limit, 1), LIMIT_MAX))) };
    });
  }

  async row(room: RoomId, seq: number): Promise<Row | undefined> {
    return this.#storage.look(async (look) => {
      const record = await this.#room(look, room);
      const value = record && seq > record.holeTop ? await look.get(this.#key(room, seq)) : undefined;
      return value ? this.#decode([value])[0] : undefined;
    });
  }

  /** The newest row of each of these rooms. */
  async lastRows(rooms: RoomId[]): Promise<(Row | undefined)[]> {
    const entries = await this.#storage.look((look) => Promise.all(rooms.map((room) => look.last(this.#key(room, 0), this.#key(room, Number.MAX_SAFE_INTEGER)))));
    return entries.map((entry) => (entry ? this.#decode([entry[1]])[0] : undefined));
  }

  /** Unread rows in which one is mentioned, the latest MENTION_ROWS_MAX looked at: number and who wrote it. */
  async mentions(room: RoomId, above: number, me: UserId, userName: string): Promise<Map<number, UserId>> {
    return this.#storage.look(async (look) => {
      const record = await this.#room(look, room);
      const found = new Map<number, UserId>();
      if (!record) return found;
      const values = await this.#newest(look, room, Math.max(above, record.holeTop) + 1, record.head + 1, MENTION_ROWS_MAX);
      if (values.length) for (const row of this.#call<Row[]>('mentions', me, userName, ...values)) found.set(row.seq, row.sender);
      return found;
    });
  }

  // ---- the outbox

  async outbox(room: RoomId): Promise<OutboxEntry[]> {
    const [from, to] = outboxOf(room);
    const entries = await this.#storage.look((look) => look.range(from, to, OUTBOX_MAX));
    return entries.length ? this.#call<OutboxEntry[]>('entries', ...entries.flat()) : [];
  }

  async entry(room: RoomId, id: RequestId): Promise<OutboxEntry | undefined> {
    const key = hexToBytes(`4f${room}${id}`);
    const value = await this.#storage.look((look) => look.get(key));
    return value ? this.#call<OutboxEntry[]>('entries', key, value)[0] : undefined;
  }

  /** Puts an entry there beside the core, durably. */
  async write(room: RoomId, operation: Operation): Promise<OutboxEntry> {
    const waiting = await this.#storage.look((look) => look.count(OUTBOX_FIRST, OUTBOX_END));
    if (waiting >= OUTBOX_MAX) throw new EngineError('full');
    const record = this.#call<{ id: RequestId; key: string; value: string }>('record', this.#random(10), room, ...operationArgs(operation));
    const key = hexToBytes(record.key);
    const value = hexToBytes(record.value);
    try {
      await this.#storage.put([{ key, value }]);
    } catch {
      throw new EngineError('storage');
    }
    const entry = this.#call<OutboxEntry[]>('entries', key, value)[0];
    if (!entry) throw new EngineError('bad_field');
    return entry;
  }

  // ---- searching

  /** Of these rooms in their order; in each the newest first. */
  async search(text: string, rooms: RoomId[], limit: number): Promise<Hit[]> {
    const hits: Hit[] = [];
    let left = SEARCH_ROWS_MAX;
    for (const room of rooms) {
      let before: number | undefined;
      while (hits.length < limit && left > 0) {
        const { values, next } = await this.#searched(room, before);
        left -= values.length;
        const found = values.length ? this.#call<Row[]>('matches', text, ...values) : [];
        for (const row of found.reverse()) if (hits.length < limit) hits.push({ room, row });
        if (next === undefined) break;
        before = next;
        await new Promise((resolve) => setTimeout(resolve)); // the page has its turn
      }
      if (hits.length >= limit || left <= 0) break;
    }
    return hits;
  }

  /** One chunk; next: where the following one ends. */
  async #searched(room: RoomId, before: number | undefined): Promise<{ values: Bytes[]; next?: number }> {
    return this.#storage.look(async (look) => {
      const record = await this.#room(look, room);
      if (!record) return { values: [] };
      const to = Math.min(before ?? record.head + 1, record.head + 1);
      const from = Math.max(record.holeTop + 1, to - SEARCH_CHUNK);
      if (from >= to) return { values: [] };
      const values = await look.values(this.#key(room, from), this.#key(room, to), SEARCH_CHUNK);
      return from > record.holeTop + 1 ? { values, next: from } : { values };
    });
  }
}

/** core.h, "records in the storage". */
const roomKey = (room: RoomId): Bytes => hexToBytes(`52${room}`);
const OUTBOX_FIRST = hexToBytes('4f');
const OUTBOX_END = hexToBytes('50');
const outboxOf = (room: RoomId): [Bytes, Bytes] => [hexToBytes(`4f${room}`), hexToBytes(`4f${room}${'ff'.repeat(17)}`)];
export const keyRoom = (key: Bytes): RoomId => Array.from(key.subarray(1, 17), (byte) => byte.toString(16).padStart(2, '0')).join('');
export const keyId = (key: Bytes): RequestId => Array.from(key.subarray(17, 33), (byte) => byte.toString(16).padStart(2, '0')).join('');
