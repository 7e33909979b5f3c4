/* Must show 1: people sign up in browsers, find each other, talk with ticks and typing, make a group; the terminal takes part. */
import { compose, equal, findPerson, log, message, openChat, say, sees, signUp, terminal, terminalSignUp, ticked, until } from './deeds.mjs';
import { DESKTOP, PHONE, rigOfSuite } from './rig.mjs';
import { run, test } from './tap.mjs';

test('two people sign up, one on a phone', async (rig) => {
  rig.anna = await rig.person('anna', { viewport: DESKTOP });
  rig.boris = await rig.person('boris', { viewport: PHONE, dark: true });
  await rig.anna.open();
  await rig.anna.page.getByRole('heading', { name: 'Welcome to Galka' }).waitFor();
  await rig.anna.screenshot('welcome');
  await rig.anna.checkAccess('welcome');
  await signUp(rig.anna);
  await rig.anna.screenshot('rooms-empty');
  await rig.anna.checkAccess('no chats yet');
  await signUp(rig.boris);
});

test('they find each other and talk; ticks say sent, delivered, read', async (rig) => {
  await findPerson(rig.anna.page, 'boris');
  await say(rig.anna.page, 'Hello Boris');
  await ticked(rig.anna.page, 'Hello Boris', 'delivered');
  await openChat(rig.boris.page, 'Anna');
  await sees(rig.boris.page, 'Hello Boris');
  await ticked(rig.anna.page, 'Hello Boris', 'read');
  await say(rig.boris.page, 'Hello Anna, I am on my phone');
  await sees(rig.anna.page, 'Hello Anna, I am on my phone');
  await rig.anna.screenshot('talk-desktop-light');
  await rig.boris.screenshot('talk-phone-dark');
  await rig.anna.checkAccess('a chat');
  await rig.boris.checkAccess('a chat on a phone');
});

test('one sees that the other types', async (rig) => {
  await compose(rig.boris.page).pressSequentially('I am typing', { delay: 400 }); // it is told once in three seconds
  await rig.anna.page.getByText('typing…').first().waitFor();
  await compose(rig.boris.page).fill('');
});

test('a group of three, one of them in the terminal', async (rig) => {
  const { page } = rig.anna;
  await terminalSignUp(rig, 'carol');
  await page.getByRole('button', { name: 'New chat' }).first().click();
  await page.getByText('New group', { exact: true }).click();
  await page.getByLabel('Name of the group').fill('Jackdaw watchers');
  for (const name of ['boris', 'carol']) {
    await page.getByLabel('Add people by name').fill(name);
    await page.getByText(`@${name}`).first().click();
  }
  await page.getByRole('button', { name: 'Create the group' }).click();
  await page.getByRole('heading', { name: 'Jackdaw watchers' }).waitFor();
  await say(page, 'Who saw the one with the ring?');
  await ticked(page, 'Who saw the one with the ring?', 'sent'); // Carol is not there: it has not reached all

  const rooms = await terminal(rig, 'carol', 'rooms');
  if (!rooms.includes('Jackdaw watchers')) throw new Error(`the terminal's list: ${rooms}`);
  await terminal(rig, 'carol', 'send', 'Jackdaw watchers', 'I did, on the lamp post');
  await sees(page, 'I did, on the lamp post');
  await rig.boris.page.goBack();
  await openChat(rig.boris.page, 'Jackdaw watchers');
  await sees(rig.boris.page, 'I did, on the lamp post');
  await say(rig.boris.page, 'So did I');
  await sees(page, 'So did I');
  const read = await until('the terminal reads it', async () => {
    const said = await terminal(rig, 'carol', 'history', 'Jackdaw watchers');
    return said.includes('So did I') && said;
  });
  equal('order in the terminal', /ring[\s\S]*lamp post[\s\S]*So did I/.test(read), true);
  await rig.anna.screenshot('group-desktop-light');
  await rig.boris.screenshot('group-phone-dark');
  await rig.anna.checkAccess('a group');
});

test('the order is the same for all, and nobody else was asked', async (rig) => {
  const texts = async (page) => (await log(page).locator('article, [role=article], [data-seq]').allInnerTexts()).map((text) => text.match(/ring|lamp post|So did I/)?.[0]).filter(Boolean);
  equal('Boris sees what Anna sees', await texts(rig.boris.page), await texts(rig.anna.page));
  await message(rig.anna.page, 'So did I').waitFor();
  rig.assertClean();
});

await run(rigOfSuite());
