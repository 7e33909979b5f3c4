/* Must show 3: without a link one writes, reloads, opens a second tab; once it is back each message was sent once, in order, and both tabs agree. */
import { BACK_MS, compose, equal, findPerson, log, openChat, say, sees, signUp, ticked, until } from './deeds.mjs';
import { PHONE, rigOfSuite } from './rig.mjs';
import { run, test } from './tap.mjs';

const WRITTEN = ['first without a link', 'second without a link', 'third without a link'];

/** The numbered texts that a log shows, in order. */
const texts = async (page) => (await log(page).innerText()).match(/(?:first|second|third|fourth) without a link/g) ?? [];

/** Counts what would be heard of the page from here on: sounds(page). */
const countSounds = (page) => page.evaluate(() => {
  window.sounds = 0;
  window.AudioContext = class {
    constructor() {
      window.sounds++;
      throw new Error('no sound device');
    }
  };
});
const sounds = (page) => page.evaluate(() => window.sounds);

test('anna and boris talk', async (rig) => {
  rig.anna = await rig.person('anna');
  rig.boris = await rig.person('boris', { viewport: PHONE });
  await signUp(rig.anna);
  await signUp(rig.boris);
  await findPerson(rig.anna.page, 'boris');
  await countSounds(rig.boris.page);
  await say(rig.anna.page, 'Hello Boris');
  await until('the first message of somebody new is heard', async () => (await sounds(rig.boris.page)) === 1);
  await openChat(rig.boris.page, 'Anna');
  await sees(rig.boris.page, 'Hello Boris');
  await ticked(rig.anna.page, 'Hello Boris', 'read');
  // The service worker has everything: the app would start without a link.
  await until('the app is kept for later', () => rig.anna.page.evaluate(async () => (await navigator.serviceWorker.ready).active?.state === 'activated' && (await caches.keys()).length > 0));
});

test('without a server three messages are written, and wait', async (rig) => {
  await rig.server.stop();
  await rig.anna.context.setOffline(true);
  await rig.anna.page.getByText('No connection').first().waitFor();
  for (const text of WRITTEN) await say(rig.anna.page, text);
  await ticked(rig.anna.page, WRITTEN[2], 'waits to be sent');
  const line = rig.anna.page.getByRole('navigation', { name: 'Chats' }).getByRole('link', { name: /Boris/ });
  await line.getByText(WRITTEN[2]).waitFor(); // what waits is the last word in the list, too
  await line.getByLabel('waits to be sent').waitFor();
  await rig.anna.screenshot('offline-desktop');
  await rig.anna.checkAccess('without a link');
});

test('they are there after a reload, and in a second tab', async (rig) => {
  await rig.anna.page.reload();
  await sees(rig.anna.page, WRITTEN[2]);
  equal('after the reload', await texts(rig.anna.page), WRITTEN);
  await rig.anna.page.getByRole('navigation', { name: 'Chats' }).getByText(WRITTEN[2]).waitFor();
  rig.second = await rig.anna.tab(new URL(rig.anna.page.url()).hash);
  await sees(rig.second, WRITTEN[2]);
  equal('in the second tab', await texts(rig.second), WRITTEN);
  await compose(rig.second).fill('a draft that was not sent');
});

test('a message written in the second tab shows in the first', async (rig) => {
  await say(rig.second, 'fourth without a link');
  await sees(rig.anna.page, 'fourth without a link');
});

test('the link is back: each is sent once, in order, and all agree', async (rig) => {
  const all = [...WRITTEN, 'fourth without a link'];
  await rig.server.restart();
  await rig.anna.context.setOffline(false);
  await sees(rig.boris.page, all[3], BACK_MS);
  await ticked(rig.anna.page, all[3], 'read');
  await ticked(rig.second, all[3], 'read');
  await rig.anna.page.getByRole('navigation', { name: 'Chats' }).getByLabel('waits to be sent').waitFor({ state: 'detached' });
  for (const [who, page] of [['Boris', rig.boris.page], ['the first tab', rig.anna.page], ['the second tab', rig.second]])
    equal(who, await texts(page), all);
});

test('the tab that led is closed: the others go on, and nothing they show goes away', async (rig) => {
  const third = await rig.anna.tab(new URL(rig.second.url()).hash);
  await sees(third, 'fourth without a link');
  await third.evaluate(() => {
    window.blank = 0;
    new MutationObserver(() => (window.blank += document.querySelector('[role=log]') ? 0 : 1)).observe(document.body, { childList: true, subtree: true });
  });
  await rig.anna.page.close();
  await say(rig.second, 'alone again');
  await sees(rig.boris.page, 'alone again');
  await rig.second.evaluate(() => (location.hash = '#/'));
  await rig.second.getByRole('log').waitFor({ state: 'detached' });
  await countSounds(rig.second);
  await say(rig.boris.page, 'I hear you');
  await sees(third, 'I hear you');
  await rig.second.getByText('I hear you').first().waitFor(); // in the list
  equal('times that the third tab was without its chat', await third.evaluate(() => window.blank), 0);
  equal('what is read in one tab is not heard of another', await sounds(rig.second), 0);
  await third.close();
  await say(rig.boris.page, 'Are you there?');
  await until('what nobody looks at is heard', async () => (await sounds(rig.second)) === 1);
  equal('nothing came twice', (await log(rig.boris.page).innerText()).match(/alone again/g).length, 1);
});

test('five tabs are one connection', async (rig) => {
  for (let i = 0; i < 4; i++) await rig.anna.tab();
  await until('four more tabs are there', async () => (await Promise.all(rig.anna.context.pages().map((page) => page.getByRole('heading', { name: 'Chats' }).count()))).every((count) => count === 1));
  await until('one socket of Anna', () => rig.sockets.filter((one) => one.name === 'anna' && !one.page.isClosed() && !one.socket.isClosed()).length === 1);
  rig.assertClean();
});

await run(rigOfSuite());
