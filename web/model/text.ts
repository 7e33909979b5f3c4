/* Small truths about texts: limits of rules/limits.h, mentions as rules/mention.c sees them, names that can be shown. */
import type { Person, UserId } from '../core/types.ts';

/** rules/limits.h, in bytes of UTF-8 */
export const TEXT_BYTES_MAX = 16384;
export const TITLE_BYTES_MAX = 256;
export const SEARCH_BYTES_MAX = 256;

const encoder = new TextEncoder();

export function bytesOf(text: string): number {
  return encoder.encode(text).length;
}

/*
 * Characters that are obeyed instead of seen: controls, bidirectional embeddings, overrides and isolates, marks and joiners without
 * width, separators of lines, tags, fillers. ZWJ and variation selectors stay where they hold an emoji together.
 */
const OBEYED = /[\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb]/g;
const TAGS = /[\u{e0000}-\u{e0fff}]/gu;
const LOOSE_JOINER = /(?<!\p{Extended_Pictographic}[\ufe0f\u{1f3fb}-\u{1f3ff}]?)\u200d|\u200c(?=[\x00-\x7f]|$)/gu;

/** A name as it may be shown: one line, nothing in it that is obeyed or cannot be seen. */
export function plainName(name: string): string {
  return name.replace(OBEYED, '').replace(TAGS, '').replace(LOOSE_JOINER, '').trim();
}

/** A text as it may be shown: as a name, but lines stay, and so do marks of direction, which cannot reach out of their bubble. */
export function plainText(text: string): string {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\u2028\u2029]/g, '');
}

/** What stands for somebody: the name he gave himself, or @user_name; '' while neither is known. */
export function nameOf(person: Person | undefined): string {
  if (!person) return '';
  return plainName(person.displayName) || (person.userName ? `@${person.userName}` : '');
}

/** Up to two letters for an avatar. */
export function initials(name: string): string {
  const words = name.replace(/[^\p{L}\p{N}\s]/gu, ' ').trim().split(/\s+/).filter(Boolean);
  const letters = words.length > 1 ? [words[0]!, words[words.length - 1]!] : words;
  return letters.map((word) => [...word][0]!.toLocaleUpperCase()).join('');
}

/** --person-0 … of view/tokens.css */
export const PERSON_COLOURS = 12;

/** One of `count` colours, always the same for an id. */
export function colourOf(id: string, count: number): number {
  let sum = 0x811c9dc5;
  for (let i = 0; i < id.length; i++) sum = Math.imul(sum ^ id.charCodeAt(i), 0x01000193) >>> 0;
  return ((sum ^ (sum >>> 15)) >>> 0) % count;
}

const MENTION = /(?<![A-Za-z0-9_\-\u0080-\uffff])@([A-Za-z][A-Za-z0-9_.-]{2,31})/g;

/** Where user names are mentioned: [start, end, name without dots at its end]. */
export function mentionsIn(text: string): [number, number, string][] {
  const found: [number, number, string][] = [];
  for (const match of text.matchAll(MENTION)) {
    const name = match[1]!.replace(/\.+$/, '');
    found.push([match.index, match.index + 1 + name.length, name]);
  }
  return found;
}

export function mentions(text: string, userName: string): boolean {
  const wanted = userName.toLowerCase();
  return wanted !== '' && mentionsIn(text).some(([, , name]) => name.toLowerCase() === wanted);
}

/** The beginning of something that begins with `sign` and ends where the text does: '@an' and ':smi'; undefined: there is none. */
export function begunWith(text: string, sign: '@' | ':'): string | undefined {
  const found = sign === '@' ? /(?:^|[^A-Za-z0-9_\-\u0080-\uffff])@([A-Za-z0-9_.-]*)$/.exec(text) : /(?:^|\s):([\p{L}0-9_+-]{2,})$/u.exec(text);
  return found?.[1];
}

/** Nothing but up to three emoji: such a message is drawn large. */
export function isEmojiOnly(text: string): boolean {
  return text.length <= 40 && /^(?:\p{Extended_Pictographic}(?:\ufe0f|[\u{1f3fb}-\u{1f3ff}])?(?:\u200d\p{Extended_Pictographic}\ufe0f?)*|\p{RI}{2}){1,3}$/u.test(text.trim());
}

/** For comparison: case, accents that are marks, and ё folded. */
export function fold(text: string): string {
  return text.toLocaleLowerCase().replaceAll('ё', 'е').normalize('NFD').replace(/(?<=[a-z])\p{M}/gu, '').normalize('NFC');
}

/** Does one of the words of `name` begin with `begun` (folded)? */
export function nameBegins(name: string, begun: string): boolean {
  const folded = fold(name);
  return folded.startsWith(begun) || folded.split(/[\s._-]+/).some((word) => word.startsWith(begun));
}

export function isUser(user: UserId | undefined): user is UserId {
  return user !== undefined && user !== '' && !/^0+$/.test(user);
}
