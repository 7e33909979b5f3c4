/* The small parts of web/platform that need neither a server nor a browser. */
import assert from 'node:assert/strict';
import { Channel } from '../../web/platform/channel.ts';
import { SleepingClock } from '../../web/platform/clock.ts';
import { deviceName } from '../../web/platform/device.ts';
import { News } from '../../web/platform/news.ts';
import { watchUpdates } from '../../web/platform/update.ts';
import { EngineError } from '../../web/core/types.ts';
import { Waiting } from '../../web/platform/waiting.ts';
import { refusal } from './engines.mjs';
import { run, test } from './tap.mjs';

test('a device is called by what it is', () => {
  const agents = {
    'Firefox on Linux': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
    'Chrome on Windows': 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
    'Edge on Windows': 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0',
    'Chrome on Android': 'Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36',
    'Safari on iPhone': 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1',
    'Firefox on iPhone': 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) FxiOS/140.0 Mobile/15E148 Safari/605.1.15',
    'Safari on macOS': 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15',
    Web: 'something else',
  };
  for (const [name, agent] of Object.entries(agents)) assert.equal(deviceName(agent), name);
});

test('the clock goes on while the machine sleeps, never back, and not by what somebody sets', () => {
  let steady = 0;
  let wall = 1e12;
  const clock = new SleepingClock(() => steady, () => wall);
  const pass = (awake, asleep = 0) => {
    steady += awake;
    wall += awake + asleep;
    return clock.now();
  };
  assert.equal(pass(1000), 1000);
  assert.equal(pass(500, 3600000), 3601500, 'an hour that only the wall clock saw');
  assert.equal(pass(500, 1500), 3602000, 'drift is no sleep');
  assert.equal(pass(500, -7200000), 3602500, 'set back');
  assert.equal(pass(0, 30 * 86400000), 3602500 + 86400000, 'set forward, or a month of sleep: a day at most');
  assert.equal(clock.wall(), wall);
});

test('what is waited for comes early, late, as a refusal, or never; lists have an end', async () => {
  const waiting = new Waiting(2, true);
  waiting.resolve('early', 1);
  assert.equal(await waiting.wait('early'), 1);
  const [a, b] = [waiting.wait('a'), waiting.wait('b')];
  assert.equal(await refusal(waiting.wait('c')), 'full');
  waiting.resolve('a', 2);
  assert.equal(await a, 2);
  const c = waiting.wait('c');
  waiting.rejectAll('closed');
  assert.equal(await refusal(b), 'closed');
  assert.equal(await refusal(c), 'closed');
  for (let i = 0; i < 100; i++) waiting.resolve(`nobody ${i}`, i);
  const late = waiting.wait('nobody 0'); // held no more
  waiting.rejectAll('closed');
  assert.equal(await refusal(late), 'closed');
});

test('who asks for what another waits for, and is refused, is refused alone', async () => {
  const waiting = new Waiting(2);
  const first = waiting.ask('room', () => undefined);
  const refuses = () => {
    throw new EngineError('busy');
  };
  for (let i = 0; i < 3; i++) assert.equal(await refusal(waiting.ask('room', refuses)), 'busy', 'and takes no place');
  const second = waiting.ask('room', () => waiting.resolve('room', 7)); // told at once
  assert.deepEqual(await Promise.all([first, second]), [7, 7]);
  assert.equal(waiting.has('room'), false);
});

test('of another era: blocks, and settings that wait to be sent, are told again', () => {
  const told = [];
  const looks = { state: { phase: 'synced', nextConnect: 0, invites: false }, rooms: [], blocks: ['01'], settings: { theme: 'dark' } };
  const news = new News({ emit: (event) => told.push(event), reader: {}, clock: { wall: () => 0 } });
  news.attach({ lives: true, failedConnects: 0, look: (verb) => looks[verb], call: () => undefined });
  news.settled(); // loaded: the snapshot has them
  const kinds = () => told.splice(0).map((event) => event.kind).filter((kind) => kind !== 'snapshot');
  kinds();
  news.news({ kind: 'forgotten' });
  news.settled();
  assert.deepEqual(told.filter(({ kind }) => kind !== 'snapshot'), [
    { kind: 'forgotten' }, { kind: 'blocks', blocks: ['01'] }, { kind: 'setting', key: 'theme', value: 'dark', waits: false },
  ]);
  kinds();
  Object.assign(looks, { blocks: [], settings: {} }); // signed out
  news.news({ kind: 'forgotten', error: 'revoked' });
  news.settled();
  assert.deepEqual(kinds(), ['forgotten']);
});

test('a new version reloads the page, even one that began without any; the first worker of all does not', async () => {
  const container = Object.assign(new EventTarget(), { controller: null, register: () => Promise.reject(new Error('refused')) });
  const navigator = Object.getOwnPropertyDescriptor(globalThis, 'navigator');
  let reloads = 0;
  Object.defineProperty(globalThis, 'navigator', { value: { serviceWorker: container }, configurable: true });
  globalThis.location = { reload: () => reloads++ };
  try {
    watchUpdates(() => undefined);
    container.dispatchEvent(new Event('controllerchange'));
    assert.equal(reloads, 0);
    container.dispatchEvent(new Event('controllerchange'));
    container.dispatchEvent(new Event('controllerchange'));
    assert.equal(reloads, 1);
  } finally {
    Object.defineProperty(globalThis, 'navigator', navigator);
    delete globalThis.location;
  }
});

/** A tab on a channel of its own making, and what it was told. */
const speaker = (name, tab) => {
  const heard = [];
  const channel = new Channel(new BroadcastChannel(name), tab, {
    leader: (who) => heard.push(`leader ${who}`),
    event: (event) => heard.push(event.kind),
    silent: () => heard.push('silent'),
  });
  return { channel, heard };
};

const soon = () => new Promise((resolve) => setTimeout(resolve, 50));

test('what is asked is done once, though it is asked again when a leader is heard of', async () => {
  const one = speaker('once', 'one');
  const two = speaker('once', 'two');
  const done = [];
  const asked = two.channel.ask({ deed: 'write', args: ['room', {}] }); // before anybody leads
  one.channel.lead(async ({ deed }) => done.push(deed));
  assert.equal(await asked, 1);
  await soon();
  assert.deepEqual(done, ['write']);
  one.channel.tell({ kind: 'blocks', blocks: [] });
  await soon();
  assert.deepEqual(two.heard, ['leader one', 'blocks']);
  for (const { channel } of [one, two]) channel.close();
});

test('of a leader that goes: what it took is unknown, unless it may be done twice; what it did not is done by the next', async () => {
  const [one, two, three] = ['one', 'two', 'three'].map((tab) => speaker('goes', tab));
  one.channel.lead(() => new Promise(() => undefined)); // takes, and never answers
  await soon();
  const write = refusal(three.channel.ask({ deed: 'write', args: ['room', {}] }));
  const find = three.channel.ask({ deed: 'find', args: ['anna'] });
  await soon();
  one.channel.close();
  const late = three.channel.ask({ deed: 'createGroup', args: ['late'] });
  two.channel.lead(async ({ deed }) => `${deed} by two`);
  assert.equal(await write, 'unknown');
  assert.equal(await find, 'find by two');
  assert.equal(await late, 'createGroup by two');
  assert.deepEqual(three.heard, ['leader one', 'leader two']);
  for (const { channel } of [two, three]) channel.close();
  assert.equal(await refusal(three.channel.ask({ deed: 'find', args: ['anna'] })), 'closed');
});

await run({ before: async () => undefined, after: async () => undefined });
