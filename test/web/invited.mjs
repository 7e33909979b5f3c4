/* A server that wants an invitation: what a newcomer reads without one, with one that is used up, and how he comes in by a good one. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { equal, until } from './deeds.mjs';
import { galkad, PHONE, rigOfSuite } from './rig.mjs';
import { run, test } from './tap.mjs';

/** An operator's invitation for one person, made beside the server: its token. */
const invite = (rig) => execFileSync(galkad, ['--dev', '--data', join(rig.server.folder, 'data'), 'invite']).toString().split('\n')[0].trim();

async function fill(person) {
  const { page } = person;
  await page.getByLabel('E-mail').fill(person.email);
  await page.getByLabel('Your name').fill(person.name);
  await page.getByLabel('User name').fill(person.name);
  await page.getByLabel('Password', { exact: true }).fill(person.password);
  await page.getByRole('button', { name: 'Create an account' }).click();
}

test('without an invitation it is said that one is needed, and from whom', async (rig) => {
  rig.anna = await rig.person('anna', { viewport: PHONE });
  await rig.anna.open();
  await rig.anna.page.getByRole('button', { name: 'Create an account' }).click();
  await fill(rig.anna);
  await rig.anna.page.getByRole('alert').getByText('This server takes new people by invitation').waitFor();
  equal('what was typed is there', await rig.anna.page.getByLabel('User name').inputValue(), 'anna');
  await rig.anna.checkAccess('no invitation');
});

test('a good one lets in', async (rig) => {
  rig.token = invite(rig);
  const from = rig.server.output.length;
  await rig.anna.page.getByLabel('Invitation, if you have one').fill(`${rig.anna.url}i/${rig.token}`);
  await rig.anna.page.getByRole('button', { name: 'Create an account' }).click();
  await rig.anna.page.getByRole('textbox', { name: 'Code' }).fill(await rig.server.codeFor(rig.anna.email, from));
  await rig.anna.page.getByRole('heading', { name: 'Chats' }).waitFor();
});

test('one that is used up says so, and whom to ask', async (rig) => {
  rig.boris = await rig.person('boris');
  await rig.boris.page.goto(`${rig.boris.url}i/${rig.token}`);
  await fill(rig.boris);
  await rig.boris.page.getByRole('alert').getByText('This invitation is used up or has expired').waitFor();
  await rig.boris.screenshot('invitation-used-up');
  await rig.boris.checkAccess('an invitation that is used up');
});

test('who has an account is told that the invitation is for somebody else, and can pass it on', async (rig) => {
  const { page } = rig.anna;
  await rig.anna.context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const link = `${rig.anna.url}i/${invite(rig)}`;
  await page.goto(link);
  await page.getByText('You have an account here already, as anna.').waitFor();
  await page.getByRole('button', { name: 'Copy the link' }).click();
  await until('the link is copied', async () => (await page.evaluate(() => navigator.clipboard.readText())) === link);
  rig.assertClean();
});

await run(rigOfSuite({ server: ['--registration', 'invite'] }));
