/*
 * What the list of chats shows of messages that are not sent, and what is heard: the model over an engine that is made up. No browser; runes are
 * plain values here.
 */
import assert from 'node:assert/strict';

globalThis.$state = Object.assign((value) => value, { raw: (value) => value });
globalThis.$derived = Object.assign((value) => value, { by: () => undefined });
const { App } = await import('../../web/model/app.svelte.ts');
const { Unsent, waitingOf } = await import('../../web/model/unsent.svelte.ts');
const { run, test } = await import('./tap.mjs');

const ME = '01', ANNA = '02', ROOM = 'room', OTHER = 'other', NEW = 'new';
const row = (seq, more = {}) => ({ seq, changed: seq, time: 1000, sender: ANNA, kind: 'text', request: `r${seq}`, text: `text ${seq}`, reactions: [], ...more });
const entry = (id, kind = 'text', more = {}) => ({ room: ROOM, id, operation: { kind, text: id }, time: 5000, state: 'queued', ...more });
const line = (room, last, more = {}) => ({ room, kind: 'personal', left: false, head: last?.changed ?? 0, holeTop: 0, unread: 1, lastTime: 1000, marks: { delivered: 0, read: 0, shown: 0 }, ticks: { from: 0, delivered: 0, read: 0 },
  title: '', role: 'member', members: 0, queued: 0, settings: { mutedUntil: 0, muted: false, archived: false, pin: 0, draft: '', draftReplyTo: 0 }, mentions: 0, ...(last ? { last } : {}), ...more });
const later = () => new Promise((resolve) => setImmediate(resolve));

/** An app that is signed in, with what it heard, and how to tell it something. */
function listening(rooms, now = 1_000_000) {
  let tell;
  const heard = [];
  const engine = { listen: (on) => (tell = on), outbox: async () => [], watch: () => undefined, personalRoom: () => 'notes' };
  const keep = { get: () => undefined, set: () => undefined, forget: () => undefined };
  const app = new App(engine, { now: () => now, after: () => () => undefined }, keep);
  const me = { person: { user: ME, userName: 'vera', displayName: 'Vera' }, device: 'd' };
  tell({ kind: 'snapshot', snapshot: { phase: 'synced', me, nextConnect: 0, invites: false, rooms, blocks: [], settings: {}, leads: true } });
  app.onHeard((_, one) => heard.push(one.text));
  return { heard, tell };
}

test('of an outbox the list shows what was refused before what waits, and no change of a message', () => {
  assert.equal(waitingOf([]), undefined);
  assert.equal(waitingOf([entry('a'), entry('b')]).entry.id, 'b');
  assert.deepEqual([waitingOf([entry('a', 'text', { state: 'failed' }), entry('b')])].map((one) => [one.entry.id, one.failed]), [['a', true]]);
  assert.deepEqual([waitingOf([entry('e', 'edited', { state: 'failed' })])].map((one) => [one.entry, one.failed]), [[undefined, true]]);
  assert.equal(waitingOf([entry('a'), entry('p', 'pinned')]).entry.id, 'a');
});

test('a room is read once while it is read, and again if something came meanwhile; what is gone is forgotten', async () => {
  let stored = [entry('a')];
  const asked = [];
  let release;
  const engine = { outbox: (room) => (asked.push(room), new Promise((resolve) => (release = () => resolve(stored)))) };
  const unsent = new Unsent(engine);
  unsent.look([line(ROOM, undefined, { queued: 1 }), line(OTHER)]);
  unsent.take({ kind: 'outbox', room: ROOM, id: 'b', state: 'queued' });
  unsent.take({ kind: 'outbox', room: ROOM, id: 'c', state: 'queued' });
  assert.deepEqual(asked, [ROOM]);
  release();
  await later();
  assert.deepEqual(asked, [ROOM, ROOM]);
  assert.equal(unsent.get(ROOM).entry.id, 'a');
  stored = [];
  release();
  await later();
  assert.deepEqual([asked.length, unsent.get(ROOM)], [2, undefined]);
  unsent.look([line(ROOM)]);
  assert.equal(asked.length, 2);
});

test('a storage that does not answer leaves the line as it is', async () => {
  const unsent = new Unsent({ outbox: async () => { throw new Error('storage'); } });
  unsent.look([line(ROOM, undefined, { queued: 1 })]);
  await later();
  assert.equal(unsent.get(ROOM), undefined);
});

test('the first message of somebody new is heard, also with a reaction that came along; a reaction alone is not', () => {
  const { heard, tell } = listening([line(ROOM, row(5))]);
  const first = row(1, { changed: 2, text: 'hello' });
  tell({ kind: 'rows', room: NEW, rows: [first] });
  tell({ kind: 'rooms', rooms: [line(NEW, first, { head: 2 })] });
  assert.deepEqual(heard, ['hello']);
  tell({ kind: 'rows', room: NEW, rows: [row(1, { changed: 3, text: 'hello' })] });
  tell({ kind: 'rows', room: ROOM, rows: [row(5, { changed: 6 })] });
  tell({ kind: 'rows', room: ROOM, rows: [row(3, { changed: 7 })] });
  assert.deepEqual(heard, ['hello']);
});

test('a message is heard once, whether its line or its row comes first; history and what was seen elsewhere are not', () => {
  const { heard, tell } = listening([line(ROOM, row(5)), line(OTHER)]);
  tell({ kind: 'rooms', rooms: [line(ROOM, row(6))] });
  tell({ kind: 'rows', room: ROOM, rows: [row(6), row(6, { changed: 7 })] });
  tell({ kind: 'rows', room: ROOM, rows: [row(8)] });
  tell({ kind: 'rooms', rooms: [line(ROOM, row(8))] });
  assert.deepEqual(heard, ['text 6', 'text 8']);
  tell({ kind: 'rows', room: ROOM, rows: [row(2), row(4)] }); // history
  tell({ kind: 'rows', room: OTHER, rows: [row(9, { changed: 12 })] }); // no row of it is known: it may be an old one that was altered
  tell({ kind: 'rooms', rooms: [line(ROOM, row(10), { marks: { delivered: 10, read: 10, shown: 10 } })] });
  tell({ kind: 'rows', room: ROOM, rows: [row(10)] }); // seen elsewhere
  assert.deepEqual(heard, ['text 6', 'text 8']);
});

await run({ before: () => undefined, after: () => undefined });
