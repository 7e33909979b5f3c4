/*
 * The open chat of the web app's model over an engine that is made up: pages that come late, a tab that loses the lead, holes, an outbox
 * that moves while it is read, lists that are asked for no more often than needed. No browser; runes are plain values here.
 */
import assert from 'node:assert/strict';

globalThis.$state = Object.assign((value) => value, { raw: (value) => value });
globalThis.$derived = Object.assign((value) => value, { by: () => undefined });
const { Chat } = await import('../../web/model/chat.svelte.ts');
const { Selection, SELECT_MAX, textOf } = await import('../../web/model/selection.svelte.ts');
const { Pager } = await import('../../web/model/pager.svelte.ts');
const { run, test } = await import('./tap.mjs');

const ROOM = 'room';
const row = (seq, more = {}) => ({ seq, changed: seq, time: seq * 1000, sender: '02', kind: 'text', request: `r${seq}`, text: `text ${seq}`, reactions: [], ...more });
const rowsOf = (from, to) => Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => row(from + i));
const later = () => new Promise((resolve) => setImmediate(resolve));
const seqs = (rows) => rows.map((one) => one.seq);
const whole = (rows) => rows.every((one, at) => at === 0 || one.seq === rows[at - 1].seq + 1);

/** Rows as a storage has them, and a server that has all. Answers wait while `held`. */
class World {
  stored = [];
  entries = [];
  asked = [];
  info = { room: ROOM, kind: 'group', left: false, head: 0, holeTop: 0, unread: 0, marks: { delivered: 0, read: 0, shown: 0 }, settings: { draft: '', draftReplyTo: 0 } };
  #held = [];
  held = false;

  constructor(from, to) {
    this.stored = rowsOf(from, to);
    this.info.head = to;
  }

  async #answer(what, value) {
    this.asked.push(what);
    if (this.held) await new Promise((resolve) => this.#held.push(resolve));
    else await later();
    return value();
  }

  async release() {
    this.held = false;
    for (const resolve of this.#held.splice(0)) resolve();
    for (let i = 0; i < 10; i++) await later();
  }

  get #here() {
    return this.stored.filter((one) => one.seq > this.info.holeTop);
  }

  rows = (_, before = Infinity, limit) => this.#answer('rows', () => {
    const older = this.#here.filter((one) => one.seq < before);
    return { rows: older.slice(-limit), bottom: older.length <= limit };
  });
  rowsAfter = (_, after, limit) => this.#answer('rowsAfter', () => ({ rows: this.#here.filter((one) => one.seq > after).slice(0, Math.min(limit, 500)) }));
  around = (_, { seq }, max) => this.#answer('around', () => ({ rows: rowsOf(Math.max(1, seq - max / 2), Math.min(this.info.head, seq + max / 2)), head: this.info.head }));
  outbox = () => {
    const read = [...this.entries];
    return this.#answer('outbox', () => read);
  };
  members = () => this.#answer('members', () => ({ members: [{ person: { user: '02', userName: 'anna', displayName: '' }, role: 'member' }], head: this.info.head, more: false, link: '' }));
  pins = () => this.#answer('pins', () => ({ rows: [], more: false }));
  row = async () => undefined;
  history = async () => 0;
  read() {}
  typing() {}

  get app() {
    const world = this;
    return (this.made ??= { engine: world, rooms: { get: () => world.info }, me: { person: { user: '01', userName: 'vera' } }, myId: '01', notes: 'notes', seen: true, blocks: new Set(),
      people: { put() {} }, toasts: { watch() {}, fail() {}, say() {} }, keep: { get: () => undefined, set() {} }, clock: { now: () => 0, after: () => () => undefined } });
  }

  async chat() {
    const chat = (this.app.chat = new Chat(this.app, ROOM));
    await chat.open();
    for (let i = 0; i < 10; i++) await later();
    return chat;
  }
}

const entry = (id, operation) => ({ room: ROOM, id, operation, time: 0, state: 'queued' });
const outboxEvent = (id, state, more = {}) => ({ kind: 'outbox', room: ROOM, id, state, ...more });
const snapshot = { kind: 'snapshot', snapshot: {} };

test('a page that comes late does not land in another window', async () => {
  const world = new World(1, 1000);
  const pager = new Pager(world, ROOM, () => world.info);
  await pager.open();
  await pager.go({ seq: 300 });
  for (const more of [() => pager.more(), () => pager.more(later), () => pager.moreNewer()]) {
    await pager.go({ seq: 300 });
    world.held = true;
    const page = more();
    world.held = false;
    await pager.newest();
    await world.release();
    await page;
    assert.equal(whole(pager.rows), true, `${seqs(pager.rows)}`);
    assert.deepEqual([pager.rows.at(-1).seq, pager.atNewest, pager.older, pager.newer], [1000, true, 'idle', 'idle']);
  }
});

test('when another tab leads, what was missed is read: new rows, changed ones, the outbox', async () => {
  const world = new World(1, 100);
  const chat = await world.chat();
  world.stored = [...rowsOf(1, 89), row(90, { changed: 104, text: 'edited' }), ...rowsOf(91, 103)];
  world.info.head = 104;
  world.entries = [entry('mine', { kind: 'text', text: 'waits' })];
  chat.take(snapshot);
  for (let i = 0; i < 10; i++) await later();
  assert.equal(whole(chat.pager.rows), true);
  assert.deepEqual([chat.pager.rows.at(-1).seq, chat.pager.atNewest, chat.outbox.length], [103, true, 1]);
  assert.equal(chat.pager.rows.find((one) => one.seq === 90).text, 'edited');
});

test('more was missed than a page: who follows is at the newest, who reads stays where he is', async () => {
  for (const following of [true, false]) {
    const world = new World(1, 100);
    const chat = await world.chat();
    chat.following = following;
    world.stored = rowsOf(1, 900);
    world.info.head = 900;
    chat.take(snapshot);
    for (let i = 0; i < 20; i++) await later();
    assert.equal(whole(chat.pager.rows), true);
    assert.deepEqual([chat.pager.atNewest, chat.pager.rows.at(-1).seq === 900], [following, following]);
    assert.equal(following || chat.pager.rows.some((one) => one.seq === 100), true);
  }
});

test('a hole above the window: what is stored above it does not follow what is below', async () => {
  for (const following of [true, false]) {
    const world = new World(1, 100);
    const chat = await world.chat();
    chat.following = following;
    world.stored = [...rowsOf(1, 100), ...rowsOf(801, 900)];
    chat.take({ kind: 'rows', room: ROOM, rows: rowsOf(801, 900) });
    Object.assign(world.info, { head: 900, holeTop: 800 });
    chat.take({ kind: 'rooms', rooms: [world.info] });
    for (let i = 0; i < 20; i++) await later();
    assert.equal(whole(chat.pager.rows), true, `${seqs(chat.pager.rows)}`);
    assert.equal(chat.pager.rows.at(-1).seq, following ? 900 : 100);
    if (following) continue;
    await chat.pager.moreNewer();
    assert.equal(whole(chat.pager.rows) && chat.pager.rows.at(-1).seq > 100, true);
  }
});

test('who is blocked is not read out in a group', async () => {
  const world = new World(1, 10);
  const chat = await world.chat();
  world.app.blocks.add('03');
  chat.take({ kind: 'rows', room: ROOM, rows: [row(11), row(12, { sender: '03' })] });
  assert.equal(chat.latest.seq, 11);
  chat.take({ kind: 'rows', room: ROOM, rows: [row(13, { sender: '03' })] });
  assert.equal(chat.latest.seq, 11);
  world.info.kind = 'personal';
  chat.take({ kind: 'rows', room: ROOM, rows: [row(14, { sender: '03' })] });
  assert.equal(chat.latest.seq, 14);
});

test('what happens to the outbox while it is read is not overwritten', async () => {
  const world = new World(1, 10);
  world.entries = [entry('sent', { kind: 'edited', target: 1, text: 'x' }), entry('refused', { kind: 'text', text: 'y' }), entry('r11', { kind: 'text', text: 'z' })];
  world.held = true;
  const chat = new Chat(world.app, ROOM);
  const opened = chat.open();
  await later();
  chat.take(outboxEvent('sent', 'sent', { seq: 11 }));
  chat.take(outboxEvent('new', 'queued', { entry: entry('new', { kind: 'text', text: 'w' }) }));
  chat.take(outboxEvent('new', 'failed', { error: 'too_long' }));
  chat.take(outboxEvent('refused', 'failed', { error: 'not_allowed' }));
  world.stored = rowsOf(1, 11);
  chat.take({ kind: 'rows', room: ROOM, rows: [row(11, { sender: '01' })] });
  chat.take(outboxEvent('r11', 'sent', { seq: 11 }));
  await world.release();
  await opened;
  assert.deepEqual(chat.outbox.filter((one) => one.id !== 'r11').map((one) => [one.id, one.state, one.error]), [['refused', 'failed', 'not_allowed'], ['new', 'failed', 'too_long']]);
  assert.equal(chat.pager.rows.some((one) => one.request === 'r11'), true);
});

test('members are asked for once for many rows, and not for rows that the list knows', async () => {
  const world = new World(1, 100);
  const chat = await world.chat();
  const times = () => world.asked.filter((what) => what === 'members').length;
  assert.equal(times(), 1);
  chat.take({ kind: 'rows', room: ROOM, rows: rowsOf(50, 60).map((one) => ({ ...one, kind: 'joined' })) });
  await later();
  assert.equal(times(), 1);
  world.info.head = 200;
  world.held = true;
  chat.take({ kind: 'rows', room: ROOM, rows: rowsOf(101, 200).map((one) => ({ ...one, kind: 'joined' })) });
  for (let seq = 150; seq < 160; seq++) chat.take({ kind: 'rows', room: ROOM, rows: [row(seq, { kind: 'left' })] });
  await world.release();
  assert.equal(times(), 3); // once for what came, once for what came while that was asked
  assert.equal(chat.members.state, 'known');
});

test('editing again while an edit waits begins with what it says; a refused edit loses nothing', async () => {
  const world = new World(1, 10);
  world.entries = [entry('edit', { kind: 'edited', target: 5, text: 'second' })];
  const chat = await world.chat();
  const { compose } = chat;
  const written = [];
  world.write = async (_, operation) => written.push(operation.text);
  compose.text = 'aside';
  compose.startEdit({ row: row(5) });
  assert.equal(compose.text, 'second');
  await compose.send();
  assert.deepEqual([written, compose.text, compose.edit], [[], 'aside', undefined]);
  compose.startEdit({ row: row(5) });
  compose.text = 'text 5'; // back to what its row says is another text, too
  await compose.send();
  assert.deepEqual(written, ['text 5']);
  world.write = async () => { throw new Error('full'); };
  compose.startEdit({ row: row(5) });
  compose.text = 'third';
  await assert.rejects(compose.send());
  assert.deepEqual([compose.text, compose.edit?.seq], ['third', 5]);
  compose.cancel();
  assert.equal(compose.text, 'aside');
});

test('messages are chosen up to a limit, by ranges too; what is deleted is chosen no longer, what is edited says what it says now', () => {
  const items = rowsOf(1, 2 * SELECT_MAX).map((one) => ({ key: `${one.seq}`, seq: one.seq, row: one, kind: one.seq === 4 ? 'joined' : 'text', hidden: one.seq === 5, sender: one.seq === 3 ? '03' : '02', text: one.text }));
  const selection = new Selection();
  const chosen = () => seqs(selection.items);
  assert.equal(selection.toggle(items[3]), true); // news, and what is hidden, is not chosen
  selection.toggle(items[4]);
  selection.toggle({ ...items[0], row: undefined, seq: 0 });
  assert.deepEqual([selection.on, chosen()], [false, []]);
  selection.toggle(items[1]);
  assert.equal(selection.extend(items[5], items), true);
  assert.deepEqual(chosen(), [2, 3, 6]);
  assert.equal(textOf(selection.items, (item) => item.sender), '02: text 2\n03: text 3\n02: text 6');
  assert.equal(textOf(selection.items.slice(0, 1), (item) => item.sender), 'text 2');
  selection.take([row(2, { text: 'edited', changed: 900 }), row(3, { kind: 'deleted', text: '' }), row(99)]);
  assert.deepEqual(selection.items.map((item) => item.text), ['edited', 'text 6']);
  assert.equal(selection.extend(items.at(-1), items), false);
  assert.equal(selection.count, SELECT_MAX);
  assert.equal(selection.toggle(items.at(-1)), false);
  for (const item of selection.items) selection.toggle(item);
  assert.equal(selection.on, false);
});

await run({ before: () => undefined, after: () => undefined });
