/* The storage in a real browser, the engine on it, and how fast both are with 100,000 rows. Arguments as in rig.mjs. */
import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { until } from './deeds.mjs';
import { Database, MemoryStorage } from './engines.mjs';
import { DESKTOP, rigOfSuite } from './rig.mjs';
import { contract } from './storage_contract.mjs';
import { run, test } from './tap.mjs';

const ROWS = 100000;
const ROOMS = 2000;
const root = new URL('../../', import.meta.url);

/** A page of the server's own address that has the sources as they are, without their types. */
async function emptyPage(rig, name, before) {
  const context = await rig.browser.newContext({ viewport: DESKTOP });
  const origin = `http://127.0.0.1:${rig.server.port}`;
  await context.route(`${origin}/source/**`, (route) => {
    const url = new URL(route.request().url());
    const path = url.pathname.slice('/source/'.length);
    const body = readFileSync(new URL(path, root));
    if (url.search === '?url') return route.fulfill({ contentType: 'text/javascript', body: `export default '/source/${path}'` });
    if (path.endsWith('.wasm')) return route.fulfill({ contentType: 'application/wasm', body });
    return route.fulfill({ contentType: 'text/javascript', body: path.endsWith('.ts') ? stripTypeScriptTypes(body.toString()) : body });
  });
  await context.route(`${origin}/favicon.ico`, (route) => route.fulfill({ contentType: 'image/png', body: '' }));
  const open = async () => {
    const page = await context.newPage();
    rig.look(page, name);
    if (before) await page.addInitScript(before);
    await page.goto(`${origin}/manifest.webmanifest`); // the server's, so that its policy counts, but not the app
    return page;
  };
  return { context, open, page: await open() };
}

for (const name of Object.keys(contract)) {
  test(`in memory: ${name}`, async () => {
    const database = new Database();
    await contract[name](async () => new MemoryStorage(database));
  });
  test(`in a browser: ${name}`, async (rig) => {
    const { page, context } = await emptyPage(rig, 'storage');
    await page.evaluate(async (name) => {
      const { openStorage } = await import('/source/web/platform/indexed.ts');
      const { contract } = await import('/source/test/web/storage_contract.mjs');
      await contract[name](() => openStorage(() => undefined));
    }, name);
    await context.close();
    rig.assertClean();
  });
}

/** What is told: window.events, window.state. */
const begin = async () => {
  const { openEngine } = await import('/source/web/platform/browser.ts');
  const engine = openEngine();
  Object.assign(window, { engine, events: [], state: {} });
  engine.listen((event) => {
    window.events.push(event);
    if (event.kind === 'snapshot') window.state = event.snapshot;
    if (event.kind === 'phase') Object.assign(window.state, event);
  });
};

const phase = (page, wanted) => page.waitForFunction((wanted) => window.state.phase === wanted, wanted);

async function signUp(rig, page, name) {
  await phase(page, 'signed-out');
  const from = rig.server.output.length;
  const email = `${name}@example.org`;
  await page.evaluate(([name, email]) => window.engine.signUp({ email, userName: name, displayName: name, password: 'a long password', invite: '' }), [name, email]);
  await phase(page, 'waits-for-code');
  const [, code] = await rig.server.wait(new RegExp(`code for ${name}@example\\.org: (\\d+)`), from);
  await page.evaluate((code) => window.engine.confirm(code), code);
  await phase(page, 'synced');
}

/** Not waitForFunction: a promise is true to it, whatever comes of it. */
const has = (page, room, text) => until(`"${text}" is there`, () => page.evaluate(async ([room, text]) => (await window.engine.rows(room, undefined, 5)).rows.some((row) => row.text === text), [room, text]));

test('five tabs are one connection; when the one that leads is closed another does', async (rig) => {
  const { context, open, page } = await emptyPage(rig, 'tabs');
  const sockets = [];
  const opened = (page) => page.on('websocket', (socket) => sockets.push(socket));
  opened(page);
  await page.evaluate(begin);
  await signUp(rig, page, 'tanya');
  const tabs = [page];
  for (let i = 0; i < 4; i++) {
    const tab = await open();
    opened(tab);
    await tab.evaluate(begin);
    await phase(tab, 'synced');
    tabs.push(tab);
  }
  const leading = await Promise.all(tabs.map((tab) => tab.evaluate(() => window.state.leads)));
  if (leading.join() !== 'true,false,false,false,false') throw new Error(`who leads: ${leading}`);
  if (sockets.filter((socket) => !socket.isClosed()).length !== 1) throw new Error('not one connection');
  const note = await tabs[4].evaluate(async () => {
    const { user } = window.state.me.person;
    const room = window.engine.personalRoom(user, user);
    return { room, id: await window.engine.write(room, { kind: 'text', text: 'from the fifth' }) };
  });
  for (const tab of tabs) await has(tab, note.room, 'from the fifth');
  await page.close();
  await tabs[1].waitForFunction(() => window.state.leads && window.state.phase === 'synced');
  await tabs[3].evaluate(({ room }) => window.engine.write(room, { kind: 'text', text: 'after the first' }), note);
  for (const tab of tabs.slice(1)) await has(tab, note.room, 'after the first');
  const texts = await tabs[2].evaluate(async ({ room }) => (await window.engine.rows(room, undefined, 50)).rows.map((row) => row.text), note);
  if (texts.join() !== 'from the fifth,after the first') throw new Error(`in order, each once: ${texts}`);
  await context.close();
  rig.assertClean();
});

test('a browser that stores nothing is said, and nobody is let in', async (rig) => {
  const { context, page } = await emptyPage(rig, 'private', () => {
    IDBFactory.prototype.open = () => {
      throw new DOMException('not here', 'SecurityError');
    };
  });
  await page.evaluate(begin);
  await phase(page, 'signed-out');
  const said = await page.evaluate(async () => ({ refused: window.state.refused, code: await window.engine.signIn('a', 'a long password').then(() => 'done', (error) => error.code) }));
  if (said.refused !== 'storage' || said.code !== 'storage') throw new Error(JSON.stringify(said));
  await context.close();
});

test('a page whose own timers stand still is woken all the same, once, and not when it was taken back', async (rig) => {
  const { context, page } = await emptyPage(rig, 'asleep');
  const rang = await page.evaluate(async () => {
    const { browserClock } = await import('/source/web/platform/clock.ts');
    const patient = window.setTimeout.bind(window);
    window.setTimeout = () => 0; // as in a page that nobody has seen for long, or nearly
    const clock = browserClock();
    const rang = [];
    clock.after(1200, () => rang.push('late'));
    clock.after(1000, () => rang.push('early'));
    clock.after(1100, () => rang.push('never'))();
    await new Promise((resolve) => patient(resolve, 2500));
    return rang;
  });
  if (rang.join() !== 'early,late') throw new Error(`rang: ${rang}`);
  await context.close();
  rig.assertClean();
});

/* ---- 100,000 rows ---- */

/** Puts a room's record and rows into the storage. */
const fill = async ({ rows }) => {
  const { openStorage } = await import('/source/web/platform/indexed.ts');
  const { group, roomRecord, rowRecord } = await import('/source/test/web/records.mjs');
  const storage = await openStorage(() => undefined);
  await storage.lead('filler');
  for (let from = 1; from <= rows; from += 2000) {
    const changes = [];
    for (let seq = from; seq < from + 2000 && seq <= rows; seq++) {
      const text = `Message ${seq} of many, some of which are longer than others${seq % 10 ? '' : ', as this one is, by quite a few words more'}`;
      changes.push(rowRecord(group(1), seq, 1 + (seq % 3), text));
    }
    await storage.keep(changes, false);
  }
  await storage.keep([roomRecord(group(1), rows, 'Many rows')], true);
  storage.close();
};

const measure = async ({ rows }) => {
  const { openStorage } = await import('/source/web/platform/indexed.ts');
  const { Module } = await import('/source/web/core/wasm.ts');
  const { Reader } = await import('/source/web/platform/reader.ts');
  const { group } = await import('/source/test/web/records.mjs');
  const room = group(1);
  const begin = performance.now();
  const module = await WebAssembly.compileStreaming(fetch('/source/web/core/build/core.wasm'));
  const storage = await openStorage(() => undefined);
  const reader = new Reader(() => new Module(module, { now: () => performance.now(), wall: () => Date.now() }), storage, (size) => new Uint8Array(size));
  const first = await reader.rows(room, undefined, 60);
  const opened = performance.now() - begin;
  let slowest = 0;
  let read = first.rows.length;
  for (let before = first.rows[0].seq, bottom = first.bottom; !bottom;) {
    const at = performance.now();
    const page = await reader.rows(room, before, 100);
    slowest = Math.max(slowest, performance.now() - at);
    before = page.rows[0].seq;
    bottom = page.bottom;
    read += page.rows.length;
  }
  const through = performance.now() - begin - opened;
  const at = performance.now();
  const hits = await reader.search('message 17 QUITE', [room], 50);
  const searched = performance.now() - at;
  return { opened, slowest, through, searched, read, hits: hits.length, first: hits.at(-1)?.row.seq, rows };
};

test(`a room with ${ROWS} rows: opened, read through, searched`, async (rig) => {
  const { context, page } = await emptyPage(rig, 'rows');
  await page.evaluate(fill, { rows: ROWS });
  const found = await page.evaluate(measure, { rows: ROWS });
  console.log(`# open=${found.opened.toFixed(0)} ms page_max=${found.slowest.toFixed(0)} ms through=${found.through.toFixed(0)} ms search=${found.searched.toFixed(0)} ms`);
  if (found.read !== ROWS) throw new Error(`read ${found.read}`);
  if (found.hits !== 50) throw new Error(`found ${found.hits}`);
  // Any machine, however busy; what is promised, 300 ms, large_room.mjs measures alone.
  if (found.opened > 1500) throw new Error(`opened in ${found.opened} ms`);
  await context.close();
  rig.assertClean();
});

/* ---- 2,000 rooms ---- */

const fillRooms = async ({ rooms }) => {
  const { openStorage } = await import('/source/web/platform/indexed.ts');
  const { group, roomRecord, rowRecord } = await import('/source/test/web/records.mjs');
  const storage = await openStorage(() => undefined);
  const changes = [];
  for (let i = 1; i <= rooms; i++) changes.push(roomRecord(group(i), 1, `Group ${i}`, 1700000000000 + i * 1000), rowRecord(group(i), 1, 5, `hello ${i}`));
  await storage.lead('filler');
  await storage.keep(changes, true);
  storage.close();
};

/** How long until the list is there, and until each line has its last message. */
const openRooms = async ({ rooms }) => {
  const { openEngine } = await import('/source/web/platform/browser.ts');
  const lines = new Map();
  const begin = performance.now();
  const found = { task: 0 };
  WebSocket.prototype.send = () => undefined; // no link: this is about what is stored
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) found.task = Math.max(found.task, duration);
  }).observe({ entryTypes: ['longtask'] });
  return new Promise((resolve) => {
    openEngine().listen((event) => {
      const infos = event.kind === 'snapshot' ? event.snapshot.rooms : event.kind === 'rooms' ? event.rooms : [];
      for (const info of infos) lines.set(info.room, info);
      if (event.kind === 'snapshot' && infos.length) Object.assign(found, { snapshot: performance.now() - begin, count: infos.length, first: infos[0].last?.text });
      if ([...lines.values()].filter((info) => info.last).length === rooms) resolve({ ...found, all: performance.now() - begin });
    });
  });
};

test(`${ROOMS} rooms: the list is there at once, its last lines soon`, async (rig) => {
  const { context, open, page } = await emptyPage(rig, 'rooms');
  await page.evaluate(begin);
  await signUp(rig, page, 'zoya');
  await page.close();
  const filler = await open();
  await filler.evaluate(fillRooms, { rooms: ROOMS });
  await filler.close();
  const found = await (await open()).evaluate(openRooms, { rooms: ROOMS });
  console.log(`# snapshot=${found.snapshot.toFixed(0)} ms all=${found.all.toFixed(0)} ms longest_task=${found.task.toFixed(0)} ms`);
  if (found.count !== ROOMS || found.first !== `hello ${ROOMS}`) throw new Error(JSON.stringify(found));
  if (found.snapshot > 8000) throw new Error(`the list was there after ${found.snapshot} ms`);
  await context.close();
  rig.assertClean();
});

await run(rigOfSuite());
