/*
 * What the log shows, line by line: rows, then own operations that are not answered. An operation that alters a row lies over it until
 * the row itself is another. Pure: the same rows give the same items.
 */
import type { OutboxEntry, Row, RowKind, Ticks, UserId } from '../core/types.ts';
import { DAY } from './clock.ts';
import { mentions, plainText } from './text.ts';

/** Rows of one sender within so long make a group: one name, no gap between them. */
export const GROUP_MS = 600_000;

/** most have none: one array for all of them */
const NONE: never[] = [];

export type MessageState = 'queued' | 'failed' | 'sent' | 'delivered' | 'read';

export interface Item {
  /** the same for an operation and the row that it makes */
  key: string;
  /** 0: the server does not have it */
  seq: number;
  row?: Row;
  entry?: OutboxEntry;
  kind: RowKind;
  time: number;
  sender: UserId;
  mine: boolean;
  text: string;
  origin?: string;
  replyTo: number;
  state: MessageState;
  edited: boolean;
  pinned: boolean;
  reactions: { emoji: string; people: number; mine: boolean }[];
  /** the first of its day */
  newDay: boolean;
  /** the first unread one */
  unread: boolean;
  /** of its group */
  first: boolean;
  last: boolean;
  /** its sender is blocked */
  hidden: boolean;
  mentioned: boolean;
  /** operations on it that were refused */
  refused: OutboxEntry[];
}

export interface Sight {
  me: UserId;
  userName: string;
  group: boolean;
  self: boolean;
  ticks: Ticks | undefined;
  unreadFrom: number;
  blocks: ReadonlySet<UserId>;
  revealed: ReadonlySet<string>;
}

export function stateOf(seq: number, ticks: Ticks | undefined, self: boolean): MessageState {
  if (!ticks || self || seq <= ticks.from) return 'sent';
  return seq <= ticks.read ? 'read' : seq <= ticks.delivered ? 'delivered' : 'sent';
}

function reactionsOf(row: Row, laid: OutboxEntry | undefined): Item['reactions'] {
  if (row.reactions.length === 0 && !laid) return NONE;
  const own = laid ? (laid.operation.text ?? '') : (row.reacted ?? '');
  const counts = new Map(row.reactions.map(({ emoji, people }) => [emoji, people]));
  if (laid && row.reacted) counts.set(row.reacted, (counts.get(row.reacted) ?? 1) - 1);
  if (laid && own) counts.set(own, (counts.get(own) ?? 0) + 1);
  return [...counts].filter(([, people]) => people > 0).map(([emoji, people]) => ({ emoji, people, mine: emoji === own }));
}

const texts = new WeakMap<Row, string>();

/** Rows do not change, another comes in their place: so what is made of one is made once. */
function textOf(row: Row): string {
  let text = texts.get(row);
  if (text === undefined) texts.set(row, (text = plainText(row.text)));
  return text;
}

function itemOfRow(row: Row, sight: Sight, over: OutboxEntry[]): Item {
  const mine = row.sender === sight.me;
  const waits = over.filter((entry) => entry.state === 'queued');
  const edit = waits.findLast((entry) => entry.operation.kind === 'edited');
  const pin = waits.findLast((entry) => entry.operation.kind === 'pinned');
  const gone = row.kind === 'deleted' || waits.some((entry) => entry.operation.kind === 'deleted');
  const key = mine && row.request ? row.request : `${row.seq}`;
  const hidden = row.kind === 'text' && !mine && sight.group && sight.blocks.has(row.sender) && !sight.revealed.has(key);
  const item: Item = {
    key,
    seq: row.seq,
    row,
    kind: gone ? 'deleted' : row.kind,
    time: row.time,
    sender: row.sender,
    mine,
    text: gone ? '' : edit ? plainText(edit.operation.text ?? '') : textOf(row),
    replyTo: gone ? 0 : (row.replyTo ?? 0),
    state: edit ? 'queued' : mine ? stateOf(row.seq, sight.ticks, sight.self) : 'sent',
    edited: edit !== undefined || row.editedMs !== undefined,
    pinned: pin ? !pin.operation.off : (row.pinned ?? 0) > 0,
    reactions: gone ? NONE : reactionsOf(row, waits.findLast((entry) => entry.operation.kind === 'reacted')),
    newDay: false,
    unread: false,
    first: true,
    last: true,
    hidden,
    mentioned: !mine && !hidden && row.kind === 'text' && mentions(row.text, sight.userName),
    refused: over.length === 0 ? NONE : over.filter((entry) => entry.state === 'failed'),
  };
  if (row.origin !== undefined && !gone) item.origin = row.origin;
  return item;
}

function itemOfEntry(entry: OutboxEntry, sight: Sight): Item {
  const { operation } = entry;
  const item: Item = {
    key: entry.id,
    seq: 0,
    entry,
    kind: operation.kind as RowKind,
    time: entry.time,
    sender: sight.me,
    mine: true,
    text: plainText(operation.text ?? ''),
    replyTo: operation.kind === 'text' ? (operation.target ?? 0) : 0,
    state: entry.state,
    edited: false,
    pinned: false,
    reactions: [],
    newDay: false,
    unread: false,
    first: true,
    last: true,
    hidden: false,
    mentioned: false,
    refused: [],
  };
  if (operation.origin !== undefined) item.origin = operation.origin;
  return item;
}

/** Is it drawn the same? */
function isSame(one: Item, other: Item): boolean {
  for (const key of Object.keys(one) as (keyof Item)[]) {
    const [a, b] = [one[key], other[key]];
    if (a !== b && !(Array.isArray(a) && Array.isArray(b) && JSON.stringify(a) === JSON.stringify(b))) return false;
  }
  return Object.keys(one).length === Object.keys(other).length;
}

/** Items as before where they are the same, so that only what is another is drawn anew. */
export function keepSame(items: Item[], before: Item[]): Item[] {
  const there = new Map(before.map((item) => [item.key, item]));
  return items.map((item) => {
    const old = there.get(item.key);
    return old && isSame(old, item) ? old : item;
  });
}

/** Operations on a row that is there: they are no line of their own. */
export const ALTERING: ReadonlySet<string> = new Set(['edited', 'deleted', 'reacted', 'pinned']);

/** Away from the newest rows what is not sent has no place; but what it alters may be there. */
export function inWindow(outbox: OutboxEntry[], atNewest: boolean): OutboxEntry[] {
  return atNewest ? outbox : outbox.filter(({ operation }) => ALTERING.has(operation.kind));
}

/** Changes that were refused, of rows that are not among these: there is no line that they could stand under. */
export function astray(outbox: OutboxEntry[], rows: Row[]): OutboxEntry[] {
  const refused = outbox.filter(({ state, operation }) => state === 'failed' && ALTERING.has(operation.kind));
  if (refused.length === 0) return NONE;
  const here = new Set(rows.map(({ seq }) => seq));
  return refused.filter(({ operation }) => !here.has(operation.target ?? 0));
}

function isNewDay(time: number, before: number): boolean {
  return Math.abs(time - before) >= DAY || new Date(time).getDate() !== new Date(before).getDate();
}

function isGrouped(item: Item, before: Item): boolean {
  if (item.newDay || item.unread) return false;
  if (item.kind !== 'text' && before.kind !== 'text') return true;
  return before.sender === item.sender && before.kind === item.kind && item.time - before.time < GROUP_MS;
}

export function itemsOf(rows: Row[], outbox: OutboxEntry[], sight: Sight): Item[] {
  const requests = new Set(rows.filter((row) => row.sender === sight.me).map((row) => row.request));
  const over = new Map<number, OutboxEntry[]>();
  for (const entry of outbox) {
    if (!ALTERING.has(entry.operation.kind)) continue;
    const target = entry.operation.target ?? 0;
    over.set(target, [...(over.get(target) ?? []), entry]);
  }
  const items = rows.map((row) => itemOfRow(row, sight, over.get(row.seq) ?? NONE));
  let unread = sight.unreadFrom > 0;

  for (const entry of outbox) {
    if (!ALTERING.has(entry.operation.kind) && !requests.has(entry.id)) items.push(itemOfEntry(entry, sight));
  }
  items.forEach((item, index) => {
    const before = items[index - 1];
    item.newDay = !before || isNewDay(item.time, before.time);
    item.unread = unread && !item.mine && item.seq >= sight.unreadFrom;
    if (item.unread) unread = false;
    item.first = !before || !isGrouped(item, before);
    if (before) before.last = item.first;
  });
  return items;
}
