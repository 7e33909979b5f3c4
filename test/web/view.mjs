/*
 * The view over an engine that is made up (web/dev): every screen and state in both themes and languages, on a phone and on a desk, looked
 * at by axe-core under the policy that the frontend sends, with pictures for people (OUT/screens/view); then keys and deeds as a person
 * would do them. No server, so what fails here is the view's.
 *
 * Arguments: GALKAD GALKA WEB_FOLDER OUT_FOLDER [only=WORDS], as of every suite; the last one is used.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { emoji } from '../../web/view/emoji/plugin.ts';
import { po } from '../../web/lang/plugin.ts';
import { run, test } from './tap.mjs';

const web = fileURLToPath(new URL('../../web/', import.meta.url));
const require = createRequire(join(web, 'package.json'));
const { chromium } = require('playwright-core');
const axeSource = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const out = process.argv[5] ?? '/tmp';
const folder = join(out, 'view-built'), screens = join(out, 'screens', 'view');

const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'";
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' };
const PHONE = { width: 390, height: 844 }, DESKTOP = { width: 1280, height: 800 };
const WAIT_MS = 15000;
const ANNA = '0000000000000000000000000000000a', GROUP = '0000000000000000000000000000000b', LARGE = '00000000000000000000000000000014';
const chat = (room) => `#/chat/${room}`;

async function build() {
  const { build: vite } = await import(join(web, 'node_modules/vite/dist/node/index.js'));
  const { svelte } = await import(join(web, 'node_modules/@sveltejs/vite-plugin-svelte/src/index.js'));
  await vite({ root: web, configFile: false, logLevel: 'error', plugins: [po(), emoji(), svelte()],
    build: { outDir: folder, emptyOutDir: true, target: 'es2022', assetsInlineLimit: 0, rollupOptions: { input: join(web, 'dev/index.html') } } });
}

function serve() {
  const server = createServer((request, response) => {
    const path = new URL(request.url, 'http://x').pathname.replace(/\/$/, '/index.html');
    try {
      const body = readFileSync(join(folder, path));
      response.writeHead(200, { 'content-type': TYPES[extname(path)] ?? 'application/octet-stream', 'content-security-policy': POLICY });
      response.end(body);
    } catch {
      response.writeHead(path === '/favicon.ico' ? 204 : 404).end();
    }
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

async function before() {
  mkdirSync(screens, { recursive: true });
  await build();
  const server = await serve();
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', headless: true,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage'] });
  return { server, browser, address: `http://127.0.0.1:${server.address().port}/dev/`, problems: [] };
}

async function after(rig) {
  await rig.browser.close();
  rig.server.close();
}

async function open(rig, state, hash = '', { viewport = DESKTOP, dark = false, language = 'en', ...more } = {}) {
  const context = await rig.browser.newContext({ viewport, colorScheme: dark ? 'dark' : 'light', locale: language, reducedMotion: 'reduce', permissions: ['clipboard-read', 'clipboard-write'], ...more });
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT_MS);
  page.on('pageerror', (error) => rig.problems.push(String(error.stack ?? error)));
  page.on('console', (message) => message.type() === 'error' && rig.problems.push(message.text()));
  await page.goto(`${rig.address}?state=${state}${hash}`);
  await page.locator('.log.placed:visible, .welcome, h1:visible').first().waitFor();
  await page.waitForTimeout(250);
  return page;
}

async function checkAccess(page, what) {
  await page.evaluate(axeSource);
  const found = await page.evaluate(async () => (await window.axe.run(document, { resultTypes: ['violations'] })).violations.map((one) => `${one.id}: ${one.nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(' | ')}`));
  assert.deepEqual(found, [], what);
}

const menuOf = (seq) => async (page) => {
  await page.locator(`[data-seq="${seq}"] .bubble`).click({ button: 'right' });
  await page.getByRole('menu').waitFor();
};
const held = (seq) => async (page) => {
  await page.locator(`[data-seq="${seq}"] .reactions button`).first().dispatchEvent('contextmenu');
  await page.getByRole('dialog').waitFor();
  await page.waitForTimeout(300);
};
const several = async (page) => {
  await menuOf(13)(page);
  await page.getByRole('menuitem', { name: /^(Select|Выбрать)$/ }).click();
  for (const seq of [12, 14]) await page.locator(`[data-seq="${seq}"]`).click();
};
const press = (keys, then = '') => async (page) => {
  await page.keyboard.press(keys);
  await page.getByRole('dialog').waitFor();
  await page.keyboard.type(then);
  await page.waitForTimeout(then ? 900 : 100);
};
const type = (text) => async (page) => {
  await page.locator('textarea').focus();
  await page.keyboard.type(text);
  await page.getByRole('listbox').waitFor();
};

/** Name, state, address, what is done there. */
const SCREENS = [
  ['list', 'full', ''], ['loading', 'loading', ''], ['empty', 'empty', ''], ['archive', 'full', '#/archive'], ['offline', 'offline', chat(ANNA)],
  ['chat', 'full', chat(ANNA)], ['group', 'full', chat(GROUP)], ['about-person', 'full', `${chat(ANNA)}/about`], ['about-group', 'full', `${chat(GROUP)}/about`],
  ['new-chat', 'full', '#/new'], ['new-group', 'full', '#/group'], ['settings', 'full', '#/settings'],
  ...['look', 'privacy', 'devices', 'blocks', 'account', 'profile', 'invite'].map((part) => [`settings-${part}`, 'full', `#/settings/${part}`]),
  ['welcome', 'signed-out', ''], ['code', 'waits-for-code', ''], ['new-password', 'waits-for-reset', ''], ['sign-up', 'signed-out', '#invite=abcdefghijklmnopqrstuvwxyz'],
  ['search', 'full', chat(ANNA), press('Control+f', 'tea')], ['search-offline', 'offline', chat(ANNA), press('Control+f', 'tea')], ['switch', 'full', chat(ANNA), press('Control+k')],
  ['keys', 'full', chat(ANNA), press('Control+/')], ['menu', 'full', chat(ANNA), menuOf(13)], ['reactors', 'full', chat(GROUP), held(12)], ['selection', 'full', chat(GROUP), several], ['mention', 'full', chat(GROUP), type('Hello @')], ['emoji-by-name', 'full', chat(GROUP), type('Hello :smil')],
  ['invited', 'full', '#invite=abcdefghijklmnopqrstuvwxyz'], ['join', 'full', `#join=${'0'.repeat(31)}1.${'0'.repeat(31)}2`],
];

for (const [mode, look] of Object.entries({ 'desktop light, English': {}, 'phone dark, Russian': { viewport: PHONE, dark: true, language: 'ru' }, 'desktop dark, Russian': { dark: true, language: 'ru' }, 'phone light, English': { viewport: PHONE } }))
  test(`every screen, ${mode}: axe finds nothing, the policy holds`, async (rig) => {
    rig.problems = [];
    for (const [name, state, hash, act] of SCREENS) {
      if (state === 'loading') continue; // axe wants a heading: the skeleton is up for a moment only
      const page = await open(rig, state, hash, look);
      await act?.(page);
      await page.screenshot({ path: join(screens, `${name}-${mode.replace(/\W+/g, '-')}.png`) });
      await checkAccess(page, name);
      await page.context().close();
    }
    assert.deepEqual(rig.problems, []);
  });

/* ---- deeds ---- */

const compose = (page) => page.getByRole('textbox', { name: 'Message' });
const model = (page, read) => page.evaluate(read);
const eventually = async (what, read, expected) => {
  const end = Date.now() + WAIT_MS;
  let found;
  do {
    found = await read();
    if (JSON.stringify(found) === JSON.stringify(expected)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  } while (Date.now() < end);
  assert.deepEqual(found, expected, what);
};
const atEnd = (page) => model(page, () => {
  const box = document.querySelector('.log.placed');
  return box !== null && box.scrollHeight - box.scrollTop - box.clientHeight < 2;
});

test('keys: from chat to chat, to the next unread, by name', async (rig) => {
  const page = await open(rig, 'full', chat(ANNA));
  const at = () => model(page, () => location.hash.slice(-3));
  for (const [keys, room] of [['Alt+ArrowDown', '00b'], ['Alt+ArrowUp', '00a'], ['Alt+Shift+ArrowDown', '012']]) {
    await page.keyboard.press(keys);
    await eventually(keys, at, room);
    await eventually('its log is at its end', () => atEnd(page), true);
    assert.equal(await model(page, () => document.activeElement.tagName), 'TEXTAREA');
  }
  await press('Control+k', 'ann')(page);
  await page.keyboard.press('Enter');
  await eventually('by name', at, '00a');
  await press('Control+k', 'qqzz')(page);
  await page.getByRole('button', { name: 'Find people by the name “qqzz”' }).waitFor();
  await page.keyboard.press('Enter');
  await eventually('people by that name', () => model(page, () => `${location.hash} ${document.querySelector('.side input')?.value}`), '#/new qqzz');
  await page.context().close();
});

test('writing: lines, sending, editing the last, a reply, a mention, emoji', async (rig) => {
  const page = await open(rig, 'full', chat(GROUP));
  const last = () => model(page, () => { const item = window.app.chat.items.at(-1); return [item.text, item.state, item.replyTo]; });
  await compose(page).focus();
  await page.keyboard.type('one');
  await page.keyboard.press('Shift+Enter');
  await page.keyboard.type('two @car');
  await page.keyboard.press('Tab');
  await page.keyboard.type(':smil');
  await page.getByRole('listbox').waitFor();
  await page.keyboard.press('Enter');
  await page.keyboard.press('Enter');
  await eventually('sent', last, ['one\ntwo @carol 😀', 'sent', 0]);
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('End');
  await page.keyboard.type('!');
  await page.keyboard.press('Enter');
  await eventually('edited', last, ['one\ntwo @carol 😀!', 'sent', 0]);
  await page.keyboard.press('Shift+ArrowUp');
  await eventually('the last message has the focus', () => model(page, () => document.activeElement.dataset.seq), '16');
  await page.keyboard.press('ArrowUp');
  await eventually('the one before', () => model(page, () => document.activeElement.dataset.seq), '15');
  await page.keyboard.press('r');
  await page.keyboard.type('indeed');
  await page.keyboard.press('Enter');
  await eventually('a reply', last, ['indeed', 'sent', 15]);
  await page.context().close();
});

test('a message: reaction given and taken, pinned, deleted after a question, forwarded, copied; a refused one is sent again', async (rig) => {
  const page = await open(rig, 'full', chat(ANNA));
  const of = (seq) => model(page, `(() => { const item = window.app.chat.items.find((one) => one.seq === ${seq}); return [item.kind, item.pinned, item.reactions.map((one) => one.emoji)]; })()`);
  const choose = async (seq, name) => {
    await menuOf(seq)(page);
    await page.getByRole('menuitem', { name, exact: true }).click();
  };
  const line = page.getByRole('link', { name: /Anna Petrova/ });
  await line.getByText('Not sent: This one was refused').waitFor();
  await line.getByLabel('not sent').waitFor();
  await page.getByRole('button', { name: 'Retry' }).click();
  await eventually('sent again', () => model(page, () => window.app.chat.outbox.length), 0);
  await line.getByLabel('not sent').waitFor({ state: 'detached' });
  await choose(12, '❤️');
  await eventually('reaction', () => of(12), ['text', false, ['❤️']]);
  await page.locator('[data-seq="12"] .reactions button').click();
  await eventually('taken back', () => of(12), ['text', false, []]);
  await choose(12, 'More reactions');
  await page.getByRole('searchbox').fill('turkey');
  await page.getByRole('tabpanel').getByRole('button', { name: 'turkey' }).click();
  await eventually('another', () => of(12), ['text', false, ['🦃']]);
  await choose(12, 'Pin');
  await eventually('pinned', () => of(12), ['text', true, ['🦃']]);
  await choose(13, 'Delete');
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await eventually('deleted', () => of(13), ['deleted', false, []]);
  await choose(10, 'Copy text');
  await eventually('copied', () => model(page, () => navigator.clipboard.readText()), 'And do not forget the tea');
  await choose(10, 'Forward');
  await page.getByRole('dialog', { name: 'Forward' }).waitFor();
  await page.keyboard.type('notes');
  await page.keyboard.press('Enter');
  await page.getByText('Forwarded to “Notes”').waitFor();
  await page.context().close();
});

test('several messages: chosen from the menu, by presses, a range, keys; copied, forwarded, deleted; Escape ends it', async (rig) => {
  const page = await open(rig, 'full', chat(GROUP));
  const chosen = () => model(page, () => window.app.chat.selection.items.map((item) => item.seq));
  const choose = async (...seqs) => {
    await menuOf(seqs[0])(page);
    await page.getByRole('menuitem', { name: 'Select', exact: true }).click();
    for (const seq of seqs.slice(1)) await page.locator(`[data-seq="${seq}"]`).click();
  };
  await choose(13, 12, 15);
  await eventually('three', chosen, [12, 13, 15]);
  await page.getByText('3 selected', { exact: true }).waitFor();
  await checkAccess(page, 'a selection');
  await page.locator('[data-seq="12"] .reactions button').first().click({ force: true });
  await eventually('a press chooses, and nothing else', chosen, [13, 15]);
  assert.equal(await model(page, () => window.app.chat.outbox.length), 0);
  await page.getByRole('button', { name: 'Copy text' }).click();
  await eventually('copied', () => model(page, () => navigator.clipboard.readText()), 'Carol Jones: Forwarded wisdom\nКсения Александровна Преображенская-Константинопольская: Карта у меня. Принесу.');
  await eventually('it is over', () => page.getByRole('toolbar').count(), 0);
  await eventually('one can write on', () => model(page, () => document.activeElement.tagName), 'TEXTAREA');
  await choose(12);
  await page.locator('[data-seq="15"]').click({ modifiers: ['Shift'] });
  await eventually('a range', chosen, [12, 13, 14, 15]);
  await page.getByRole('toolbar').getByRole('button', { name: 'Delete' }).click();
  await page.getByText('Delete 4 messages for everybody?').waitFor();
  await page.getByRole('button', { name: 'Cancel' }).click();
  await eventually('they are still chosen', chosen, [12, 13, 14, 15]);
  await page.getByRole('toolbar').getByRole('button', { name: 'Forward' }).click();
  await page.getByRole('dialog', { name: 'Forward' }).waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.keyboard.press('Escape');
  await eventually('Escape ends it', chosen, []);
  await eventually('the chat is still open', () => model(page, () => location.hash), chat(GROUP));
  await eventually('the writing line has the focus', () => model(page, () => document.activeElement.tagName), 'TEXTAREA');
  await page.keyboard.press('Shift+ArrowUp');
  await eventually('the last message has the focus', () => model(page, () => document.activeElement.dataset.seq), '15');
  await page.keyboard.press('Space');
  await page.keyboard.press('ArrowUp');
  await eventually('the one before', () => model(page, () => document.activeElement.dataset.seq), '14');
  await page.keyboard.press('Space');
  await page.keyboard.press('r');
  await eventually('by keys', chosen, [14, 15]);
  assert.equal(await model(page, () => window.app.chat.compose.reply), undefined);
  await page.getByRole('toolbar').getByRole('button', { name: 'Forward' }).click();
  await page.getByRole('dialog', { name: 'Forward' }).waitFor();
  await page.keyboard.type('notes');
  await page.keyboard.press('Enter');
  await page.getByText('2 messages forwarded to “Notes”').waitFor();
  await choose(14, 15);
  await page.getByRole('toolbar').getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await eventually('deleted', () => model(page, () => window.app.chat.items.filter((item) => item.kind === 'deleted').map((item) => item.seq)), [14, 15]);
  await page.context().close();
});

test('a finger draws a message to the left to reply; up and down, or not far enough, is no reply', async (rig) => {
  const page = await open(rig, 'full', chat(GROUP), { viewport: PHONE, hasTouch: true });
  const session = await page.context().newCDPSession(page);
  const drag = async (seq, dx, dy) => {
    const box = await page.locator(`[data-seq="${seq}"] .bubble`).boundingBox();
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    const touch = (type, ...points) => session.send('Input.dispatchTouchEvent', { type, touchPoints: points });
    await touch('touchStart', { x, y });
    for (let i = 1; i <= 8; i++) await touch('touchMove', { x: x + (dx * i) / 8, y: y + (dy * i) / 8 });
    await page.screenshot({ path: join(screens, `swipe-${dx}.png`) });
    await touch('touchEnd');
  };
  const reply = () => model(page, () => window.app.chat.compose.reply?.seq ?? 0);
  await drag(14, -40, 0);
  await drag(14, -10, 120);
  await drag(14, 120, 0);
  await page.waitForTimeout(200);
  assert.equal(await reply(), 0);
  await eventually('a reply', async () => (await reply()) || (await drag(14, -120, 4), reply()), 14); // a browser that is late takes a touch back
  await eventually('the writing line has the focus', () => model(page, () => document.activeElement.tagName), 'TEXTAREA');
  assert.equal(await page.locator('article.pulled').count(), 0);
  assert.equal(await page.getByRole('menu').count(), 0);
  await page.context().close();
});

test('Escape closes one thing at a time', async (rig) => {
  const page = await open(rig, 'full', `${chat(GROUP)}/about`);
  await menuOf(15)(page);
  await page.keyboard.press('Escape');
  await page.getByRole('menu').waitFor({ state: 'detached' });
  await compose(page).focus();
  for (const hash of [chat(GROUP), '#/']) {
    await page.keyboard.press('Escape');
    await eventually('one step', () => model(page, () => location.hash), hash);
  }
  await page.context().close();
});

test('a link that looks like another one is asked about; who is blocked is shown when asked for', async (rig) => {
  const page = await open(rig, 'full', chat(ANNA));
  await model(page, () => window.app.chat.go({ seq: 5 }));
  for (const button of ['left', 'middle']) {
    await page.locator('[data-seq="5"] a').click({ button });
    await page.getByText('xn--80ak6aa92e.com').waitFor();
    await page.getByRole('button', { name: 'Do not open' }).click();
    assert.equal(page.context().pages().length, 1);
  }
  await page.goto(`${rig.address}?state=full${chat(GROUP)}`);
  await model(page, () => window.app.chat.go({ seq: 11 }));
  assert.equal(await page.getByText('spam spam spam').count(), 0);
  await page.getByRole('button', { name: /somebody you block/ }).click();
  await page.getByText('spam spam spam').waitFor();
  await page.context().close();
});

test('R and E are where they are on the keyboard, in a layout without Latin', async (rig) => {
  const page = await open(rig, 'full', chat(GROUP));
  await page.locator('[data-seq="15"]').first().evaluate((one) => {
    const line = one.closest('[data-key]');
    line.focus();
    line.dispatchEvent(new KeyboardEvent('keydown', { key: 'к', code: 'KeyR', bubbles: true, cancelable: true }));
  });
  await eventually('a reply is begun', () => model(page, () => window.app.chat.compose.reply?.seq), 15);
  await page.context().close();
});

test('a question and a form that are closed while they are under way take back what they asked', async (rig) => {
  const page = await open(rig, 'full', '#/settings/account');
  const called = () => page.evaluate(() => window.called);
  await page.evaluate(() => {
    window.called = [];
    const never = new Promise(() => undefined);
    for (const deed of ['deleteAccount', 'setProfile']) window.engine[deed] = () => (window.called.push(deed), never);
    window.engine.cancel = () => window.called.push('cancel');
  });
  await page.getByLabel('Password', { exact: true }).last().fill('password');
  await page.getByRole('button', { name: 'Delete the account' }).last().click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Delete the account' }).click();
  await eventually('it is asked', called, ['deleteAccount']);
  await page.keyboard.press('Escape');
  await eventually('and taken back', called, ['deleteAccount', 'cancel']);
  await page.evaluate(() => (location.hash = '#/settings/profile'));
  await page.getByLabel('Your name').fill('Another');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await eventually('a name is asked for', called, ['deleteAccount', 'cancel', 'setProfile']);
  await page.evaluate(() => (location.hash = '#/'));
  await eventually('and taken back', called, ['deleteAccount', 'cancel', 'setProfile', 'cancel']);
  await page.context().close();
});

test('a log above a hole goes on by itself once there is a link, though nobody can scroll it; without a row it says why', async (rig) => {
  for (const top of [13, 15]) {
    const page = await open(rig, 'offline');
    await page.evaluate(([room, hole]) => {
      const { app, engine } = window;
      const tell = (holeTop) => app.rooms.put([{ ...app.rooms.get(room), holeTop }]);
      const [rows, history] = [engine.rows.bind(engine), engine.history.bind(engine)];
      engine.rows = async (id, before, limit) => {
        const all = await rows(id, before, limit);
        const here = all.rows.filter((row) => row.seq > app.rooms.get(id).holeTop);
        return { rows: here, bottom: all.bottom || here.length < all.rows.length };
      };
      engine.history = async () => {
        const from = await history();
        tell(0);
        return from;
      };
      engine.read = () => undefined; // it would tell of the room as it is without a hole
      tell(hole);
      location.hash = `#/chat/${room}`;
    }, [GROUP, top]);
    await page.getByText('Older messages: once there is a connection').waitFor();
    assert.equal(await page.locator('.log [data-seq]').count(), 15 - top);
    await model(page, () => window.engine.hurry());
    await eventually('all is there', () => model(page, () => window.app.chat.pager.rows[0]?.seq), 1);
    await page.context().close();
  }
});

test('a date to go to is typed to its end, and today is the day here', async (rig) => {
  const page = await open(rig, 'full', chat(ANNA), { timezoneId: 'Europe/Moscow' });
  await page.clock.setFixedTime('2026-05-02T22:30:00Z');
  await page.evaluate(() => {
    window.gone = [];
    window.app.chat.go = async ({ time }) => window.gone.push(new Date(time).toISOString());
  });
  const gone = () => page.evaluate(() => window.gone);
  await press('Control+f')(page);
  const date = page.getByLabel('Go to a date');
  assert.equal(await date.getAttribute('max'), '2026-05-03');
  await date.focus();
  await page.keyboard.type('05030002');
  await page.keyboard.press('Enter');
  assert.deepEqual(await gone(), []);
  await date.evaluate((one) => (one.blur(), (one.value = ''), one.focus()));
  await page.keyboard.type('05032026');
  assert.equal(await date.inputValue(), '2026-05-03');
  assert.deepEqual(await gone(), []);
  await page.keyboard.press('Enter');
  await eventually('there', gone, ['2026-05-02T21:00:00.000Z']);
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await press('Control+f')(page);
  await date.fill('2026-04-01'); // as a calendar does it: no keys
  await eventually('by the calendar', async () => (await gone()).length, 2);
  await page.context().close();
});

test('what is done in a dialog is said in it', async (rig) => {
  const page = await open(rig, 'full', '#/new');
  const dialog = page.getByRole('dialog');
  await page.getByRole('button', { name: 'Invite people' }).click();
  await dialog.getByRole('button', { name: 'Create the link' }).click();
  await dialog.getByRole('button', { name: 'Copy the link' }).click();
  await dialog.getByRole('status').getByText('Copied').click({ trial: true }); // nothing lies over it
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  await page.getByRole('status').getByText('Copied').waitFor(); // it stays its time
  await page.evaluate((hash) => (location.hash = hash), `${chat(GROUP)}/about`);
  await page.getByRole('button', { name: 'Add members' }).click();
  await page.evaluate(() => (window.engine.find = async () => [{ user: 'f'.repeat(32), userName: 'zoe', displayName: 'Zoe' }]));
  await dialog.getByRole('searchbox').fill('zoe');
  await dialog.getByRole('button', { name: /Zoe/ }).click();
  await dialog.getByRole('status').getByText('Zoe is being added').click({ trial: true });
  await page.screenshot({ path: join(screens, 'toast-in-dialog.png') });
  await page.context().close();
});

test('people and words that were looked for without a link are found once there is one', async (rig) => {
  const page = await open(rig, 'offline', '#/new');
  await page.getByRole('searchbox', { name: 'Name, or a link to a group' }).fill('yuri');
  await page.getByText('It will be tried again by itself.').waitFor();
  await page.evaluate(() => {
    window.engine.find = async () => [{ user: 'f'.repeat(32), userName: 'yuri', displayName: 'Yuri' }];
    window.engine.hurry();
  });
  await page.getByRole('button', { name: /Yuri/ }).waitFor();
  await page.context().close();
  const other = await open(rig, 'offline', chat(ANNA));
  await press('Control+f', 'qqzz')(other);
  await other.getByText('only this device was searched').waitFor();
  await other.evaluate(() => window.engine.hurry());
  await other.getByText('Long ago: qqzz').waitFor();
  await other.context().close();
});

test('who asked to join is not in the group before the server says so', async (rig) => {
  const room = `${'0'.repeat(31)}1`;
  const page = await open(rig, 'full', `#join=${room}.${'0'.repeat(31)}2`);
  await page.evaluate(([id, group]) => {
    const { app, engine } = window;
    const outbox = engine.outbox.bind(engine);
    const entry = { room: id, id: 'e'.repeat(32), operation: { kind: 'joined', subject: app.myId }, time: Date.now(), state: 'queued' };
    window.tell = (more) => app.rooms.put([{ ...app.rooms.get(group), room: id, title: 'Far away', role: 'none', head: 0, holeTop: 0, unread: 0, last: undefined, queued: 1, ...more }]);
    engine.outbox = async (of) => (of === id ? [entry] : outbox(of));
    engine.rows = async () => ({ rows: [], bottom: true });
    engine.write = async () => (window.tell({}), entry.id); // the core makes its line at once
  }, [room, GROUP]);
  await page.getByRole('dialog').getByRole('button', { name: 'Join', exact: true }).click();
  await page.getByText('The group opens when the server answers').waitFor();
  await page.evaluate((hash) => (location.hash = hash), chat(room));
  await page.getByText('You can write here once you are in the group.').waitFor();
  assert.equal(await compose(page).count(), 0);
  await page.getByText('The group opens when the server answers').waitFor();
  await page.evaluate(() => window.tell({ role: 'member', head: 3 }));
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.context().close();
});

test('a quote is reached by keys, and is read with its message', async (rig) => {
  const page = await open(rig, 'full', chat(GROUP));
  await page.locator('article[data-seq="14"]').focus();
  const quote = page.locator('article[data-seq="14"] .quote');
  assert.equal(await quote.count(), 1);
  await page.getByRole('article', { name: /Yes! @carol and I share a car.*did you find the map/ }).waitFor();
  await page.keyboard.press('Tab');
  await eventually('the quote has the focus', () => quote.evaluate((one) => one === document.activeElement), true);
  await page.context().close();
});

test('100,000 messages: the window is bounded, what is read does not move, the newest is one tap away', async (rig) => {
  const page = await open(rig, 'large', chat(LARGE));
  await eventually('at its end', () => atEnd(page), true);
  await page.mouse.move(800, 400);
  for (let i = 0; i < 120; i++) {
    await page.mouse.wheel(0, -600);
    await page.waitForTimeout(16);
  }
  const drift = await model(page, async () => {
    const box = document.querySelector('.log');
    const moved = [];
    for (let i = 0; i < 24; i++) {
      const one = [...box.querySelectorAll('article')].find((article) => article.getBoundingClientRect().top > 200);
      const top = one.getBoundingClientRect().top;
      box.dispatchEvent(new WheelEvent('wheel'));
      box.scrollTop -= 150;
      await new Promise((resolve) => setTimeout(resolve, 250));
      const now = box.querySelector(`[data-seq="${one.dataset.seq}"]`); // it may have been drawn anew
      moved.push(now ? Math.round(now.getBoundingClientRect().top - top - 150) : 'gone');
    }
    return moved.filter((pixels) => !(Math.abs(pixels) <= 1));
  });
  assert.deepEqual(drift, []);
  const [rows, drawn, newest] = await model(page, () => [window.app.chat.pager.rows.length, document.querySelectorAll('.log article').length, window.app.chat.pager.atNewest]);
  assert.ok(rows <= 480 && drawn < 80 && !newest, `${rows} rows, ${drawn} drawn`);
  const before = await model(page, () => document.querySelector('.log').scrollTop);
  await model(page, () => window.engine.hear(window.app.chat.room, 3, 'while one reads'));
  await page.waitForTimeout(300);
  assert.equal(await model(page, () => document.querySelector('.log').scrollTop), before);
  await page.getByRole('button', { name: /new message below/ }).click();
  await page.getByText('while one reads').first().waitFor();
  await eventually('at its end again', () => atEnd(page), true);
  await page.context().close();
});

test('nothing was said in the console', async (rig) => {
  assert.deepEqual(rig.problems, []);
});

await run({ before, after });
