/* Must show 6: a server that is killed, a link that is cut, a laptop that slept: it is said, it mends itself, nothing is lost or doubled, and what is being read stays where it is. */
import { BACK_MS, compose, equal, findPerson, log, message, openChat, say, sees, signUp, ticked, until } from './deeds.mjs';
import { rigOfSuite, sleep } from './rig.mjs';
import { run, test } from './tap.mjs';

const CUT_MS = 30000;
const HOUR_MS = 3600000;
const NO_LINK = 'No connection';

const count = async (page, text) => (await log(page).innerText()).split(text).length - 1;

/** Where the topmost message that is seen lies, and which it is. */
const place = (page) => page.evaluate(() => {
  const box = document.querySelector('[role=log]').getBoundingClientRect();
  const first = [...document.querySelectorAll('[role=log] [data-key]')].find((one) => one.getBoundingClientRect().top >= box.top);
  return { key: first.dataset.key, top: Math.round(first.getBoundingClientRect().top) };
});

test('anna reads far up in a long chat', async (rig) => {
  rig.anna = await rig.person('anna');
  rig.boris = await rig.person('boris');
  await rig.anna.context.addInitScript(() => {
    // A clock that a test can set forward, as one finds it after a sleep.
    let slept = 0;
    const wall = Date.now.bind(Date), steady = performance.now.bind(performance);
    Date.now = () => wall() + slept;
    performance.now = () => steady() + slept;
    window.sleepFor = (ms) => { slept += ms; };
  });
  await signUp(rig.anna);
  await signUp(rig.boris);
  await findPerson(rig.boris.page, 'anna');
  for (let i = 1; i <= 60; i++) await say(rig.boris.page, `line ${i} of a long letter`);
  await ticked(rig.boris.page, 'line 60 of a long letter', 'delivered');
  await openChat(rig.anna.page, 'Boris');
  await sees(rig.anna.page, 'line 1 of a long letter'); // it opens where she has not read yet
  await log(rig.anna.page).hover();
  await rig.anna.page.mouse.wheel(0, 500);
  await sleep(1000);
  rig.at = await place(rig.anna.page);
});

test('the server is killed, and comes back', async (rig) => {
  await rig.server.stop('SIGKILL');
  await rig.anna.page.getByText(NO_LINK).first().waitFor();
  await rig.anna.screenshot('no-connection');
  await say(rig.boris.page, 'written while it was dead');
  await sleep(3000);
  await rig.server.restart();
  await ticked(rig.boris.page, 'written while it was dead', 'delivered');
  await rig.anna.page.getByText(NO_LINK).first().waitFor({ state: 'hidden', timeout: BACK_MS });
  equal('what Anna reads is where it was', await place(rig.anna.page), rig.at);
});

test('the link is cut for half a minute, without a word', async (rig) => {
  rig.link.cut();
  await say(rig.boris.page, 'written into a cut cable');
  await sleep(CUT_MS);
  equal('it is not ticked', await message(rig.boris.page, 'written into a cut cable').getByLabel('delivered').count(), 0);
  rig.link.restore();
  await ticked(rig.boris.page, 'written into a cut cable', 'delivered');
  await rig.anna.page.getByText(NO_LINK).first().waitFor({ state: 'hidden', timeout: BACK_MS });
  equal('what Anna reads is where it was', await place(rig.anna.page), rig.at);
});

test('the laptop slept for an hour', async (rig) => {
  await compose(rig.anna.page).fill('what I was about to say');
  await sleep(1500); // a draft is kept a little later
  rig.link.cut();
  await rig.anna.page.evaluate((ms) => window.sleepFor(ms), HOUR_MS);
  rig.link.drop(); // the server gave the connection up long ago
  rig.link.restore();
  await say(rig.boris.page, 'written while you slept');
  await ticked(rig.boris.page, 'written while you slept', 'delivered');
  await rig.anna.page.getByText(NO_LINK).first().waitFor({ state: 'hidden', timeout: BACK_MS });
  equal('what Anna reads is where it was', await place(rig.anna.page), rig.at);
  equal('what she wrote is there', await compose(rig.anna.page).inputValue(), 'what I was about to say');
});

test('nothing is lost, nothing came twice', async (rig) => {
  await rig.anna.page.getByRole('button', { name: /new message.* below|To the newest message/ }).click();
  await sees(rig.anna.page, 'written while you slept');
  for (const [who, page] of [['Anna', rig.anna.page], ['Boris', rig.boris.page]])
    for (const text of ['written while it was dead', 'written into a cut cable', 'written while you slept', 'line 60 of a long letter'])
      equal(`${who}: ${text}`, await count(page, text), 1);
  await until('all is read', async () => (await message(rig.boris.page, 'written while you slept').getByLabel('read', { exact: true }).count()) === 1);
});

await run(rigOfSuite({ link: true }));
