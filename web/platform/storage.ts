/*
 * Keys and values that are bytes, in order (core.h, Storage). What a host needs of it is the interface; in a browser it is IndexedDB,
 * in tests a map.
 */
import type { Bytes } from '../core/wasm.ts';

/** value: keep it; end: drop [key, end). */
export interface Change {
  key: Bytes;
  value?: Bytes;
  end?: Bytes;
}

export type Entry = [key: Bytes, value: Bytes];

/** One look at the storage: what it sees belongs together. Ranges are [from, to); an empty `to` is the end of all. */
export interface Look {
  get(key: Bytes): Promise<Bytes | undefined>;
  /** In the order of keys, at most `limit`. */
  range(from: Bytes, to: Bytes, limit: number): Promise<Entry[]>;
  values(from: Bytes, to: Bytes, limit: number): Promise<Bytes[]>;
  /** The last one. */
  last(from: Bytes, to: Bytes): Promise<Entry | undefined>;
  count(from: Bytes, to: Bytes): Promise<number>;
}

export class StorageRefused extends Error {}

/** Another tab leads: what this one would keep is not done. */
export class NotLeading extends Error {}

export interface Storage {
  /** From here on keep() is done for this one alone. */
  lead(name: string): Promise<void>;
  /** All of it or nothing, after what was asked before. strict: the promise is kept even if the power goes. */
  keep(changes: Change[], strict: boolean): Promise<void>;
  /** The same for who does not lead: puts entries into the outbox. */
  put(changes: Change[]): Promise<void>;
  look<T>(what: (look: Look) => Promise<T>): Promise<T>;
  close(): void;
}
