/*
 * The storage in a browser: one object store of binary keys, which IndexedDB orders as bytes, and beside it the name of the tab that
 * leads. Each transaction that keeps looks at that name first: a tab that was frozen while another took the lead can do no harm when it
 * wakes.
 *
 * Durability: what the core must not lose, an entry of the outbox or the account, is kept `strict` (on the disk when it is said to be); rows are
 * kept `relaxed`, which is some ten times cheaper: their batch is whole or gone, head included, and what a power cut took is fetched
 * again.
 */
import type { Bytes } from '../core/wasm.ts';
import { NotLeading, StorageRefused } from './storage.ts';
import type { Change, Entry, Look, Storage } from './storage.ts';

const DATABASE = 'galka';
const VERSION = 1;
const RECORDS = 'records';
const META = 'meta';
const LEADER = 'leader';

const done = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

const ended = (transaction: IDBTransaction): Promise<void> =>
  new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error ?? new StorageRefused('aborted'));
  });

/** IndexedDB's keys come back as ArrayBuffers. */
const bytesOf = (key: IDBValidKey): Bytes => new Uint8Array(key as ArrayBuffer);

const between = (from: Bytes, to: Bytes): IDBKeyRange => (to.length ? IDBKeyRange.bound(from, to, false, true) : IDBKeyRange.lowerBound(from));

class IndexedLook implements Look {
  readonly #store: IDBObjectStore;

  constructor(store: IDBObjectStore) {
    this.#store = store;
  }

  get(key: Bytes): Promise<Bytes | undefined> {
    return done(this.#store.get(key) as IDBRequest<Bytes | undefined>);
  }

  async range(from: Bytes, to: Bytes, limit: number): Promise<Entry[]> {
    const range = between(from, to);
    const [keys, values] = await Promise.all([done(this.#store.getAllKeys(range, limit)), done(this.#store.getAll(range, limit) as IDBRequest<Bytes[]>)]);
    return keys.map((key, at) => [bytesOf(key), values[at] ?? new Uint8Array(0)]);
  }

  values(from: Bytes, to: Bytes, limit: number): Promise<Bytes[]> {
    return done(this.#store.getAll(between(from, to), limit) as IDBRequest<Bytes[]>);
  }

  async last(from: Bytes, to: Bytes): Promise<Entry | undefined> {
    const cursor = await done(this.#store.openCursor(between(from, to), 'prev'));
    return cursor ? [bytesOf(cursor.key), cursor.value as Bytes] : undefined;
  }

  count(from: Bytes, to: Bytes): Promise<number> {
    return done(this.#store.count(between(from, to)));
  }
}

class IndexedStorage implements Storage {
  readonly #database: IDBDatabase;
  #name = '';

  constructor(database: IDBDatabase) {
    this.#database = database;
  }

  #write(strict: boolean): IDBTransaction {
    return this.#database.transaction([RECORDS, META], 'readwrite', { durability: strict ? 'strict' : 'relaxed' });
  }

  async lead(name: string): Promise<void> {
    const transaction = this.#write(true);
    transaction.objectStore(META).put(name, LEADER);
    await ended(transaction);
    this.#name = name;
  }

  async keep(changes: Change[], strict: boolean): Promise<void> {
    const transaction = this.#write(strict);
    const finished = ended(transaction);
    const look = transaction.objectStore(META).get(LEADER);
    let leads = true;
    look.onsuccess = () => {
      leads = look.result === this.#name;
      if (leads) this.#apply(transaction, changes);
      else transaction.abort();
    };
    try {
      await finished;
    } catch (error) {
      throw leads ? error : new NotLeading();
    }
  }

  #apply(transaction: IDBTransaction, changes: Change[]): void {
    const store = transaction.objectStore(RECORDS);
    for (const { key, value, end } of changes) {
      if (value) store.put(value, key);
      else store.delete(between(key, end ?? new Uint8Array(0)));
    }
  }

  async put(changes: Change[]): Promise<void> {
    const transaction = this.#database.transaction(RECORDS, 'readwrite', { durability: 'strict' });
    const finished = ended(transaction);
    this.#apply(transaction, changes);
    await finished;
  }

  look<T>(what: (look: Look) => Promise<T>): Promise<T> {
    return what(new IndexedLook(this.#database.transaction(RECORDS, 'readonly').objectStore(RECORDS)));
  }

  close(): void {
    this.#database.close();
  }
}

/** onClosed: the browser took it away (its data were cleared, another version wants it). */
export const openStorage = (onClosed: () => void): Promise<Storage> =>
  new Promise((resolve, reject) => {
    let request: IDBOpenDBRequest;
    try {
      request = indexedDB.open(DATABASE, VERSION);
    } catch (error) {
      reject(new StorageRefused(String(error)));
      return;
    }
    request.onupgradeneeded = () => {
      request.result.createObjectStore(RECORDS);
      request.result.createObjectStore(META);
    };
    request.onerror = () => reject(new StorageRefused(String(request.error)));
    request.onsuccess = () => {
      const database = request.result;
      database.onclose = onClosed;
      database.onversionchange = () => {
        database.close();
        onClosed();
      };
      resolve(new IndexedStorage(database));
    };
  });
