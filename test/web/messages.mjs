/* What one does with messages: reply, edit, delete, forward, react, mention, pin, find, drafts; by mouse and by keys. */
import { answer, choose, compose, equal, log, message, openChat, pair, say, sees, ticked, until } from './deeds.mjs';
import { PHONE, rigOfSuite, sleep } from './rig.mjs';
import { run, test } from './tap.mjs';

test('a reply quotes, and leads to what it replies to', async (rig) => {
  [rig.anna, rig.boris] = await pair(rig, 'anna', 'boris', [{}, { viewport: PHONE, dark: true }]);
  await say(rig.anna.page, 'Where do the jackdaws sleep?');
  await sees(rig.boris.page, 'Where do the jackdaws sleep?');
  await choose(rig.boris.page, 'Where do the jackdaws sleep?', 'Reply');
  await rig.boris.page.getByText('Reply to Anna').waitFor();
  await say(rig.boris.page, 'In the tower');
  const reply = message(rig.anna.page, 'In the tower');
  await reply.getByText('Where do the jackdaws sleep?').click();
  await rig.anna.screenshot('reply');
});

test('an edit shows as one, and the arrow up begins it', async (rig) => {
  const { page } = rig.anna;
  await compose(page).focus();
  await page.keyboard.press('ArrowUp');
  await page.getByText('Editing', { exact: true }).waitFor();
  equal('what is edited', await compose(page).inputValue(), 'Where do the jackdaws sleep?');
  await say(page, 'Where do the jackdaws nest?');
  await sees(rig.boris.page, 'Where do the jackdaws nest?');
  await message(rig.boris.page, 'nest?').getByText('edited').first().waitFor();
  equal('the text of before', await log(rig.boris.page).getByText('Where do the jackdaws sleep?', { exact: true }).count(), 0);
});

test('a reaction is shown to both, and taken back by another press', async (rig) => {
  await choose(rig.boris.page, 'nest?', '👍');
  const shown = message(rig.anna.page, 'nest?').getByRole('button', { name: '👍: 1 person' });
  await shown.waitFor();
  await shown.click();
  await message(rig.boris.page, 'nest?').getByRole('button', { name: '👍: 2 people' }).waitFor();
  await message(rig.boris.page, 'nest?').getByRole('button', { name: '👍: 2 people' }).click();
  await message(rig.anna.page, 'nest?').getByRole('button', { name: '👍: 1 person' }).waitFor();
  await rig.boris.screenshot('reaction-phone-dark');
});

test('any emoji as a reaction, from the picker', async (rig) => {
  await choose(rig.anna.page, 'In the tower', 'More reactions');
  const dialog = rig.anna.page.getByRole('dialog');
  await dialog.getByRole('searchbox').or(dialog.getByRole('textbox')).first().fill('bird');
  await dialog.getByRole('button', { name: /bird/i }).or(dialog.getByRole('option', { name: /bird/i })).or(dialog.getByRole('gridcell', { name: /bird/i })).first().click();
  await message(rig.boris.page, 'In the tower').getByRole('button', { name: /: 1 person/ }).waitFor();
  await rig.anna.checkAccess('reactions');
});

test('a pin stands above the log and leads there', async (rig) => {
  await choose(rig.anna.page, 'In the tower', 'Pin');
  await rig.boris.page.getByText('Pinned message').first().waitFor();
  await rig.boris.screenshot('pinned-phone-dark');
  await choose(rig.boris.page, 'In the tower', 'Unpin');
  await rig.anna.page.getByText('Pinned message').first().waitFor({ state: 'hidden' });
});

test('a message is deleted for both', async (rig) => {
  await say(rig.anna.page, 'said in haste');
  await sees(rig.boris.page, 'said in haste');
  await choose(rig.anna.page, 'said in haste', 'Delete');
  await answer(rig.anna.page, 'Delete');
  await log(rig.boris.page).getByText('Message deleted').waitFor();
  for (const { page } of [rig.anna, rig.boris]) await until('the text is nowhere', async () => (await log(page).or(page.getByRole('navigation')).getByText('said in haste').count()) === 0);
});

test('forwarded to the notes, it says from whom', async (rig) => {
  const { page } = rig.anna;
  await choose(page, 'In the tower', 'Forward');
  await page.getByRole('dialog').getByText('Notes', { exact: true }).click();
  await openChat(page, 'Notes');
  await sees(page, 'In the tower');
  await log(page).getByText('Forwarded from Boris').waitFor();
  await say(page, 'a note');
  await sees(page, 'a note');
  await page.goBack();
});

test('a draft waits in the list and over a reload', async (rig) => {
  const { page } = rig.anna;
  await openChat(page, 'Boris');
  await compose(page).fill('what I meant to ask');
  await openChat(page, 'Notes');
  await page.getByRole('link', { name: /Boris/ }).getByText('Draft:').waitFor();
  await page.reload();
  await openChat(page, 'Boris');
  await until('the draft is back', async () => (await compose(page).inputValue()) === 'what I meant to ask');
  await compose(page).fill('');
});

test('a reload right after a stroke loses nothing, and what was sent does not come back', async (rig) => {
  const { page } = rig.anna;
  // The storage keeps nothing more from here on, as when the page goes away in the middle of it.
  const freeze = () => page.evaluate(() => { IDBDatabase.prototype.transaction = () => { throw new Error('gone'); }; });
  await compose(page).fill('typed and gone');
  await freeze();
  await page.evaluate(() => { Object.defineProperty(document, 'visibilityState', { value: 'hidden' }); document.dispatchEvent(new Event('visibilitychange')); });
  await page.reload();
  await until('the draft is there', async () => (await compose(page).inputValue()) === 'typed and gone');
  await compose(page).press('Enter');
  await sees(page, 'typed and gone');
  await until('nothing waits here', () => page.evaluate(() => !Object.keys(localStorage).some((key) => key.startsWith('galka:draft:'))));
  await page.reload();
  await sees(page, 'typed and gone');
  equal('the line is empty', await compose(page).inputValue(), '');
});

test('an open chat takes the draft that another tab writes, and lets go of it when it is sent there', async (rig) => {
  const { page } = rig.anna;
  const other = await rig.anna.tab(new URL(page.url()).hash);
  await sees(other, 'typed and gone');
  await compose(other).fill('begun in the other tab');
  await until('it is here, too', async () => (await compose(page).inputValue()) === 'begun in the other tab');
  await compose(other).press('Enter');
  await sees(page, 'begun in the other tab');
  await until('and gone', async () => (await compose(page).inputValue()) === '');
  await other.close();
});

test('an edit that was begun is there after another chat and a reload, and not after it is done', async (rig) => {
  const { page } = rig.anna;
  await compose(page).press('ArrowUp');
  await compose(page).fill('begun in the other tab, ended here');
  await openChat(page, 'Notes');
  equal('not in another chat', await compose(page).inputValue(), '');
  await openChat(page, 'Boris');
  await until('after another chat', async () => (await compose(page).inputValue()) === 'begun in the other tab, ended here');
  await page.reload();
  await until('after a reload', async () => (await compose(page).inputValue()) === 'begun in the other tab, ended here');
  await compose(page).press('Enter');
  await sees(page, 'begun in the other tab, ended here');
  await until('it is done', () => page.evaluate(() => !Object.keys(localStorage).some((key) => key.startsWith('galka:edit:'))));
});

test('words are found here and on the server, and a hit leads there', async (rig) => {
  const { page } = rig.anna;
  for (let i = 1; i <= 40; i++) await say(page, `line ${i} about the weather`);
  await ticked(page, 'line 40 about the weather', 'read');
  await page.keyboard.press('Control+f');
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('searchbox').fill('jackdaw');
  await dialog.getByText('Found at once').first().waitFor();
  await dialog.getByRole('status').filter({ hasText: /\d/ }).waitFor({ state: 'attached' }); // the server has answered, too
  await rig.anna.screenshot('search');
  await rig.anna.checkAccess('search');
  await dialog.getByText('Where do the jackdaws nest?').first().click();
  await sees(page, 'Where do the jackdaws nest?');
});

test('a date is jumped to', async (rig) => {
  const { page } = rig.anna;
  await page.keyboard.press('Control+f');
  const today = await page.evaluate(() => new Date().toLocaleDateString('sv'));
  await page.getByLabel('Go to a date').fill(today);
  await sees(page, 'Hello from anna');
});

test('a link is a link, and one that pretends is asked about', async (rig) => {
  await say(rig.boris.page, 'see https://example.org/a?b=c and https://аpple.com/login');
  const link = log(rig.anna.page).getByRole('link', { name: 'https://example.org/a?b=c' });
  await rig.anna.page.getByRole('button', { name: /new message|To the newest/ }).click().catch(() => undefined);
  await link.waitFor();
  equal('rel', (await link.getAttribute('rel')).includes('noopener') && (await link.getAttribute('rel')).includes('noreferrer'), true);
  await log(rig.anna.page).getByText('apple.com/login').or(log(rig.anna.page).getByText('аpple.com/login')).last().click();
  await rig.anna.page.getByText('Is this the right link?').waitFor();
  await rig.anna.screenshot('suspect-link');
  await answer(rig.anna.page, 'Do not open');
});

test('by keys alone: to the messages, up, a menu, a reply', async (rig) => {
  const { page } = rig.anna;
  await compose(page).focus();
  const atMessage = () => page.evaluate(() => document.activeElement.dataset.key);
  await page.keyboard.press('Shift+ArrowUp');
  const last = await until('the focus is at a message', atMessage);
  await page.keyboard.press('ArrowUp');
  await until('it is at another', async () => (await atMessage()) !== last);
  await page.keyboard.press('Enter');
  await page.getByRole('menu').waitFor();
  await rig.anna.checkAccess('a menu');
  await page.keyboard.press('Escape');
  await page.getByRole('menu').waitFor({ state: 'hidden' });
  await until('the focus is back at the message', atMessage);
  await page.keyboard.press('r');
  await page.getByText(/^Reply to/).waitFor();
  await page.keyboard.press('Escape');
  await page.keyboard.press('Control+/');
  await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
  await rig.anna.screenshot('keys');
  await rig.anna.checkAccess('the sheet of keys');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox', { name: 'Name of a chat' }).fill('not');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Notes', level: 1 }).waitFor();
  rig.assertClean();
  await sleep(0);
});

await run(rigOfSuite());
