/* Promises that are kept by a later event, found by a key. Each list is as long as its limit allows. */
import { EngineError } from '../core/types.ts';
import type { ErrorName } from '../core/types.ts';

interface Waiter<T> {
  resolve(value: T): void;
  reject(error: EngineError): void;
}

export class Waiting<T> {
  readonly #limit: number;
  readonly #waiters = new Map<string, Waiter<T>[]>();
  #count = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  has(key: string): boolean {
    return this.#waiters.has(key);
  }

  wait(key: string): Promise<T> {
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

  resolve(key: string, value: T): void {
    for (const waiter of this.#take(key)) waiter.resolve(value);
  }

  reject(key: string, error: EngineError): void {
    for (const waiter of this.#take(key)) waiter.reject(error);
  }

  rejectAll(error: ErrorName): void {
    for (const key of [...this.#waiters.keys()]) this.reject(key, new EngineError(error));
  }
}
