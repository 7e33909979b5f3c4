/*
 * Must show 5: a large room opens from what the browser stores, and scrolls from its end to its beginning without a frame over 50 ms of
 * work; memory stays bounded. rows=N: how many messages (100,000). strict: also by the clock, on a machine that does nothing else.
 *
 * Anna is there while they are written, so her browser stores all. Then she signs in on another device, which has nothing: there rows come
 * from the server while she scrolls.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { equal, log, openChat, signIn, signUp, until } from './deeds.mjs';
import { scrollUp } from './frames.mjs';
import { DESKTOP, root, rigOfSuite } from './rig.mjs';
import { run, test } from './tap.mjs';

const ROWS = Number(process.argv.find((argument) => argument.startsWith('rows='))?.slice(5) ?? 100000);
const STRICT = process.argv.includes('strict');
const SERVED_ROWS = Math.min(ROWS - 1, 15000); // of which a device fetches 10,000 by itself (core_limits.background_rows)
const OPEN_MS_MAX = 300;
const FRAME_MS_MAX = 50;
const SERVED_HEAVY_MAX = 5; // frames over it while rows come from the server, which are taken in and stored beside
const MEMORY_MIB_MAX = 150; // what the page's heap may have grown by
const STEP_PIXELS = 1000; // a frame: more than the screen, far more than a hand flicks; rows come no faster
const SCROLL_SECONDS = 400;
const CHUNK_ROWS = 5000; // one that falls behind fetches so many by itself (core_limits.background_rows): no holes are left
const STORED_SECONDS = 120;
const NODES_MAX = 4000;

/** How many records the browser has: rows, and few others. */
const stored = (page) => page.evaluate(() => new Promise((resolve, reject) => {
  const opening = indexedDB.open('galka');
  opening.onerror = () => reject(opening.error);
  opening.onsuccess = () => {
    const database = opening.result, counting = database.transaction('records').objectStore('records').count();
    counting.onsuccess = () => {
      database.close();
      resolve(counting.result);
    };
  };
}));

test(`${ROWS} messages came, and are stored`, async (rig) => {
  rig.anna = await rig.person('anna', { viewport: DESKTOP });
  await signUp(rig.anna);
  for (let there = 0; there < ROWS; there += CHUNK_ROWS) {
    const words = [`${root}/test/web/fill.py`, root, String(rig.server.port), rig.server.tokens, 'anna', String(Math.min(CHUNK_ROWS, ROWS - there)), String(there + 1)];
    await promisify(execFile)('/usr/bin/python3', words);
    await until('all are stored', async () => await stored(rig.anna.page) >= Math.min(there + CHUNK_ROWS, ROWS), STORED_SECONDS * 1000);
  }
  await openChat(rig.anna.page, 'Filler');
  await log(rig.anna.page).locator('[data-key]').first().waitFor();
  await toNewest(rig.anna.page);
  rig.devtools = await rig.anna.context.newCDPSession(rig.anna.page);
});

const heap = async (devtools) => {
  await devtools.send('HeapProfiler.collectGarbage');
  return (await devtools.send('Runtime.getHeapUsage')).usedSize / 1048576;
};

/** To the end of the log, where the newest message stands. */
async function toNewest(page) {
  const button = page.getByRole('button', { name: /new messages? below|To the newest message/ });
  await until('the newest message', async () => {
    if (await button.isVisible()) await button.click();
    return (await log(page).innerText()).includes(`${ROWS}. `);
  }, 60000);
}

const scroll = (page, devtools, to, more = {}) => scrollUp(page, devtools, { step: STEP_PIXELS, seconds: SCROLL_SECONDS, until: to, frameMax: FRAME_MS_MAX, ...more });

/** Scrolls from the end to that row, and says what frames and memory came to. */
async function measured(what, page, devtools, to, heavyMax = 0) {
  await toNewest(page);
  const before = await heap(devtools);
  const went = await scroll(page, devtools, to);
  const grown = await heap(devtools) - before;
  console.log(`# ${what}: ${went.text}; heap ${grown.toFixed(1)} MiB more`);
  if (!went.there) throw new Error(`it did not get to row ${to}`);
  if (went.held > heavyMax || went.heavy > heavyMax || (STRICT && went.long > 0)) throw new Error('a frame took too long');
  if (grown > MEMORY_MIB_MAX || went.nodes > NODES_MAX) throw new Error('memory is not bounded');
}

test('what measures frames sees one that is held up', async (rig) => {
  const went = await scroll(rig.anna.page, rig.devtools, ROWS - 1000, { spin: 2 * FRAME_MS_MAX });
  equal('tasks, frames, by the clock', [went.held > 0, went.heavy > 0, went.long > 0], [true, true, true]);
});

test(`opened anew from what is stored, within ${OPEN_MS_MAX} ms`, async (rig) => {
  const { page } = rig.anna;
  const times = [];
  for (let i = 0; i < 3; i++) {
    await page.reload();
    await page.getByRole('heading', { name: 'Chats' }).waitFor();
    await page.evaluate(() => { location.hash = ''; });
    await page.getByText('Choose a chat', { exact: true }).waitFor();
    times.push(await page.evaluate(async () => {
      const start = performance.now();
      [...document.querySelectorAll('a, button')].find((one) => one.textContent.includes('Filler')).click();
      for (;;) {
        const rows = document.querySelectorAll('[role=log] [data-key]');
        if (rows.length > 5 && getComputedStyle(rows[rows.length - 1]).visibility === 'visible') break;
        await new Promise(requestAnimationFrame);
      }
      return performance.now() - start;
    }));
  }
  console.log(`# opened in ${times.map((time) => time.toFixed(0)).join(', ')} ms`);
  if (times.toSorted((a, b) => a - b)[1] > OPEN_MS_MAX) throw new Error('too slow');
});

test(`all ${ROWS} scrolled from end to beginning out of the storage: nothing holds a frame for ${FRAME_MS_MAX} ms`, async (rig) => {
  const { page, context } = rig.anna;
  rig.devtools = await context.newCDPSession(page);
  await measured('out of the storage', page, rig.devtools, 1);
  equal('the first message is there', (await log(page).innerText()).includes('1. Good morning'), true);
  await context.close();
});

test(`on a device that has nothing, ${SERVED_ROWS} scrolled that come from the server: nothing holds a frame for ${FRAME_MS_MAX} ms`, async (rig) => {
  const other = await rig.person('anna', { viewport: DESKTOP });
  await other.open();
  await signIn(other);
  await openChat(other.page, 'Filler');
  await log(other.page).locator('[data-key]').first().waitFor();
  await measured('from the server', other.page, await other.context.newCDPSession(other.page), ROWS - SERVED_ROWS, SERVED_HEAVY_MAX);
  const there = await stored(other.page);
  if (there > SERVED_ROWS + 1000) throw new Error(`${there} records are stored: it did not ask for what it showed`);
});

await run(rigOfSuite({ users: ['filler'], server: ['--connection-frames', '100000', '--user-frames', '100000'] }));
