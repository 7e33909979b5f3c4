/* Groups and the list of chats: members, roles, links, leaving; mute, pin, archive; who has read. */
import { answer, choose, compose, equal, findPerson, log, message, openChat, pair, say, sees, signUp, terminal, terminalSignUp, ticked, until } from './deeds.mjs';
import { PHONE, rigOfSuite } from './rig.mjs';
import { run, test } from './tap.mjs';

const GROUP = 'Jackdaw watchers';

const details = (page) => page.getByRole('button', { name: new RegExp(`^${GROUP}`) }).or(page.locator('header button.who')).first();

/** The menu of a line of the list. */
async function ofRoom(page, name, what) {
  await page.getByRole('navigation', { name: 'Chats' }).getByRole('link', { name }).first().click({ button: 'right' });
  await page.getByRole('menu').getByRole('menuitem', { name: what, exact: true }).click();
}

test('a group with one other; who opens it sees who made it', async (rig) => {
  [rig.anna, rig.boris] = await pair(rig, 'anna', 'boris', [{}, { viewport: PHONE }]);
  rig.carol = await rig.person('carol', { dark: true });
  await signUp(rig.carol);
  const { page } = rig.anna;
  await page.getByRole('button', { name: 'New chat' }).first().click();
  await page.getByText('New group', { exact: true }).click();
  await page.getByLabel('Name of the group').fill(GROUP);
  await page.getByLabel('Add people by name').fill('boris');
  await page.getByText('@boris', { exact: true }).first().click();
  await rig.anna.checkAccess('a new group');
  await page.getByRole('button', { name: 'Create the group' }).click();
  await page.getByRole('heading', { name: GROUP, level: 1 }).waitFor(); // else it may be typed into the chat that is going
  await say(page, 'Welcome, watchers');
  await rig.boris.page.goBack();
  await openChat(rig.boris.page, GROUP);
  await sees(rig.boris.page, 'Welcome, watchers');
});

test('its details: members, roles, a link that is made', async (rig) => {
  const { page } = rig.anna;
  await details(page).click();
  await page.getByText('Members', { exact: true }).first().waitFor();
  await page.getByText('owner', { exact: true }).first().waitFor();
  await rig.anna.screenshot('group-details');
  await rig.anna.checkAccess('details of a group');
  await page.getByRole('button', { name: 'Create an invite link' }).click();
  await page.getByRole('button', { name: 'Copy the link' }).waitFor();
  rig.invitation = await until('the link', () => page.evaluate(() => [...document.querySelectorAll('input, code, output, p, span')].map((one) => one.value ?? one.textContent ?? '').find((text) => /#join=/.test(text))?.match(/\S*#join=\S+/)?.[0]));
});

test('another joins by the link', async (rig) => {
  const { page } = rig.carol;
  await page.goto(rig.carol.url + new URL(rig.invitation, rig.carol.url).hash);
  await page.getByRole('dialog').getByRole('button', { name: 'Join', exact: true }).click();
  await openChat(page, GROUP);
  await log(page).getByText('Earlier messages are not shown to you.').waitFor();
  await say(page, 'I came by the link');
  await sees(rig.anna.page, 'I came by the link');
  await log(rig.anna.page).getByText('Carol joined by the link').waitFor();
});

test('a join that is refused leads to where it says so', async (rig) => {
  const { page } = rig.carol;
  const [room, link] = rig.invitation.split('#join=')[1].split('.');
  const another = [...room].map((digit, at) => (at === 20 ? (digit === '0' ? '1' : '0') : digit)).join(''); // a group that there is not
  await page.goto(`${rig.carol.url}#join=${another}.${link}`);
  await page.getByRole('dialog').getByRole('button', { name: 'Join', exact: true }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.getByText('You can write here once you are in the group.').waitFor();
  await log(page).getByText('You joined by the link').waitFor();
  await log(page).and(page.locator('.placed')).getByRole('alert').waitFor();
  await rig.carol.screenshot('join-refused');
  await openChat(page, GROUP);
});

test('an answer to what was said before one joined says so', async (rig) => {
  await choose(rig.anna.page, 'Welcome, watchers', 'Reply');
  await say(rig.anna.page, 'This is an old one');
  await sees(rig.carol.page, 'This is an old one');
  await message(rig.carol.page, 'This is an old one').getByRole('button', { name: 'A message from before you joined', disabled: true }).waitFor();
});

test('who is there is seen of members with whom one has no chat', async (rig) => {
  const { page } = rig.anna;
  const line = page.locator('.details .line').filter({ hasText: 'Carol' });
  await line.locator('.online').waitFor();
  await line.getByRole('button').first().click();
  await page.getByRole('menuitem', { name: 'Profile' }).click();
  await page.getByRole('dialog').getByText('online', { exact: true }).waitFor();
  await page.keyboard.press('Escape');
});

test('who has read a message', async (rig) => {
  await sees(rig.boris.page, 'I came by the link');
  await say(rig.anna.page, 'Who reads this?');
  await sees(rig.boris.page, 'Who reads this?');
  await sees(rig.carol.page, 'Who reads this?');
  await ticked(rig.anna.page, 'Who reads this?', 'read');
  await choose(rig.anna.page, 'Who reads this?', 'Who has read it');
  await rig.anna.page.getByRole('dialog').getByText('Read: 2').waitFor();
  await rig.anna.screenshot('who-has-read');
  await rig.anna.checkAccess('who has read');
  await rig.anna.page.keyboard.press('Escape');
});

test('who gave a reaction: held on a phone, in the menu, and over it', async (rig) => {
  await choose(rig.boris.page, 'Who reads this?', '👍');
  await message(rig.anna.page, 'Who reads this?').getByRole('button', { name: '👍: 1 person' }).click();
  await choose(rig.carol.page, 'Who reads this?', '❤️');
  const thumbs = message(rig.boris.page, 'Who reads this?').getByRole('button', { name: '👍: 2 people' });
  await message(rig.boris.page, 'Who reads this?').getByRole('button', { name: '❤️: 1 person' }).waitFor();
  await thumbs.waitFor();
  await thumbs.dispatchEvent('contextmenu'); // what a long press of a finger ends in
  const dialog = rig.boris.page.getByRole('dialog', { name: 'Who reacted' });
  for (const name of ['Anna', 'Boris', 'Carol']) await dialog.getByText(name, { exact: true }).waitFor();
  equal('no menu came with it', await rig.boris.page.getByRole('menu').count(), 0);
  await rig.boris.screenshot('who-reacted-phone');
  await rig.boris.checkAccess('who reacted');
  await rig.boris.page.keyboard.press('Escape');
  await message(rig.boris.page, 'Who reads this?').getByRole('button', { name: '👍: 2 people' }).waitFor(); // it was no press
  await choose(rig.anna.page, 'Who reads this?', 'Who reacted');
  await rig.anna.page.getByRole('dialog').getByText('Carol', { exact: true }).waitFor();
  await rig.anna.page.keyboard.press('Escape');
  const hearts = message(rig.anna.page, 'Who reads this?').getByRole('button', { name: '❤️: 1 person' });
  await hearts.hover();
  await until('its title says who', async () => (await hearts.getAttribute('title')) === 'Carol');
});

test('a mention is completed by Tab, and calls whom it names', async (rig) => {
  const { page } = rig.anna;
  await rig.carol.page.goto(`${rig.carol.url}#/`);
  await compose(page).pressSequentially('look, @car');
  await page.getByRole('listbox', { name: 'Suggestions' }).waitFor();
  await page.keyboard.press('Tab');
  await compose(page).pressSequentially('a ring');
  await page.keyboard.press('Enter');
  await rig.carol.page.getByLabel('1 mention').or(rig.carol.page.getByText('1 mention')).first().waitFor();
  await rig.carol.screenshot('mention-dark');
  await openChat(rig.carol.page, GROUP);
  await message(rig.carol.page, 'a ring').waitFor();
});

test('a chat opens at its first unread message, also where the last one is taller than the screen; the line goes with an answer', async (rig) => {
  const { page } = rig.boris;
  await page.goBack();
  for (const text of ['Small 1', 'Small 2', 'Small 3', Array.from({ length: 40 }, (_, n) => `row ${n}`).join('\n')]) {
    await compose(rig.anna.page).fill(text);
    await compose(rig.anna.page).press('Enter');
  }
  await page.getByRole('navigation', { name: 'Chats' }).getByText(/row 0/).waitFor();
  await openChat(page, GROUP);
  await page.locator('.log.placed .unread').waitFor();
  await page.waitForTimeout(1000); // what comes to rest elsewhere does so by then
  const [line, box] = await Promise.all([page.locator('.log .unread').boundingBox(), page.locator('.log').boundingBox()]);
  equal('the unread line is near the top', line.y >= box.y && line.y < box.y + box.height / 3, true);
  await say(page, 'An answer to all of it');
  await page.locator('.log .unread').waitFor({ state: 'detached' });
});

test('an admin is made, renames it; then is none any more', async (rig) => {
  const { page } = rig.anna;
  const member = async (name, what) => {
    const item = page.getByRole('menu').getByRole('menuitem', { name: what, exact: true });
    await until(`"${what}" in the menu of ${name}`, async () => { // a menu that is open shows what he was when it was opened
      await page.getByRole('button', { name: new RegExp(`^${name}`) }).last().click();
      if (await item.isVisible()) return true;
      await page.keyboard.press('Escape');
      return false;
    });
    await item.click();
  };
  await member('Boris', 'Make an admin');
  await log(rig.carol.page).getByText('Boris is an admin now (Anna)').waitFor();
  await member('Boris', 'No longer an admin');
  await log(rig.carol.page).getByText('Boris is no longer an admin (Anna)').waitFor();
  await member('Carol', 'Remove from the group');
  await answer(page, 'Remove from the group');
  await rig.carol.page.getByText('You are not in this chat any more.').first().waitFor();
  await rig.carol.screenshot('removed-dark');
});

test('one leaves, and another becomes the owner', async (rig) => {
  const { page } = rig.anna;
  await page.getByRole('button', { name: 'Leave the group' }).click();
  await answer(page, 'Leave the group');
  await log(rig.boris.page).getByText(/Anna left the group; the owner is now/).waitFor();
});

test('a chat is muted, pinned, archived, and comes back with a message', async (rig) => {
  const { page } = rig.anna;
  await terminalSignUp(rig, 'dora');
  await terminal(rig, 'dora', 'send', '@anna', 'hello from the terminal');
  const list = page.getByRole('navigation', { name: 'Chats' });
  await list.getByRole('link', { name: /Dora/ }).waitFor();
  await ofRoom(page, /Boris/, 'Pin');
  await until('the pinned one is first', async () => /Boris/.test(await list.getByRole('link').first().innerText()));
  await ofRoom(page, /Dora/, 'Mute');
  await page.getByText('For an hour').click();
  await list.getByRole('link', { name: /Dora.*Muted|Muted.*Dora/s }).or(list.getByRole('link', { name: /Dora/ }).getByLabel('Muted')).first().waitFor();
  await ofRoom(page, /Dora/, 'Unmute');
  await ofRoom(page, /Dora/, 'Archive');
  await list.getByRole('link', { name: /Dora/ }).waitFor({ state: 'hidden' });
  await page.getByText(/Archive: 1 chat/).waitFor();
  await terminal(rig, 'dora', 'send', '@anna', 'are you there?');
  await list.getByRole('link', { name: /Dora/ }).waitFor();
  await rig.anna.screenshot('rooms-list');
  rig.assertClean();
});

test('where members may not invite nothing offers it, and its page says who does', async (rig) => {
  const { page } = rig.anna;
  await page.goto(`${rig.anna.url}#/settings`);
  await page.getByRole('link', { name: /Devices/ }).waitFor();
  equal('a line of the settings', await page.getByText('Invite people').count(), 0);
  await page.goto(`${rig.anna.url}#/settings/invite`);
  await page.getByText('Members do not invite here').waitFor();
  equal('a button', await page.getByRole('button', { name: 'Create the link' }).count(), 0);
  await page.goto(`${rig.anna.url}#/new`);
  await page.getByText('New group', { exact: true }).waitFor();
  equal('a line of a new chat', await page.getByText('Invite people').count(), 0);
});

await run(rigOfSuite());
