/* Short notes at the edge of the screen: what was done, with a way back, or what went wrong. They go by themselves. */
import type { Clock } from './clock.ts';
import { errorKey } from './errors.ts';

export interface Toast {
  id: number;
  /** of lang/ */
  key: string;
  values: Record<string, string | number>;
  tone: 'plain' | 'danger';
  action?: { key: string; run: () => void };
}

const TOASTS_MAX = 3;
const STAYS_MS = 5000;
const DANGER_STAYS_MS = 8000;

export class Toasts {
  list = $state.raw<Toast[]>([]);
  #next = 1;
  #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  say(key: string, values: Record<string, string | number> = {}, action?: Toast['action']): void {
    this.#add({ key, values, tone: 'plain', ...(action ? { action } : {}) }, STAYS_MS);
  }

  fail(error: unknown): void {
    this.#add({ key: errorKey(error), values: {}, tone: 'danger' }, DANGER_STAYS_MS);
  }

  /** For what nobody waits for: a failure is said. */
  watch(promise: Promise<unknown>): void {
    promise.catch((error: unknown) => this.fail(error));
  }

  drop(id: number): void {
    this.list = this.list.filter((toast) => toast.id !== id);
  }

  #add(toast: Omit<Toast, 'id'>, stays: number): void {
    const id = this.#next++;
    const others = this.list.filter((other) => other.key !== toast.key);
    this.list = [...others, { ...toast, id }].slice(-TOASTS_MAX);
    this.#clock.after(stays, () => this.drop(id));
  }
}
