/* The core in wasm and its host against a real server, without a browser. Arguments: GALKAD. */
import assert from 'node:assert/strict';
import { Browser, refusal } from './engines.mjs';
import { Server } from './server.mjs';
import { run, test } from './tap.mjs';

const password = 'a long password';

async function signUp(rig, name) {
  const browser = new Browser(rig.server.port);
  rig.browsers.push(browser);
  const tab = browser.tab();
  await tab.phase('signed-out');
  await tab.engine.signUp({ email: `${name}@example.org`, userName: name, displayName: name, password, invite: '' });
  await tab.phase('waits-for-code');
  await tab.engine.confirm(await rig.code(`${name}@example.org`));
  await tab.phase('synced');
  return { browser, tab, engine: tab.engine, me: tab.state.me };
}

test('two people sign up, find each other, talk, and see what has arrived and was read', async (rig) => {
  const anna = (rig.anna = await signUp(rig, 'anna'));
  const boris = (rig.boris = await signUp(rig, 'boris'));
  assert.equal(anna.me.person.userName, 'anna');
  const [found] = await anna.engine.find('bori');
  assert.equal(found.user, boris.me.person.user);
  const room = (rig.room = anna.engine.personalRoom(anna.me.person.user, found.user));
  const id = await anna.engine.write(room, { kind: 'text', text: 'Hello, "Boris" \u0001 ☃ 😀' });
  const sent = await anna.tab.wait(() => anna.tab.events.find((event) => event.kind === 'outbox' && event.id === id && event.state === 'sent'));
  assert.equal(sent.seq, 1);
  const told = await boris.tab.wait(() => boris.tab.events.find((event) => event.kind === 'rows' && event.room === room));
  assert.equal(told.rows[0].text, 'Hello, "Boris" \u0001 ☃ 😀');
  assert.equal(told.rows[0].request, id);
  await anna.tab.wait(() => anna.tab.rooms.get(room)?.ticks.delivered === 1);
  assert.equal(anna.tab.rooms.get(room).ticks.read, 0);
  assert.equal(boris.tab.rooms.get(room).unread, 1);
  boris.engine.read(room, 1);
  await anna.tab.wait(() => anna.tab.rooms.get(room).ticks.read === 1);
  await boris.tab.wait(() => boris.tab.rooms.get(room).unread === 0);
  assert.equal(anna.tab.rooms.get(room).last.text, told.rows[0].text);
});

export const code = async (server, email) => (await server.wait(new RegExp(`code for ${email.replace('.', '\\.')}: (\\d+)`)))[1];

await run({
  before: async () => {
    const server = new Server(process.argv[2]);
    await server.start();
    return { server, browsers: [], code: (email) => code(server, email) };
  },
  after: async (rig) => {
    for (const browser of rig.browsers) browser.close();
    await rig.server.end();
  },
});
