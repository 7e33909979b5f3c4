/* The part of a log that is in memory: rows in the order of their numbers. Pure. */
import type { Row } from '../core/types.ts';

/** Rows that are asked for at once, and that are kept at most: what is far from what is read is dropped. */
export const PAGE = 60;
export const WINDOW_MAX = 360;

/** The index of the first row with that number or a higher one. */
export function placeOf(rows: Row[], seq: number): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle]!.seq < seq) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function rowAt(rows: Row[], seq: number): Row | undefined {
  const row = rows[placeOf(rows, seq)];
  return row?.seq === seq ? row : undefined;
}

/** Both, each row once: as it was changed last. */
export function merge(one: Row[], other: Row[]): Row[] {
  if ((one.at(-1)?.seq ?? 0) < (other[0]?.seq ?? Infinity)) return [...one, ...other];
  const bySeq = new Map(one.map((row) => [row.seq, row]));
  for (const row of other) {
    const there = bySeq.get(row.seq);
    if (!there || row.changed >= there.changed) bySeq.set(row.seq, row);
  }
  return [...bySeq.values()].sort((a, b) => a.seq - b.seq);
}

/** Rows that came: those within the window replace what they change, those that follow are added if the window has the newest. The same if none is. */
export function follow(rows: Row[], come: Row[], atNewest: boolean): Row[] {
  const first = rows[0]?.seq ?? 0;
  const last = rows.at(-1)?.seq ?? 0;
  const mine = come.filter((row) => (row.seq > last ? atNewest : row.seq >= first) && row.kind !== 'setting');
  return mine.length > 0 ? merge(rows, mine) : rows;
}
