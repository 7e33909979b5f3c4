/*
 * A server that says anything cannot break out of the core, nor break it. What one person's core was told in an hour of life is recorded, call by
 * call; the same calls make the same core again, up to the last id. Then some of what the server said is made into something else.
 * Arguments: GALKAD … [seed=N] [runs=N]
 */
import assert from 'node:assert/strict';
import { EngineError } from '../../web/core/types.ts';
import { Module } from '../../web/core/wasm.ts';
import { Browser, wasm } from './engines.mjs';
import { Server } from './server.mjs';
import { run, test } from './tap.mjs';

const argument = (name, otherwise) => Number(process.argv.find((one) => one.startsWith(`${name}=`))?.slice(name.length + 1) ?? otherwise);
const RUNS = argument('runs', 3000);
const SEED = argument('seed', Date.now() % 1000000);
const MEMORY_MAX = 24 << 20;
const DRAIN_MAX = 5000;

/** xorshift32: the same run for the same seed. */
class Dice {
  constructor(seed) {
    this.state = (Math.imul(seed, 2654435761) | 1) >>> 0;
  }
  below(limit) {
    this.state ^= this.state << 13;
    this.state ^= this.state >>> 17;
    this.state = (this.state ^ (this.state << 5)) >>> 0;
    return this.state % limit;
  }
}

/** What each module was called with while `what` went on; the clock stands still within a call. */
async function recorded(clock, what) {
  const calls = new Map();
  const original = Module.prototype.call;
  Module.prototype.call = function (verb, ...args) {
    const call = { verb, args: args.map((arg) => (arg instanceof Uint8Array ? arg.slice() : arg)), now: Math.floor(clock.flowing()), wall: Math.floor(Date.now()) };
    if (!calls.has(this)) calls.set(this, []);
    calls.get(this).push(call);
    Object.assign(clock, { now: () => call.now, wall: () => call.wall });
    return original.call(this, verb, ...args);
  };
  try {
    await what();
  } finally {
    Module.prototype.call = original;
  }
  return [...calls.values()].filter((list) => list[0].verb === 'new').sort((a, b) => b.length - a.length)[0];
}

const MUTATIONS = [
  (bytes, dice) => { bytes[dice.below(bytes.length)] ^= 1 << dice.below(8); return bytes; },
  (bytes, dice) => { bytes[dice.below(bytes.length)] = [0, 0x7f, 0x80, 0xff][dice.below(4)]; return bytes; },
  (bytes, dice) => { bytes.fill(0xff, dice.below(bytes.length)); return bytes; },
  (bytes, dice) => bytes.slice(0, dice.below(bytes.length)),
  (bytes, dice) => bytes.slice(dice.below(bytes.length)),
  (bytes, dice) => { const at = dice.below(bytes.length); bytes.copyWithin(at, dice.below(bytes.length), dice.below(bytes.length)); return bytes; },
  (bytes) => Uint8Array.from([...bytes, ...bytes]),
  (bytes, dice) => { for (let i = 0; i < 10; i++) bytes[dice.below(bytes.length)] = dice.below(256); return bytes; },
  // the code of the first frame is another one
  (bytes, dice) => { if (bytes.length > 4) bytes[4] = 0x80 | dice.below(0x48); return bytes; },
];

function mutated(bytes, dice) {
  let now = bytes.slice();
  for (let times = 1 + dice.below(3); times > 0 && now.length; times--) now = MUTATIONS[dice.below(MUTATIONS.length)](now, dice);
  return now;
}

/** A core under a host that does what it wants, at once. */
class Replay {
  constructor() {
    this.time = { now: 0, wall: 0 };
    this.core = new Module(wasm, { now: () => this.time.now, wall: () => this.time.wall });
  }

  call(verb, ...args) {
    try {
      return this.core.call(verb, ...args);
    } catch (error) {
      if (error instanceof EngineError) return undefined;
      throw error;
    }
  }

  drain() {
    for (let i = 0; i < DRAIN_MAX; i++) {
      const event = this.call('poll');
      if (event.kind === 'none') return;
      if (event.kind === 'connect') this.call('connected');
      if (event.kind === 'send') this.call('sent', this.core.bytes(event.bytes).length);
      if (event.kind === 'keep') this.call('kept', event.number);
      if (event.kind === 'want') this.call('given_end', event.number);
      if (event.kind === 'room') this.call('room', event.room);
      if (event.kind === 'row') assert.equal(typeof event.row.text, 'string');
    }
    throw new Error('it always wants something');
  }

  /** Everything that can be looked at. */
  look() {
    for (const verb of ['state', 'settings', 'blocks']) this.call(verb);
    this.call('rooms', 0, 100);
  }
}

function play(calls, from, dice) {
  const replay = new Replay();
  for (const [at, { verb, args, now, wall }] of calls.entries()) {
    replay.time = { now, wall };
    if (at < from) {
      replay.call(verb, ...args);
    } else if (verb === 'receive') {
      replay.call('receive', dice.below(3) === 0 || at === from ? mutated(args[0], dice) : args[0]);
      replay.drain();
    }
  }
  replay.look();
  replay.time.now += 120000;
  replay.call('tick');
  replay.drain();
  assert.ok(replay.core.size <= MEMORY_MAX, `memory is bounded: ${replay.core.size}`);
}

test('the same calls make the same core', ({ calls }) => {
  const replay = new Replay();
  for (const { verb, args, now, wall } of calls) {
    replay.time = { now, wall };
    replay.call(verb, ...args);
  }
  assert.equal(replay.call('state').phase, 'synced');
  assert.ok(replay.call('rooms', 0, 100).length >= 2);
});

test(`${RUNS} lives with a server that lies: no trap, nothing without end, bounded memory (seed=${SEED})`, ({ calls }) => {
  const dice = new Dice(SEED);
  const received = calls.flatMap(({ verb }, at) => (verb === 'receive' ? [at] : []));
  assert.ok(received.length > 10, `enough was said: ${received.length}`);
  for (let life = 0; life < RUNS; life++) {
    try {
      play(calls, received[dice.below(received.length)], dice);
    } catch (error) {
      error.message = `life ${life}: ${error.message}`;
      throw error;
    }
  }
});

test('verbs with any arguments: refused, or done', ({ calls }) => {
  const dice = new Dice(SEED + 1);
  const replay = new Replay();
  // not `sent`: to have taken more than was offered is a mistake of the host's, and the core asserts that it makes none
  const verbs = [...new Set(calls.map(({ verb }) => verb))].filter((verb) => verb !== 'sent').concat(['write', 'set_room', 'search', 'watch', 'record', 'matches', 'rows', 'entries', 'room_record', 'mentions', 'given']);
  const args = ['', '0', '1', '18446744073709551616', 'ff'.repeat(16), '01'.repeat(8), 'text', '\0', new Uint8Array([1, 0xff, 0x80]), new Uint8Array(64).fill(0xff), 'x'.repeat(20000)];
  for (const { verb, args: given, now, wall } of calls) {
    replay.time = { now, wall };
    replay.call(verb, ...given);
  }
  for (let i = 0; i < 20000; i++) {
    const list = Array.from({ length: dice.below(10) }, () => args[dice.below(args.length)]);
    replay.call(verbs[dice.below(verbs.length)], ...list);
    if (i % 100 === 0) replay.drain();
  }
  replay.look();
});

async function live(server) {
  const password = 'a long password';
  const browsers = ['anna', 'boris'].map(() => new Browser(server.port));
  const tabs = browsers.map((browser) => browser.tab());
  const [anna, boris] = tabs;
  for (const [at, tab] of tabs.entries()) {
    const name = ['anna', 'boris'][at];
    await tab.phase('signed-out');
    await tab.engine.signUp({ email: `${name}@example.org`, userName: name, displayName: name, password, invite: '' });
    await tab.phase('waits-for-code');
    const [, code] = await server.wait(new RegExp(`code for ${name}@example\\.org: (\\d+)`));
    await tab.engine.confirm(code);
    await tab.phase('synced');
  }
  const room = anna.engine.personalRoom(anna.state.me.person.user, boris.state.me.person.user);
  for (let i = 0; i < 20; i++) await boris.engine.write(room, { kind: 'text', text: `message ${i} to @anna` });
  await anna.wait(() => anna.rooms.get(room)?.unread === 20);
  const group = await anna.engine.createGroup('A group');
  await anna.engine.write(group, { kind: 'joined', subject: boris.state.me.person.user });
  await boris.wait(() => boris.rooms.has(group));
  await boris.engine.write(group, { kind: 'text', text: 'hello' });
  await anna.engine.write(room, { kind: 'reacted', target: 1, text: '👍' });
  await anna.engine.setRoom(room, 'pin', '1');
  anna.engine.watch([boris.state.me.person.user], room);
  boris.engine.watch([], room);
  boris.engine.typing(room);
  anna.engine.read(room, 20);
  await anna.engine.find('b');
  await anna.engine.members(group, undefined);
  await anna.engine.search('message', undefined, undefined);
  await anna.engine.around(room, { seq: 3 }, 10);
  await anna.engine.pins(group, 0);
  await anna.engine.devices();
  browsers[0].network.cut();
  await anna.phase('offline');
  await boris.engine.write(room, { kind: 'text', text: 'while away' });
  browsers[0].network.mend();
  anna.engine.hurry();
  await anna.phase('synced');
  await anna.wait(() => anna.rooms.get(room).last.text === 'while away');
  for (const browser of browsers) browser.close();
}

await run({
  before: async () => {
    const server = new Server(process.argv[2]);
    await server.start();
    const flowing = () => performance.now();
    // Both browsers have one clock: the calls of one stand still while it is in them.
    const clock = { flowing, now: flowing, wall: () => Date.now() };
    const tick = Browser.prototype.tab;
    Browser.prototype.tab = function (...args) {
      Object.assign(this, { clock: Object.assign(clock, { after: this.clock.after }) });
      return tick.apply(this, args);
    };
    const calls = await recorded(clock, () => live(server));
    return { server, calls };
  },
  after: ({ server }) => server.end(),
});
