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
  row: Row | undefined;
  entry: OutboxEntry | undefined;
  kind: RowKind;
  time: number;
  sender: UserId;
  mine: boolean;
  text: string;
  origin: string | undefined;
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
  /** operations lie over it */
  laid: boolean;
  /** those of them that were refused */
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

function keyOf(row: Row, sight: Sight): string {
  return row.sender === sight.me && row.request ? row.request : `${row.seq}`;
}

function isHidden(row: Row, key: string, sight: Sight): boolean {
  return row.kind === 'text' && row.sender !== sight.me && sight.group && sight.blocks.has(row.sender) && !sight.revealed.has(key);
}

function rowState(row: Row, sight: Sight): MessageState {
  return row.sender === sight.me ? stateOf(row.seq, sight.ticks, sight.self) : 'sent';
}

function itemOfRow(row: Row, sight: Sight, over: OutboxEntry[]): Item {
  const mine = row.sender === sight.me;
  const waits = over.filter((entry) => entry.state === 'queued');
  const edit = waits.findLast((entry) => entry.operation.kind === 'edited');
  const pin = waits.findLast((entry) => entry.operation.kind === 'pinned');
  const gone = row.kind === 'deleted' || waits.some((entry) => entry.operation.kind === 'deleted');
  const key = keyOf(row, sight);
  const hidden = isHidden(row, key, sight);
  return {
    key,
    seq: row.seq,
    row,
    entry: undefined,
    kind: gone ? 'deleted' : row.kind,
    time: row.time,
    sender: row.sender,
    mine,
    text: gone ? '' : edit ? plainText(edit.operation.text ?? '') : textOf(row),
    origin: gone ? undefined : row.origin,
    replyTo: gone ? 0 : (row.replyTo ?? 0),
    state: edit ? 'queued' : rowState(row, sight),
    edited: edit !== undefined || row.editedMs !== undefined,
    pinned: pin ? !pin.operation.off : (row.pinned ?? 0) > 0,
    reactions: gone ? NONE : reactionsOf(row, waits.findLast((entry) => entry.operation.kind === 'reacted')),
    newDay: false,
    unread: false,
    first: true,
    last: true,
    hidden,
    mentioned: !mine && !hidden && row.kind === 'text' && mentions(row.text, sight.userName),
    laid: over.length > 0,
    refused: over.length === 0 ? NONE : over.filter((entry) => entry.state === 'failed'),
  };
}

function itemOfEntry(entry: OutboxEntry, sight: Sight): Item {
  const { operation } = entry;
  return {
    key: entry.id,
    seq: 0,
    row: undefined,
    entry,
    kind: operation.kind as RowKind,
    time: entry.time,
    sender: sight.me,
    mine: true,
    text: plainText(operation.text ?? ''),
    origin: operation.origin,
    replyTo: operation.kind === 'text' ? (operation.target ?? 0) : 0,
    state: entry.state,
    edited: false,
    pinned: false,
    reactions: NONE,
    newDay: false,
    unread: false,
    first: true,
    last: true,
    hidden: false,
    mentioned: false,
    laid: false,
    refused: NONE,
  };
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
  if (item.kind !== 'text' && before.kind !== 'text') return true;
  return before.sender === item.sender && before.kind === item.kind && item.time - before.time < GROUP_MS;
}

/** What stands beside an item decides about it. An item that may have been shown is not altered, another comes in its place. */
function placed(items: Item[], unreadFrom: number): Item[] {
  let unread = unreadFrom > 0;
  const flags = items.map((item, index) => {
    const before = items[index - 1];
    const newDay = !before || isNewDay(item.time, before.time);
    const first = unread && !item.mine && item.seq >= unreadFrom;
    if (first) unread = false;
    return { newDay, unread: first, first: newDay || first || !isGrouped(item, before) };
  });
  return items.map((item, index) => {
    const { newDay, unread, first } = flags[index]!;
    const last = flags[index + 1]?.first ?? true;
    const stands = item.newDay === newDay && item.unread === unread && item.first === first && item.last === last;
    return stands ? item : { ...item, newDay, unread, first, last };
  });
}

/** Is it drawn the same? All items have the same properties, also where there is nothing to say. */
function isSame(one: Item, other: Item): boolean {
  for (const key in one) {
    const a = one[key as keyof Item];
    const b = other[key as keyof Item];
    if (a !== b && !(Array.isArray(a) && Array.isArray(b) && JSON.stringify(a) === JSON.stringify(b))) return false;
  }
  return true;
}

/** Is what was made of a row before what would be made of it now? */
function stands(item: Item, row: Row, sight: Sight): boolean {
  return item.row === row && !item.laid && item.hidden === isHidden(row, item.key, sight) && item.state === rowState(row, sight);
}

/** What is shown, and how it was looked at. */
export interface Shown {
  items: Item[];
  sight: Sight;
}

/** Items that are drawn as those in `before` are the same objects: only what is another is drawn anew, and little is made when a page comes. */
export function itemsOf(rows: Row[], outbox: OutboxEntry[], sight: Sight, before?: Shown): Item[] {
  const likewise = before && (['me', 'userName', 'group', 'self'] as const).every((key) => before.sight[key] === sight[key]);
  const shown = likewise ? before.items : NONE;
  const over = new Map<number, OutboxEntry[]>();
  for (const entry of outbox) {
    if (!ALTERING.has(entry.operation.kind)) continue;
    const target = entry.operation.target ?? 0;
    over.set(target, [...(over.get(target) ?? []), entry]);
  }
  const there: (Item | undefined)[] = [];
  let at = 0; // both are in the order of the rows' numbers; what has none is at the end
  const items = rows.map((row) => {
    while (at < shown.length && shown[at]!.seq > 0 && shown[at]!.seq < row.seq) at++;
    const old = shown[at]?.seq === row.seq ? shown[at] : undefined;
    there.push(old);
    return old && !over.has(row.seq) && stands(old, row, sight) ? old : itemOfRow(row, sight, over.get(row.seq) ?? NONE);
  });
  const waiting = outbox.filter((entry) => !ALTERING.has(entry.operation.kind));
  if (waiting.length > 0) {
    const requests = new Set(rows.filter((row) => row.sender === sight.me).map((row) => row.request));
    const unsent = shown.slice(shown.findLastIndex((item) => item.seq > 0) + 1);
    for (const entry of waiting) {
      if (requests.has(entry.id)) continue;
      items.push(itemOfEntry(entry, sight));
      there.push(unsent.find((item) => item.key === entry.id));
    }
  }
  return placed(items, sight.unreadFrom).map((item, index) => {
    const old = there[index];
    return old && old !== item && isSame(old, item) ? old : item;
  });
}
