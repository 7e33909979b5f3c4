/*
 * Time for the core. Its clock must not go back, and must go on while the machine sleeps: after an hour asleep the link is an hour silent.
 * performance.now() does the first; the second it does in some browsers and not in others (where it counts with CLOCK_MONOTONIC). So
 * where the wall clock has run ahead of it by more than a moment, what is missing is added. Somebody who sets his clock forward makes
 * pauses end early, and that is all; one who sets it back changes nothing.
 */
import type { Time } from '../core/wasm.ts';

/** What the two clocks may differ by between two looks. */
const DRIFT_MS = 2000;
/** More sleep than this is not told apart. */
const LEAP_MAX_MS = 86400000;

export interface Clock extends Time {
  /** Calls after so many milliseconds; returns what takes it back. */
  after(ms: number, what: () => void): () => void;
}

export class SleepingClock implements Time {
  readonly #steady: () => number;
  readonly #wall: () => number;
  #added = 0;
  #before: { steady: number; wall: number };

  constructor(steady: () => number, wall: () => number) {
    this.#steady = steady;
    this.#wall = wall;
    this.#before = { steady: steady(), wall: wall() };
  }

  now(): number {
    const steady = this.#steady();
    const wall = this.#wall();
    const missed = wall - this.#before.wall - (steady - this.#before.steady);
    if (missed > DRIFT_MS) this.#added += Math.min(missed, LEAP_MAX_MS);
    this.#before = { steady, wall };
    return steady + this.#added;
  }

  wall(): number {
    return this.#wall();
  }
}

/** Shorter pauses are the page's own: who has them is being looked at, or has something to do. */
const ALARM_LEAST_MS = 1000;

/** Pauses that a hidden page keeps to (alarm.ts). Where there is no worker the page's timers have to do. */
class Alarm {
  readonly #calls = new Map<number, () => void>();
  #worker: Worker | undefined;
  #last = 0;

  constructor() {
    try {
      this.#worker = new Worker(new URL('./alarm.ts', import.meta.url), { type: 'module' });
      this.#worker.onmessage = (message: MessageEvent<number>) => {
        const call = this.#calls.get(message.data);
        this.#calls.delete(message.data);
        call?.();
      };
      this.#worker.onerror = () => {
        this.#worker = undefined;
      };
    } catch {
      this.#worker = undefined;
    }
  }

  after(ms: number, call: () => void): () => void {
    const id = ++this.#last;
    if (!this.#worker || ms < ALARM_LEAST_MS) return () => undefined;
    this.#calls.set(id, call);
    this.#worker.postMessage({ id, ms });
    return () => {
      if (this.#calls.delete(id)) this.#worker?.postMessage({ id });
    };
  }
}

export const browserClock = (): Clock => {
  const alarm = new Alarm();
  const time = new SleepingClock(
    () => performance.now(),
    () => Date.now(),
  );
  return {
    now: () => time.now(),
    wall: () => time.wall(),
    // The page's timer and the worker's: whichever is first.
    after: (ms, what) => {
      const cancel = (): void => {
        clearTimeout(timer);
        quiet();
      };
      const ring = (): void => {
        cancel();
        what();
      };
      const timer = setTimeout(ring, ms);
      const quiet = alarm.after(ms, ring);
      return cancel;
    },
  };
};
