/*
 * Promises that are kept by an event, found by a key. Each list is as long as its limit allows. An event may come before whoever asked
 * knows the key by which to wait for it: it is held for him, with a few others.
 */
import { EngineError } from '../core/types.ts';
import type { ErrorName } from '../core/types.ts';

const EARLY_MAX = 16;

interface Waiter<T> {
  resolve(value: T): void;
  reject(error: EngineError): void;
}

export class Waiting<T> {
  readonly #limit: number;
  readonly #holds: boolean;
  readonly #waiters = new Map<string, Waiter<T>[]>();
  readonly #early = new Map<string, { value: T } | { error: EngineError }>();
  #count = 0;

  /** holds: what comes early is held. */
  constructor(limit: number, holds = false) {
    this.#limit = limit;
    this.#holds = holds;
  }

  has(key: string): boolean {
    return this.#waiters.has(key);
  }

  wait(key: string): Promise<T> {
    const early = this.#early.get(key);
    if (early) {
      this.#early.delete(key);
      return 'value' in early ? Promise.resolve(early.value) : Promise.reject(early.error);
    }
    if (this.#count >= this.#limit) return Promise.reject(new EngineError('full'));
    this.#count++;
    return new Promise((resolve, reject) => {
      const list = this.#waiters.get(key) ?? [];
      list.push({ resolve, reject });
      this.#waiters.set(key, list);
    });
  }

  #take(key: string): Waiter<T>[] {
    const list = this.#waiters.get(key) ?? [];
    this.#waiters.delete(key);
    this.#count -= list.length;
    return list;
  }

  #hold(key: string, what: { value: T } | { error: EngineError }): void {
    if (this.#early.size >= EARLY_MAX) this.#early.delete(this.#early.keys().next().value ?? '');
    this.#early.set(key, what);
  }

  resolve(key: string, value: T): void {
    if (this.#holds && !this.has(key)) this.#hold(key, { value });
    for (const waiter of this.#take(key)) waiter.resolve(value);
  }

  reject(key: string, error: EngineError): void {
    if (this.#holds && !this.has(key)) this.#hold(key, { error });
    for (const waiter of this.#take(key)) waiter.reject(error);
  }

  rejectAll(error: ErrorName): void {
    this.#early.clear();
    for (const key of [...this.#waiters.keys()]) this.reject(key, new EngineError(error));
  }
}
