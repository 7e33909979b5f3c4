/*
 * What is being written, over an engine that is made up: the draft of this device and the account's, which may be heard of in any order,
 * and texts that could not be sent. No browser; runes are plain values here.
 */
import assert from 'node:assert/strict';

globalThis.$state = Object.assign((value) => value, { raw: (value) => value });
globalThis.$derived = Object.assign((value) => value, { by: () => undefined });
const { Compose } = await import('../../web/model/compose.svelte.ts');
const { run, test } = await import('./tap.mjs');

const ROOM = 'room', KEY = `draft:${ROOM}`;
const later = () => new Promise((resolve) => setImmediate(resolve));
const row = (seq) => ({ seq, kind: 'text', sender: '02', text: `text ${seq}` });

/** A writing line, the account behind it, and what this device keeps. Answers of the engine are given by hand. */
class World {
  kept = new Map();
  drafts = [];
  writes = [];
  timers = [];
  info = undefined;

  constructor(kept) {
    if (kept !== undefined) this.kept.set(KEY, kept);
    const world = this;
    const asked = (list) => (_, ...what) => new Promise((resolve, reject) => list.push({ what, resolve, reject }));
    const engine = { row: async (_, seq) => row(seq), setRoom: asked(this.drafts), write: asked(this.writes), typing() {} };
    const keep = { get: (key) => this.kept.get(key), set: (key, value) => (value === undefined ? this.kept.delete(key) : this.kept.set(key, value)) };
    const clock = { now: () => 0, after: (_, call) => (this.timers.push(call), () => this.timers.splice(this.timers.indexOf(call), 1)) };
    this.app = { engine, keep, clock, myId: '01' };
    this.app.chat = this.chat = { room: ROOM, kind: 'personal', outbox: [], get info() { return world.info; } };
    this.compose = this.chat.compose = new Compose(this.app, this.chat);
  }

  /** The line of the room comes, or is another now. */
  hears(draft, draftReplyTo = 0) {
    this.info = { room: ROOM, settings: { draft, draftReplyTo } };
    this.compose.follow();
  }

  /** The time passes after which a draft is saved. */
  passes() {
    for (const call of this.timers.splice(0)) call();
  }

  /** What was asked last is done, or refused. */
  async answers(list, error) {
    const { what, resolve, reject } = list.pop();
    if (error) reject(error);
    else resolve();
    await later();
    return what;
  }
}

/** One who has opened a room with that draft. */
async function opened(draft, kept) {
  const world = new World(kept);
  world.info = { room: ROOM, settings: { draft, draftReplyTo: 0 } };
  await world.compose.open();
  return world;
}

async function sends(world) {
  const sending = world.compose.send();
  await world.answers(world.writes);
  assert.equal(await sending, true);
}

test('a draft that is heard of after its room was opened is shown, or cleared by what is sent instead', async () => {
  const empty = new World();
  await empty.compose.open();
  empty.hears('written elsewhere', 7);
  await later();
  assert.deepEqual([empty.compose.text, empty.compose.reply?.seq], ['written elsewhere', 7]);

  const world = new World('0 typed here');
  await world.compose.open();
  world.hears('written before');
  assert.equal(world.compose.text, 'typed here');
  await sends(world);
  assert.deepEqual(await world.answers(world.drafts), ['draft', '']);
  assert.equal(world.kept.has(KEY), false);
});

test('what another device writes is followed, unless something is being written here', async () => {
  const world = await opened('');
  world.hears('there');
  assert.equal(world.compose.text, 'there');
  world.compose.typed('there, and here');
  world.hears('there again');
  assert.equal(world.compose.text, 'there, and here');
  world.passes();
  world.hears('there once more');
  assert.deepEqual(await world.answers(world.drafts), ['draft', '0 there, and here']);
  world.hears('there, and here');
  world.hears('');
  assert.deepEqual([world.compose.text, world.drafts.length], ['', 0]);
});

test('a draft stays on this device until the account has it; one that was refused is asked for again', async () => {
  const world = await opened('old');
  world.compose.typed('');
  world.passes();
  await world.answers(world.drafts, new Error('storage'));
  assert.equal(world.kept.get(KEY), '0 ');
  world.compose.save();
  assert.deepEqual(await world.answers(world.drafts), ['draft', '']);
  assert.equal(world.kept.has(KEY), false);
});

test('a text that could not be sent comes back before what was begun since, with what it replies to', async () => {
  const world = await opened('');
  world.compose.replyTo({ row: row(3) });
  world.compose.typed('first');
  const refused = assert.rejects(world.compose.send(), /full/);
  world.compose.typed('second');
  await world.answers(world.writes, new Error('full'));
  await refused;
  assert.deepEqual([world.compose.text, world.compose.reply?.seq, world.kept.get(KEY)], ['first\nsecond', 3, '3 first\nsecond']);
});

test('a text that could not be sent is not lost when another room is open by then', async () => {
  const world = await opened('');
  world.compose.typed('first');
  const refused = assert.rejects(world.compose.send(), /full/);
  world.app.chat = undefined;
  await world.answers(world.writes, new Error('full'));
  await refused;
  assert.equal(world.kept.get(KEY), '0 first');
});

test('a text that could not be sent waits behind an edit that was begun since', async () => {
  const world = await opened('');
  world.compose.typed('first');
  const refused = assert.rejects(world.compose.send(), /full/);
  world.compose.startEdit({ row: row(5) });
  await world.answers(world.writes, new Error('full'));
  await refused;
  assert.equal(world.compose.text, 'text 5');
  world.compose.cancel();
  assert.equal(world.compose.text, 'first');
});

await run({ before: () => undefined, after: () => undefined });
