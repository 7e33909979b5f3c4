/* A text around the first of the words that were searched for, with all of them marked. Case, and ё, do not matter. */
export interface Piece {
  text: string;
  found: boolean;
}

const BEFORE = 40;
const SHOWN = 240;

export function cut(text: string, words: string): Piece[] {
  const wanted = words.trim().split(/\s+/).filter(Boolean).map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/[её]/gi, '[её]'));
  if (wanted.length === 0) return [{ text: text.slice(0, SHOWN), found: false }];
  const pattern = new RegExp(wanted.join('|'), 'giu');
  const first = text.search(pattern);
  const from = first > BEFORE ? first - BEFORE : 0;
  const shown = (from > 0 ? '…' : '') + text.slice(from, from + SHOWN).replace(/\s+/g, ' ');
  const pieces: Piece[] = [];
  let at = 0;
  for (const match of shown.matchAll(pattern)) {
    if (match.index > at) pieces.push({ text: shown.slice(at, match.index), found: false });
    pieces.push({ text: match[0], found: true });
    at = match.index + match[0].length;
  }
  if (at < shown.length) pieces.push({ text: shown.slice(at), found: false });
  return pieces;
}
