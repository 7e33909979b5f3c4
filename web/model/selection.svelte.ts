/*
 * Messages of the open room that are chosen together, to be copied, forwarded or deleted. Rows only: what is not sent has no number yet. They
 * stay chosen though the window goes elsewhere; what is deleted meanwhile is chosen no longer.
 */
import type { Row } from '../core/types.ts';
import type { Item } from './items.ts';
import { plainText } from './text.ts';

/** As many as are chosen at once: each is an operation of its own, and an outbox holds a thousand. */
export const SELECT_MAX = 100;

export function selectable(item: Item): boolean {
  return item.row !== undefined && item.kind === 'text' && !item.hidden;
}

/** What they say, oldest first; who said it, if several did. */
export function textOf(items: Item[], name: (item: Item) => string): string {
  const several = items.some((item) => item.sender !== items[0]?.sender);
  return items.map((item) => (several ? `${name(item)}: ${item.text}` : item.text)).join('\n');
}

export class Selection {
  on = $state(false);
  #chosen = $state.raw<ReadonlyMap<number, Item>>(new Map());
  /** the one that was chosen last: where a range begins */
  #from = 0;

  get count(): number {
    return this.#chosen.size;
  }

  /** By their numbers. */
  get items(): Item[] {
    return [...this.#chosen.values()].sort((a, b) => a.seq - b.seq);
  }

  has(item: Item): boolean {
    return this.#chosen.has(item.seq);
  }

  /** Chooses it, or no longer; the first one begins, the last one ends. False: there are too many. */
  toggle(item: Item): boolean {
    if (!selectable(item)) return true;
    const next = new Map(this.#chosen);
    if (!next.delete(item.seq)) {
      if (next.size >= SELECT_MAX) return false;
      next.set(item.seq, item);
    }
    this.#from = item.seq;
    this.#chosen = next;
    this.on = next.size > 0;
    return true;
  }

  /** All from the one before to this one, of those that are shown. False: there are too many, and some were left out. */
  extend(item: Item, shown: Item[]): boolean {
    const [low, high] = [Math.min(this.#from, item.seq), Math.max(this.#from, item.seq)];
    const next = new Map(this.#chosen);
    const range = shown.filter((one) => selectable(one) && one.seq >= low && one.seq <= high);
    for (const one of range) if (next.size < SELECT_MAX) next.set(one.seq, one);
    this.#from = item.seq;
    this.#chosen = next;
    this.on = true;
    return range.every((one) => next.has(one.seq));
  }

  end(): void {
    this.on = false;
    this.#chosen = new Map();
    this.#from = 0;
  }

  /** Rows that are others now. */
  take(rows: Row[]): void {
    if (!this.on) return;
    const next = new Map(this.#chosen);
    let altered = false;
    for (const row of rows) {
      const item = next.get(row.seq);
      if (!item) continue;
      altered = true;
      if (row.kind === 'text') next.set(row.seq, { ...item, row, text: plainText(row.text) });
      else next.delete(row.seq);
    }
    if (!altered) return;
    this.#chosen = next;
    this.on = next.size > 0;
  }
}
