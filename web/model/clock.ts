/* What the model needs of the world beside the core: the time, and a few small texts that this device keeps. Given by main.ts. */
export interface Clock {
  /** milliseconds since 1970 */
  now(): number;
  /** Calls once, after so long. Returns what calls it off. */
  after(ms: number, call: () => void): () => void;
}

/** At once, and small: choices of this device, and a draft that is being typed. */
export interface Keep {
  get(key: string): string | undefined;
  /** undefined: forget it */
  set(key: string, value: string | undefined): void;
  /** Forgets all whose keys begin so. */
  forget(begin: string): void;
}

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
