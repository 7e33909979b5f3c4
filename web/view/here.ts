/* What the model needs of this browser: a clock, and a few small texts that are kept. */
import type { Clock, Keep } from '../model/clock.ts';

export const browserClock: Clock = {
  now: () => Date.now(),
  after(ms, call) {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
};

const PREFIX = 'galka:';

/** localStorage, or (where the browser refuses it) memory. */
export function browserKeep(): Keep {
  const memory = new Map<string, string>();
  return {
    get(key) {
      try {
        return localStorage.getItem(PREFIX + key) ?? memory.get(key);
      } catch {
        return memory.get(key);
      }
    },
    set(key, value) {
      if (value === undefined) memory.delete(key);
      else memory.set(key, value);
      try {
        if (value === undefined) localStorage.removeItem(PREFIX + key);
        else localStorage.setItem(PREFIX + key, value);
      } catch {
        /* full, or forbidden: it is in memory */
      }
    },
    forget(begin) {
      for (const key of [...memory.keys()]) if (key.startsWith(begin)) memory.delete(key);
      try {
        for (const key of Object.keys(localStorage)) if (key.startsWith(PREFIX + begin)) localStorage.removeItem(key);
      } catch {
        /* forbidden: there is nothing */
      }
    },
  };
}
