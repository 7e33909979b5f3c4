/*
 * Must show 5: a large room opens from what the browser stores, and scrolls from its end to its beginning without a frame over 50 ms; memory
 * stays bounded. rows=N: how many messages (100,000); make test tries fewer.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { equal, log, openChat, signUp, until } from './deeds.mjs';
import { DESKTOP, root, rigOfSuite } from './rig.mjs';
import { run, test } from './tap.mjs';

const ROWS = Number(process.argv.find((argument) => argument.startsWith('rows='))?.slice(5) ?? 100000);
const OPEN_MS_MAX = 300;
const FRAME_MS_MAX = 50;
const MEMORY_MIB_MAX = 150; // what the page's heap may have grown by
const STEP_PIXELS = 400; // a frame, 24,000 a second: some ten screens of a phone, faster than a hand flicks
const SCROLL_SECONDS = 900;
const NODES_MAX = 4000;

test(`${ROWS} messages came while anna was not looking`, async (rig) => {
  rig.anna = await rig.person('anna', { viewport: DESKTOP });
  await signUp(rig.anna);
  const { stdout } = await promisify(execFile)('/usr/bin/python3', [`${root}/test/web/fill.py`, root, String(rig.server.port), rig.server.tokens, 'anna', String(ROWS)]);
  console.log(`# written in ${stdout.trim()} s`);
  await openChat(rig.anna.page, 'Filler');
  await log(rig.anna.page).locator('[data-key]').first().waitFor();
});

const heap = async (rig) => {
  await rig.devtools.send('HeapProfiler.collectGarbage');
  return (await rig.devtools.send('Runtime.getHeapUsage')).usedSize / 1048576;
};

/** To the end of the log, where the newest message stands. */
async function toNewest(page) {
  const button = page.getByRole('button', { name: /new messages? below|To the newest message/ });
  await until('the newest message', async () => {
    if (await button.isVisible()) await button.click();
    return (await log(page).innerText()).includes(`${ROWS}. `);
  }, 60000);
}

/** Scrolls towards the beginning by so many pixels a frame; what the frames took. Ends where nothing older comes any more. */
const scrollUp = (page) => page.evaluate(async ({ step, seconds, frameMax }) => {
  const box = document.querySelector('[role=log]').closest('[data-scroll]') ?? [...document.querySelectorAll('*')].find((one) => one.contains(document.querySelector('[role=log] [data-key]')) && one.scrollHeight > one.clientHeight + 10 && /auto|scroll/.test(getComputedStyle(one).overflowY));
  const frames = [], long = [];
  const watch = new PerformanceObserver((list) => long.push(...list.getEntries().map((entry) => entry.duration)));
  watch.observe({ type: 'longtask' });
  let still = 0, before = performance.now();
  const end = before + seconds * 1000;
  while (still < 120 && performance.now() < end) {
    box.dispatchEvent(new WheelEvent('wheel', { bubbles: true })); // it is a hand that moves it
    box.scrollTop -= step;
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    frames.push(now - before);
    before = now;
    still = box.scrollTop <= 0 ? still + 1 : 0;
  }
  watch.disconnect();
  frames.sort((a, b) => a - b);
  return { count: frames.length, p50: frames[frames.length >> 1], p99: frames[Math.floor(frames.length * 0.99)], worst: frames.at(-1),
    over: frames.filter((one) => one > frameMax).length, long: long.length, longest: Math.max(0, ...long), nodes: document.querySelectorAll('*').length };
}, { step: STEP_PIXELS, seconds: SCROLL_SECONDS, frameMax: FRAME_MS_MAX });

test('it scrolls to its first message', async (rig) => {
  const { page, context } = rig.anna;
  rig.devtools = await context.newCDPSession(page);
  await toNewest(page);
  const before = await heap(rig);
  const went = await scrollUp(page);
  await until('the first message', async () => (await log(page).innerText()).includes('1. Good morning'), 60000);
  const grown = await heap(rig) - before;
  console.log(`# first time, what is not here comes from the server: ${went.count} frames, p50 ${went.p50.toFixed(1)} ms, p99 ${went.p99.toFixed(1)}, worst ${went.worst.toFixed(1)}; ` +
    `${went.long} long tasks, longest ${went.longest.toFixed(0)} ms; heap ${grown.toFixed(1)} MiB more, ${went.nodes} elements`);
  if (grown > MEMORY_MIB_MAX || went.nodes > NODES_MAX) throw new Error('memory is not bounded');
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

test(`scrolled from end to beginning out of the storage: no frame over ${FRAME_MS_MAX} ms`, async (rig) => {
  const { page, context } = rig.anna;
  rig.devtools = await context.newCDPSession(page);
  await toNewest(page);
  const before = await heap(rig);
  const went = await scrollUp(page);
  equal('the first message is there', (await log(page).innerText()).includes('1. Good morning'), true);
  const grown = await heap(rig) - before;
  console.log(`# ${went.count} frames, p50 ${went.p50.toFixed(1)} ms, p99 ${went.p99.toFixed(1)}, worst ${went.worst.toFixed(1)}, ${went.over} over ${FRAME_MS_MAX}; ` +
    `${went.long} long tasks, longest ${went.longest.toFixed(0)} ms; heap ${grown.toFixed(1)} MiB more, ${went.nodes} elements`);
  if (went.long > 0) throw new Error('a frame took too long');
  if (grown > MEMORY_MIB_MAX || went.nodes > NODES_MAX) throw new Error('memory is not bounded');
});

await run(rigOfSuite({ users: ['filler'], server: ['--connection-frames', '100000', '--user-frames', '100000'] }));
