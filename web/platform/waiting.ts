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
    return this.ask(key, () => undefined);
  }

  /** Waits for what `asks` brings, be it at once. What it throws is for him alone who asked: others may wait for the same. */
  async ask(key: string, asks: () => void): Promise<T> {
    if (this.#count >= this.#limit) throw new EngineError('full');
    return new Promise((resolve, reject) => {
      const waiter = { resolve, reject };
      this.#waiters.set(key, [...(this.#waiters.get(key) ?? []), waiter]);
      this.#count++;
      try {
        asks();
      } catch (error) {
        this.#leave(key, waiter);
        throw error;
      }
    });
  }

  #leave(key: string, waiter: Waiter<T>): void {
    const list = this.#waiters.get(key);
    const rest = list?.filter((other) => other !== waiter) ?? [];
    this.#count -= (list?.length ?? 0) - rest.length;
    if (rest.length) this.#waiters.set(key, rest);
    else this.#waiters.delete(key);
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
