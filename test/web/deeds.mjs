/* What people do in the web app, by the words and roles that they see or hear (web/lang/en.po). */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { galka, sleep } from './rig.mjs';

const command = promisify(execFile);

export function equal(what, found, expected) {
  if (JSON.stringify(found) !== JSON.stringify(expected)) throw new Error(`${what}: ${JSON.stringify(found)} instead of ${JSON.stringify(expected)}`);
}

/** Waits until body() is true (or gives something). */
export async function until(what, body, ms = 30000) {
  const end = Date.now() + ms;
  for (;;) {
    const found = await body();
    if (found) return found;
    if (Date.now() > end) throw new Error(`in vain: ${what}`);
    await sleep(50);
  }
}

export async function signUp(person, display = person.name[0].toUpperCase() + person.name.slice(1)) {
  const { page, rig } = person;
  const from = rig.server.output.length;
  await person.open();
  await page.getByRole('button', { name: 'Create an account' }).click();
  await page.getByLabel('E-mail').fill(person.email);
  await page.getByLabel('Your name').fill(display);
  await page.getByLabel('User name').fill(person.name);
  await page.getByLabel('Password', { exact: true }).fill(person.password);
  await page.getByRole('button', { name: 'Create an account' }).click();
  await page.getByRole('textbox', { name: 'Code' }).fill(await rig.server.codeFor(person.email, from));
  await page.getByRole('heading', { name: 'Chats' }).waitFor(); // six digits are enough said
}

export async function signIn(person, page = person.page) {
  await page.getByRole('button', { name: 'Sign in' }).first().click();
  await page.getByLabel('User name or e-mail').fill(person.name);
  await page.getByLabel('Password', { exact: true }).fill(person.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'Chats' }).waitFor();
}

/** Opens the personal chat with somebody found by name. */
export async function findPerson(page, name) {
  await page.getByRole('button', { name: 'New chat' }).first().click();
  await page.getByPlaceholder('Name, or a link to a group').fill(name);
  await page.getByText(`@${name}`, { exact: true }).first().click();
  await compose(page).waitFor();
}

/** Runs the terminal client as `name`, without anything to read. What it printed. */
export function terminal(rig, name, ...words) {
  const options = ['--server', `127.0.0.1:${rig.server.port}`, '--profile', join(rig.server.folder, `profile-${name}`)];
  const child = command(galka, [...options, ...words], { timeout: 30000 });
  child.child.stdin.end();
  return child.then(({ stdout }) => stdout);
}

/** An account made in the terminal. */
export async function terminalSignUp(rig, name) {
  const password = join(rig.server.folder, `password-${name}`), email = `${name}@example.org`;
  writeFileSync(password, `the password of ${name}`, { mode: 0o600 });
  const from = rig.server.output.length;
  const words = ['signup', '--email', email, '--name', name, '--display', name[0].toUpperCase() + name.slice(1), '--password-file', password];
  await terminal(rig, name, ...words).catch(() => undefined); // asks for the code, and ends
  await terminal(rig, name, ...words, '--code', await rig.server.codeFor(email, from));
}

export const log = (page) => page.getByRole('log');
export const compose = (page) => page.getByRole('textbox', { name: 'Message' });

export async function say(page, text) {
  await compose(page).fill(text);
  await compose(page).press('Enter');
}

/** The element of the message with that text. */
export const message = (page, text) => log(page).locator('[data-key]').filter({ has: page.locator('[id$="-text"]', { hasText: text }) }).last();

export const sees = (page, text, ms) => log(page).getByText(text, { exact: true }).last().waitFor(ms && { timeout: ms });

/** What the pause between two connects may have grown to meanwhile. */
export const BACK_MS = 45000;

/** Waits until the tick of one's own message says so: 'sent', 'delivered', 'read'. */
export const ticked = (page, text, tick) => message(page, text).getByLabel(tick, { exact: true }).or(message(page, text).getByTitle(tick, { exact: true })).first().waitFor();

export const openChat = (page, name) => page.getByRole('navigation').or(page.getByRole('main')).getByRole('link', { name }).first().click();

/** Opens the menu of the message with that text, and takes what it says there. */
export async function choose(page, text, what) {
  await message(page, text).locator('.bubble').click({ button: 'right' });
  await page.getByRole('menu').getByRole('menuitem', { name: what, exact: true }).click();
}

/** Answers a question with its button of that name. */
export const answer = (page, name) => page.getByRole('dialog').or(page.getByRole('alertdialog')).getByRole('button', { name, exact: true }).click();

/** Two people who have said hello to each other, the chat open on both sides. */
export async function pair(rig, one = 'anna', two = 'boris', options = [{}, {}]) {
  const people = [await rig.person(one, options[0]), await rig.person(two, options[1])];
  for (const person of people) await signUp(person);
  await findPerson(people[0].page, two);
  await say(people[0].page, `Hello from ${one}`);
  await openChat(people[1].page, one[0].toUpperCase() + one.slice(1));
  await sees(people[1].page, `Hello from ${one}`);
  return people;
}
