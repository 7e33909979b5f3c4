/* The core in wasm, its host, and tabs that share them, against a real server and without a browser. Arguments: GALKAD. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { Module, Trap } from '../../web/core/wasm.ts';
import { Browser, refusal } from './engines.mjs';
import { Server } from './server.mjs';
import { run, test } from './tap.mjs';

const password = 'a long password';
const HOUR_MS = 3600000;

async function signUp(rig, name) {
  const browser = new Browser(rig.server.port);
  rig.browsers.push(browser);
  const tab = browser.tab();
  await tab.phase('signed-out');
  await tab.engine.signUp({ email: `${name}@example.org`, userName: name, displayName: name, password, invite: '' });
  await tab.phase('waits-for-code');
  const [, code] = await rig.server.wait(new RegExp(`code for ${name}@example\\.org: (\\d+)`));
  await tab.engine.confirm(code);
  await tab.phase('synced');
  return { browser, tab, engine: tab.engine, me: tab.state.me.person };
}

const texts = (tab, room) => tab.engine.rows(room, undefined, 500).then(({ rows }) => rows.map((row) => row.text));
const sent = (tab, id) => tab.wait(() => tab.events.find((event) => event.kind === 'outbox' && event.id === id && event.state === 'sent'), `${id} sent`);
const say = (engine, room, text) => engine.write(room, { kind: 'text', text });

test('two people sign up, find each other, talk, and see what has arrived and was read', async (rig) => {
  const anna = (rig.anna = await signUp(rig, 'anna'));
  const boris = (rig.boris = await signUp(rig, 'boris'));
  assert.equal(anna.me.userName, 'anna');
  const [found] = await anna.engine.find('bori');
  assert.equal(found.user, boris.me.user);
  const room = (rig.room = anna.engine.personalRoom(anna.me.user, found.user));
  const text = 'Hello, "Boris" \\ \u0001 ☃ 😀';
  const id = await say(anna.engine, room, text);
  assert.equal((await sent(anna.tab, id)).seq, 1);
  const told = await boris.tab.wait(() => boris.tab.events.find((event) => event.kind === 'rows' && event.room === room));
  assert.equal(told.rows[0].text, text);
  assert.equal(told.rows[0].request, id);
  await anna.tab.wait(() => anna.tab.rooms.get(room)?.ticks.delivered === 1);
  assert.equal(anna.tab.rooms.get(room).ticks.read, 0);
  assert.equal(boris.tab.rooms.get(room).unread, 1);
  boris.engine.read(room, 1);
  await anna.tab.wait(() => anna.tab.rooms.get(room).ticks.read === 1);
  await boris.tab.wait(() => boris.tab.rooms.get(room).unread === 0);
  assert.equal(anna.tab.rooms.get(room).last.text, text);
  assert.ok(anna.browser.database.strict < 10, 'only what must last is written through to the disk');
});

test('what is wrong is refused by name, and nothing is done', async ({ anna, room }) => {
  const { engine } = anna;
  assert.equal(await refusal(say(engine, room, '')), 'bad_field');
  assert.equal(await refusal(say(engine, room, 'a\0b')), 'bad_field');
  assert.equal(await refusal(say(engine, room, 'x'.repeat(20000))), 'too_large');
  assert.equal(await refusal(engine.write('no room', { kind: 'text', text: 'a' })), 'bad_field');
  assert.equal(await refusal(engine.write(room, { kind: 'flown', text: 'a' })), 'bad_field');
  assert.equal(await refusal(engine.signIn('anna', password)), 'not_now');
  assert.equal(await refusal(engine.setPassword('wrong password', 'another password', false)), 'bad_login');
  assert.equal(await refusal(engine.discard(room, '0'.repeat(32))), 'not_found');
  assert.equal(await refusal(engine.set('no key', 'x')), 'bad_field');
  assert.deepEqual(await engine.outbox(room), []);
});

test('written offline, reloaded, written on in a second tab: each is sent once, in order, and both tabs agree', async ({ anna, boris, room }) => {
  const { browser } = anna;
  browser.network.cut();
  await anna.tab.phase('offline');
  await Promise.all(['one', 'two', 'three'].map((text) => say(anna.engine, room, text)));
  anna.tab.close();
  anna.tab = browser.tab();
  anna.engine = anna.tab.engine;
  await anna.tab.phase('offline');
  assert.deepEqual((await anna.engine.outbox(room)).map((entry) => entry.operation.text), ['one', 'two', 'three']);
  const second = browser.tab();
  await second.phase('offline');
  assert.equal(anna.tab.state.leads, true);
  assert.equal(second.state.leads, false);
  await say(second.engine, room, 'four');
  await anna.tab.wait(() => anna.tab.events.some((event) => event.kind === 'outbox' && event.entry?.operation.text === 'four'));
  assert.equal((await anna.engine.outbox(room)).length, 4);
  browser.network.mend();
  second.engine.hurry();
  for (const tab of [anna.tab, second]) await tab.wait(async () => (await texts(tab, room)).includes('four'), 'four');
  const end = (list) => list.slice(-4);
  assert.deepEqual(end(await texts(anna.tab, room)), ['one', 'two', 'three', 'four']);
  assert.deepEqual(await texts(second, room), await texts(anna.tab, room));
  await boris.tab.wait(async () => (await texts(boris.tab, room)).includes('four'), 'four');
  assert.deepEqual(await texts(boris.tab, room), await texts(anna.tab, room));
  for (const tab of [anna.tab, second]) await tab.wait(async () => (await tab.engine.outbox(room)).length === 0 && tab.rooms.get(room).queued === 0, 'an empty outbox');
  second.close();
});

test('what is asked about the account without a link is refused, and not done later', async ({ anna }) => {
  anna.browser.network.cut();
  await anna.tab.phase('offline');
  for (const asked of [() => anna.engine.deleteAccount(password), () => anna.engine.signOut(), () => anna.engine.signOutOthers(), () => anna.engine.block(anna.me.user, true)])
    assert.equal(await refusal(asked()), 'again');
  anna.browser.network.mend();
  anna.engine.hurry();
  await anna.tab.phase('synced');
  await sleep(200);
  assert.equal((await anna.engine.devices()).length, 1);
  assert.equal(anna.tab.state.phase, 'synced');
});

test('what is called off while it is under way is not done with the next link', async ({ anna }) => {
  const { network } = anna.browser;
  network.deaf = true;
  const asked = refusal(anna.engine.deleteAccount(password));
  await sleep(100);
  anna.engine.cancel();
  assert.equal(await asked, 'unknown');
  anna.engine.cancel(); // nothing is left to call off
  network.cut();
  await anna.tab.phase('offline');
  network.deaf = false;
  network.mend();
  anna.engine.hurry();
  await anna.tab.phase('synced');
  await sleep(300);
  assert.equal(anna.tab.state.phase, 'synced');
  await anna.engine.setProfile('anna', 'anna'); // whoever asks next need not wait
});

test('the tab that leads is closed: a third one shows what it showed until the new leader knows as much', async ({ anna, room }) => {
  const [second, third] = [anna.browser.tab(), anna.browser.tab()];
  for (const tab of [second, third]) await tab.wait(() => tab.state.phase === 'synced' && tab.rooms.has(room), 'synced');
  const before = third.events.length;
  anna.tab.close();
  await second.wait(() => second.state.leads && second.state.phase === 'synced', 'the second leads');
  await third.phase('synced');
  const snapshots = third.events.slice(before).filter((event) => event.kind === 'snapshot').map(({ snapshot }) => [snapshot.phase === 'loading', snapshot.rooms.length > 0]);
  assert.ok(snapshots.length > 0, 'it was told anew');
  assert.ok(snapshots.every(([loading, rooms]) => !loading && rooms), 'and never of nothing');
  third.close();
  anna.tab = second;
  anna.engine = second.engine;
});

test('a tab that follows asks, is told, and leads when the other is gone', async ({ anna, boris, room }) => {
  const second = anna.browser.tab();
  await second.phase('synced');
  const made = anna.browser.network.made;
  assert.equal((await second.engine.find('boris'))[0].userName, 'boris');
  assert.equal((await second.engine.devices()).length, 1);
  const id = await say(second.engine, room, 'from the second');
  await sent(second, id);
  await boris.tab.wait(async () => (await texts(boris.tab, room)).includes('from the second'));
  await say(boris.engine, room, 'to both');
  for (const tab of [anna.tab, second]) await tab.wait(() => tab.events.some((event) => event.kind === 'rows' && event.rows.some((row) => row.text === 'to both')), 'to both');
  assert.equal(anna.browser.network.made, made, 'tabs share a link');
  anna.tab.close();
  const late = say(second.engine, room, 'as the first one goes');
  await second.wait(() => second.state.leads && second.state.phase === 'synced', 'the second leads');
  await sent(second, await late);
  assert.deepEqual(await texts(second, room), await texts(boris.tab, room).then(async (rows) => (await boris.tab.wait(async () => (await texts(boris.tab, room)).includes('as the first one goes')), await texts(boris.tab, room))));
  anna.tab = second;
  anna.engine = second.engine;
});

test('a leader that slept while another took the lead does no harm when it wakes', async ({ anna, room }) => {
  const { browser } = anna;
  const third = browser.tab();
  await third.phase('synced');
  browser.locks.release(anna.tab.name); // the lock is stolen: the first goes on as if it led
  await third.wait(() => third.state.leads && third.state.phase === 'synced', 'the third leads');
  const before = third.events.length;
  await say(third.engine, room, 'under a new leader');
  await anna.tab.wait(() => !anna.tab.state.leads, 'the first follows');
  assert.ok(third.events.slice(before).every((event) => event.kind !== 'snapshot'));
  const again = await texts(third, room);
  assert.equal(new Set(again).size, again.length, 'nothing twice');
  third.close();
  await anna.tab.wait(() => anna.tab.state.leads && anna.tab.state.phase === 'synced', 'the first leads again');
});

test('a leader that is frozen is left behind, and follows when it wakes', async ({ anna, room }) => {
  const awake = anna.browser.tab();
  await awake.phase('synced');
  anna.tab.freeze();
  const found = awake.engine.devices().then((list) => list.length, (error) => error.code); // nobody takes it
  await awake.wait(() => awake.state.leads && awake.state.phase === 'synced', 'the other leads');
  assert.ok([1, 'again'].includes(await found), 'answered, or there was no link yet');
  await sent(awake, await say(awake.engine, room, 'while it is frozen'));
  anna.tab.thaw();
  const id = await say(anna.tab.engine, room, 'as it wakes');
  await anna.tab.wait(() => !anna.tab.state.leads && anna.tab.state.phase === 'synced', 'it follows');
  await sent(awake, id);
  await awake.wait(async () => (await texts(awake, room)).includes('as it wakes'));
  const rows = await texts(awake, room);
  assert.equal(new Set(rows).size, rows.length, 'nothing twice');
  assert.ok(rows.includes('while it is frozen'));
  awake.close();
  anna.tab.frozen = false;
  await anna.tab.wait(() => anna.tab.state.leads && anna.tab.state.phase === 'synced', 'it leads again');
  anna.tab.freeze();
  const opened = anna.browser.tab(); // nobody says hello
  await opened.wait(() => opened.state.leads && opened.state.phase === 'synced', 'one that is opened meanwhile leads');
  anna.tab.thaw();
  opened.close();
  anna.tab.frozen = false;
  await anna.tab.wait(() => anna.tab.state.leads && anna.tab.state.phase === 'synced', 'it leads again');
});

test('a group: made, joined, named, its members, who mentions one, its pins', async (rig) => {
  const { anna, boris } = rig;
  const group = (rig.group = await anna.engine.createGroup('A group'));
  await anna.engine.write(group, { kind: 'joined', subject: boris.me.user });
  await boris.tab.wait(() => boris.tab.rooms.get(group)?.title === 'A group');
  await anna.engine.write(group, { kind: 'title', text: 'Другое имя' });
  await boris.tab.wait(() => boris.tab.rooms.get(group).title === 'Другое имя');
  await say(anna.engine, group, 'hello');
  await say(anna.engine, group, 'hello @Boris, you are meant');
  await boris.tab.wait(() => boris.tab.rooms.get(group).mentions === 1, 'one mention');
  const other = boris.browser.tab(); // counts from the storage
  await other.wait(() => other.rooms.get(group)?.mentions === 1, 'one mention, read from the storage');
  other.close();
  const { rows } = await boris.engine.rows(group, undefined, 10);
  assert.deepEqual(rows.map((row) => row.kind), ['joined', 'title', 'text', 'text'], 'from where he joined');
  const page = await boris.engine.members(group, undefined);
  assert.deepEqual(page.members.map(({ person, role }) => `${person.userName} ${role}`).sort(), ['anna owner', 'boris member']);
  await anna.engine.write(group, { kind: 'pinned', target: 4 });
  await anna.engine.write(group, { kind: 'reacted', target: 5, text: '👍' });
  await boris.tab.wait(async () => (await boris.engine.row(group, 5)).reactions[0]?.emoji === '👍', 'a reaction');
  assert.deepEqual((await boris.engine.pins(group, 0)).rows.map((row) => row.seq), [4]);
  boris.engine.read(group, boris.tab.rooms.get(group).head);
  await boris.tab.wait(() => boris.tab.rooms.get(group).mentions === 0 && boris.tab.rooms.get(group).unread === 0, 'read');
  assert.deepEqual((await boris.engine.around(group, { seq: 4 }, 2)).rows.length, 2);
});

test('what stands here is found here, and by the server, whatever its case', async ({ anna, room, group }) => {
  await sent(anna.tab, await say(anna.engine, room, 'Ёлка И снег'));
  const here = await anna.engine.searchHere('ЕЛКА снег', undefined, 10);
  assert.deepEqual(here.map((hit) => hit.row.text), ['Ёлка И снег']);
  assert.deepEqual((await anna.engine.searchHere('hello', group, 10)).map((hit) => hit.row.seq), [5, 4]);
  assert.deepEqual(await anna.engine.searchHere('nothing like it', undefined, 10), []);
  const there = await anna.tab.wait(async () => {
    const found = await anna.engine.search('елка', undefined, undefined);
    return found.hits.length && found;
  }, 'found by the server');
  assert.equal(there.hits[0].row.text, 'Ёлка И снег');
});

test('settings are those of all devices, and lines of the list show them', async ({ anna, room }) => {
  await anna.engine.setRoom(room, 'mute', 'forever');
  await anna.tab.wait(() => anna.tab.rooms.get(room).settings.muted);
  assert.equal(anna.tab.rooms.get(room).settings.mutedUntil, Infinity);
  await anna.engine.setRoom(room, 'draft', '2 half a thought');
  await anna.tab.wait(() => anna.tab.rooms.get(room).settings.draft === 'half a thought' && anna.tab.rooms.get(room).settings.draftReplyTo === 2);
  const device = anna.browser.tab();
  await device.wait(() => device.rooms.get(room)?.settings.draft === 'half a thought');
  assert.ok(Object.values(device.state.settings).includes('forever'));
  device.close();
  await anna.engine.setRoom(room, 'mute', '');
  await anna.engine.setRoom(room, 'draft', '');
  await anna.tab.wait(() => !anna.tab.rooms.get(room).settings.muted && !anna.tab.rooms.get(room).settings.draft);
});

test('who is online and who types is told when it changes', async ({ anna, boris, room }) => {
  anna.engine.watch([boris.me.user], room);
  boris.engine.watch([anna.me.user], room);
  await anna.tab.wait(() => anna.tab.events.some((event) => event.kind === 'status' && event.status.user === boris.me.user && event.status.online), 'online');
  await boris.tab.wait(() => boris.tab.events.some((event) => event.kind === 'status' && event.status.online), 'both watch');
  boris.engine.typing(room);
  await anna.tab.wait(() => anna.tab.events.some((event) => event.kind === 'typing' && event.users.includes(boris.me.user)), 'types');
  await say(boris.engine, room, 'typed');
  await anna.tab.wait(() => anna.tab.events.findLast((event) => event.kind === 'typing').users.length === 0, 'types no more');
});

test('an hour asleep: the link is known to be dead at once, and is made anew', async ({ anna, boris, room }) => {
  const made = anna.browser.network.made;
  anna.browser.clock.sleep(HOUR_MS);
  anna.engine.read(room, 1); // anything that happens
  await anna.tab.wait(() => anna.browser.network.made > made && anna.tab.state.phase === 'synced', 'a new link');
  await say(boris.engine, room, 'good morning');
  await anna.tab.wait(async () => (await texts(anna.tab, room)).includes('good morning'));
});

test('the server is killed and comes back: nothing is lost, nothing is twice', async ({ server, anna, boris, room }) => {
  await server.stop('SIGKILL');
  await anna.tab.phase('offline');
  await say(anna.engine, room, 'while it was away');
  await server.start();
  anna.engine.hurry();
  boris.engine.hurry();
  await boris.tab.wait(async () => (await texts(boris.tab, room)).includes('while it was away'), 'the message', 30000);
  await anna.tab.wait(async () => (await texts(anna.tab, room)).includes('while it was away'), 'its echo');
  const [mine, theirs] = [await texts(anna.tab, room), await texts(boris.tab, room)];
  assert.deepEqual(mine, theirs);
  assert.equal(mine.filter((text) => text === 'while it was away').length, 1);
});

test('a storage that refuses is said, and the core begins anew once it does no more', async ({ anna, boris, room }) => {
  const { database } = anna.browser;
  database.refuses = true;
  const lost = refusal(say(anna.engine, room, 'cannot be kept'));
  assert.equal(await lost, 'storage');
  await anna.tab.wait(() => anna.tab.state.refused === 'storage' && anna.tab.state.phase === 'offline', 'storage');
  assert.ok(anna.tab.rooms.has(room), 'what was seen is still seen');
  await say(boris.engine, room, 'meanwhile');
  database.refuses = false;
  await anna.tab.phase('synced');
  assert.equal(anna.tab.state.refused, undefined);
  await anna.tab.wait(async () => (await texts(anna.tab, room)).includes('meanwhile'));
  await sleep(100);
  assert.ok(!(await texts(anna.tab, room)).includes('cannot be kept'));
});

test('a core that breaks is thrown away, and another begins from what is stored', async ({ anna, boris, room }) => {
  const original = Module.prototype.call;
  let traps = 2;
  Module.prototype.call = function (verb, ...args) {
    if (verb === 'receive' && traps > 0) {
      traps--;
      throw new Trap('made by the test');
    }
    return original.call(this, verb, ...args);
  };
  try {
    const id = await say(boris.engine, room, 'a frame that breaks whoever reads it');
    assert.ok(id);
    await anna.tab.wait(() => traps === 0, 'both traps');
    for (const { tab } of [anna, boris]) await tab.phase('synced');
    await anna.tab.wait(async () => (await texts(anna.tab, room)).includes('a frame that breaks whoever reads it'));
    assert.deepEqual(await texts(anna.tab, room), await texts(boris.tab, room));
  } finally {
    Module.prototype.call = original;
  }
});

test('who waits to be signed in without a server is told after two tries, and may begin again', async ({ server, browsers }) => {
  const browser = new Browser(server.port);
  browsers.push(browser);
  browser.network.cut();
  const tab = browser.tab();
  await tab.phase('signed-out');
  assert.equal(await refusal(tab.engine.signIn('anna', password)), 'again');
  browser.network.mend();
  assert.equal(await refusal(tab.engine.signIn('anna', 'not her password')), 'bad_login');
  await tab.engine.signUp({ email: 'carol@example.org', userName: 'carol', displayName: 'Carol', password, invite: '' });
  await tab.phase('waits-for-code');
  await tab.engine.startOver();
  await tab.phase('signed-out');
  await tab.engine.signIn('anna', password);
  await tab.phase('synced');
  assert.equal((await tab.engine.devices()).length, 2);
  await tab.engine.signOut();
  await tab.phase('signed-out');
  await tab.wait(() => tab.events.some((event) => event.kind === 'forgotten'), 'forgotten');
  assert.equal([...browser.database.records.keys()].filter((key) => !key.startsWith('50')).length, 0, 'nothing stays behind');
});

await run({
  before: async () => {
    const server = new Server(process.argv[2]);
    await server.start();
    return { server, browsers: [] };
  },
  after: async (rig) => {
    for (const browser of rig.browsers) browser.close();
    await rig.server.end();
  },
});
