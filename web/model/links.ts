/*
 * A text taken apart for being shown: plain parts, links, mentions. Nothing is trusted: a link is http, https or mailto or it is plain
 * text, and one whose host looks like another one is marked. Pure; fuzzed by test/web.
 */
import { LinkifyIt } from 'linkify-it';

import { mentionsIn } from './text.ts';

export type Segment =
  | { kind: 'text'; text: string }
  | { kind: 'link'; text: string; href: string; host: string; suspect: boolean }
  | { kind: 'mention'; text: string; userName: string };

/** Of one text: the rest of a text with more is plain. */
const LINKS_MAX = 100;
const SCHEMES = new Set(['http:', 'https:', 'mailto:']);

const finder = new LinkifyIt({ fuzzyLink: true, fuzzyEmail: true, fuzzyIP: false });
finder.add('ftp:', null).add('//', null);

const SCRIPTS = [/\p{Script=Latin}/u, /\p{Script=Cyrillic}/u, /\p{Script=Greek}/u, /\p{Script=Armenian}/u, /\p{Script=Cherokee}/u];
/** Letters that are not Latin and look as if they were. */
const LOOKALIKES = /^[-0-9а-яё.]*$/u;
const LATIN_LIKE = /^[-0-9aавеёзикмнопрстухьѕіјӏԁԛԝһүαβγηικνορτυχ]+$/u;

/** The host as it stands in the text, not as the browser makes it. */
function hostIn(url: string): string {
  const rest = url.replace(/^[a-z]+:(\/\/)?/i, '').split(/[/?#]/)[0] ?? '';
  return rest.slice(rest.lastIndexOf('@') + 1).replace(/:\d*$/, '').toLowerCase();
}

/** Could somebody take that host for another one? Mixed alphabets in a label, a label of look-alikes before a Latin ending, punycode. */
export function isSuspect(host: string): boolean {
  const labels = host.split('.');
  const ending = labels.at(-1) ?? '';
  return labels.some((label) => {
    if (label.startsWith('xn--')) return true;
    // eslint-disable-next-line no-control-regex
    if (/^[\x21-\x7e]*$/.test(label)) return false;
    if (SCRIPTS.filter((script) => script.test(label)).length > 1) return true;
    if (/[\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\u2044\u2215\u29f8\uff0f\u3002\uff0e]/.test(label)) return true;
    return !LOOKALIKES.test(ending) && LATIN_LIKE.test(label);
  });
}

function linkOf(text: string, url: string): Segment {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    return { kind: 'text', text };
  }
  if (!SCHEMES.has(parsed.protocol)) return { kind: 'text', text };
  const host = hostIn(url);
  const disguised = parsed.protocol !== 'mailto:' && parsed.username !== '';
  return { kind: 'link', text, href: parsed.href, host: disguised ? parsed.host : host, suspect: disguised || isSuspect(host) };
}

function addPlain(segments: Segment[], text: string): void {
  let at = 0;
  for (const [start, end, userName] of mentionsIn(text)) {
    if (start > at) segments.push({ kind: 'text', text: text.slice(at, start) });
    segments.push({ kind: 'mention', text: text.slice(start, end), userName });
    at = end;
  }
  if (at < text.length) segments.push({ kind: 'text', text: text.slice(at) });
}

/** The parts, in order; together they are the text. */
export function segmentsOf(text: string): Segment[] {
  const segments: Segment[] = [];
  let at = 0;
  const links = text.includes('.') || text.includes(':') ? (finder.match(text) ?? []) : [];
  for (const link of links.slice(0, LINKS_MAX)) {
    addPlain(segments, text.slice(at, link.index));
    segments.push(linkOf(text.slice(link.index, link.lastIndex), link.url));
    at = link.lastIndex;
  }
  addPlain(segments, text.slice(at));
  return segments;
}
