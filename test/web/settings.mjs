/* Accounts and settings: signing in and out, a lost password, devices, privacy, blocking, language and theme, names that play tricks. */
import { answer, compose, equal, findPerson, log, openChat, pair, say, sees, signIn, signUp, ticked, until } from './deeds.mjs';
import { DESKTOP, PHONE, rigOfSuite } from './rig.mjs';
import { run, test } from './tap.mjs';

/** Opens a part of the settings. */
async function settings(person, part) {
  await person.page.goto(`${person.url}#/settings/${part}`);
}

test('language and theme change at once, and stay', async (rig) => {
  [rig.anna, rig.boris] = await pair(rig, 'anna', 'boris', [{}, { viewport: PHONE, dark: true }]);
  const { page } = rig.anna;
  await settings(rig.anna, 'look');
  await page.getByText('Русский').first().click();
  await page.getByRole('heading', { name: 'Вид и звуки' }).or(page.getByText('Тема').first()).first().waitFor();
  equal('the language of the page', await page.evaluate(() => document.documentElement.lang), 'ru');
  await page.getByText('Тёмная', { exact: true }).first().click();
  await until('it is dark', () => page.evaluate(() => getComputedStyle(document.documentElement).colorScheme === 'dark'));
  await rig.anna.screenshot('settings-ru-dark');
  await rig.anna.checkAccess('settings, Russian, dark');
  await page.reload();
  await until('still Russian', () => page.evaluate(() => document.documentElement.lang === 'ru'));
  await page.getByText('English').first().click();
  await page.getByText('Light', { exact: true }).first().click();
});

test('a new name reaches the other', async (rig) => {
  const { page } = rig.anna;
  await settings(rig.anna, 'profile');
  await page.getByLabel('Your name').fill('Anna Petrovna');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByText('Saved', { exact: true }).waitFor();
  await rig.boris.page.reload(); // names that changed come with the next Join
  await rig.boris.page.getByText('Anna Petrovna').first().waitFor();
});

test('who hides when he is there sees nobody either', async (rig) => {
  await rig.anna.page.goto(`${rig.anna.url}#/`);
  await openChat(rig.anna.page, 'Boris');
  await rig.anna.page.locator('header').getByText('online', { exact: true }).waitFor();
  await settings(rig.boris, 'privacy');
  await rig.boris.page.getByRole('switch', { name: /Online and last seen/ }).or(rig.boris.page.getByRole('checkbox', { name: /Online and last seen/ })).click();
  await rig.boris.screenshot('privacy-phone-dark');
  await rig.boris.checkAccess('privacy');
  await rig.boris.page.getByRole('switch', { name: /Online and last seen/, checked: false }).waitFor();
  await rig.anna.page.reload(); // who asks from now on is not told
  await rig.anna.page.locator('header').getByText('Boris').first().waitFor();
  await until('Boris is not told of as online', async () => (await rig.anna.page.locator('header').getByText('online', { exact: true }).count()) === 0, 20000);
});

test('a note of a message goes when it has been read on another device', async (rig) => {
  const { page } = rig.anna;
  await rig.anna.context.grantPermissions(['notifications'], { origin: new URL(rig.anna.url).origin });
  await page.reload();
  await page.evaluate(() => {
    window.notes = [];
    window.Notification = class extends Notification {
      constructor(title, options) {
        super(title, options);
        window.notes.push(this);
      }
      close() {
        this.gone = true;
        super.close();
      }
    };
    document.hasFocus = () => false;
  });
  await settings(rig.anna, 'look');
  await page.getByRole('switch', { name: /Notifications/ }).or(page.getByRole('checkbox', { name: /Notifications/ })).click();
  await page.evaluate(() => window.dispatchEvent(new Event('blur')));
  await rig.boris.page.goto(`${rig.boris.url}#/`);
  await openChat(rig.boris.page, 'Anna');
  await say(rig.boris.page, 'are you there?');
  const notes = () => page.evaluate(() => window.notes.map((one) => `${one.title}: ${one.body} ${one.gone ?? false}`).join());
  await until('a note is shown', async () => (await notes()) === 'Boris: are you there? false');
  rig.tablet = await rig.person('anna', { viewport: DESKTOP, dark: true });
  await rig.tablet.open();
  await signIn(rig.tablet);
  await openChat(rig.tablet.page, 'Boris');
  await sees(rig.tablet.page, 'are you there?');
  await until('it is gone', async () => (await notes()) === 'Boris: are you there? true');
});

test('a second device is listed, and is signed out', async (rig) => {
  await settings(rig.anna, 'devices');
  const { page } = rig.anna;
  await page.getByText('This device').first().waitFor();
  await rig.anna.screenshot('devices');
  await page.getByRole('button', { name: 'Sign out all other devices' }).click();
  await answer(page, 'Sign out');
  await rig.tablet.page.getByRole('heading', { name: 'Welcome to Galka' }).waitFor();
});

test('a lost password is set anew by mail', async (rig) => {
  const { page } = rig.tablet;
  const from = rig.server.output.length;
  await page.getByRole('button', { name: 'Sign in' }).first().click();
  await page.getByRole('button', { name: 'Forgot the password?' }).or(page.getByRole('link', { name: 'Forgot the password?' })).click();
  await page.getByLabel('E-mail').fill(rig.anna.email);
  await page.getByRole('button', { name: 'Send the code' }).click();
  await page.getByLabel('Code').fill(await rig.server.codeFor(rig.anna.email, from));
  await page.getByLabel('New password').fill('another password');
  await page.getByRole('button', { name: 'Save and sign in' }).click();
  await page.getByRole('heading', { name: 'Chats' }).waitFor();
  await page.getByRole('navigation', { name: 'Chats' }).getByRole('link', { name: /Boris/ }).waitFor();
  await rig.anna.page.getByRole('heading', { name: 'Welcome to Galka' }).waitFor(); // all others are out
});

test('wrong password, wrong code: said in words, nothing lost', async (rig) => {
  const { page } = rig.anna;
  await page.getByRole('button', { name: 'Sign in' }).first().click();
  await page.getByLabel('User name or e-mail').fill('anna');
  await page.getByLabel('Password', { exact: true }).fill('not the password');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('wrong name or password', { exact: false }).first().waitFor();
  const field = page.getByLabel('Password', { exact: true });
  equal('the field is marked', await field.getAttribute('aria-invalid'), 'true');
  equal('it is said in the colour of danger', await page.getByRole('alert').evaluate((one) => { const probe = document.createElement('i'); probe.style.color = 'var(--danger)'; one.after(probe); const same = getComputedStyle(probe).color === getComputedStyle(one).color; probe.remove(); return same; }), true);
  await page.getByRole('button', { name: 'Show what is typed' }).click();
  equal('what is typed is shown', await field.getAttribute('type'), 'text');
  equal('what was typed is there', await page.getByLabel('User name or e-mail').inputValue(), 'anna');
  await rig.anna.screenshot('sign-in-wrong');
  await rig.anna.checkAccess('a refused sign-in');
});

test('an invitation to the server leads to a new account', async (rig) => {
  const { page } = rig.tablet;
  await page.goto(`${rig.tablet.url}#/settings`);
  await page.getByRole('link', { name: /Invite people/ }).click();
  await page.getByRole('button', { name: 'Create the link' }).click();
  const link = await until('the link', () => page.getByLabel('Invitation').inputValue());
  const guest = await rig.person('guest', { viewport: PHONE });
  await guest.page.goto(link);
  await guest.page.getByText('You are invited.').waitFor();
  equal('the token is filled in', await guest.page.getByLabel('Invitation, if you have one').inputValue(), new URL(link).pathname.slice('/i/'.length));
  await guest.screenshot('invited-phone');
  const from = rig.server.output.length;
  await guest.page.getByLabel('E-mail').fill(guest.email);
  await guest.page.getByLabel('Your name').fill('Guest');
  await guest.page.getByLabel('User name').fill('guest');
  await guest.page.getByLabel('Password', { exact: true }).fill(guest.password);
  await guest.page.getByRole('button', { name: 'Create an account' }).click();
  await guest.page.getByRole('textbox', { name: 'Code' }).fill(await rig.server.codeFor(guest.email, from));
  await guest.page.getByRole('heading', { name: 'Chats' }).waitFor();
  await until('the invitation is gone from the address', () => new URL(guest.page.url()).hash === '#/');
  equal('who was invited is not sent back', await guest.page.getByRole('dialog').count(), 0);
  await guest.page.goto(link);
  await guest.page.getByText('You have an account here already, as Guest.').waitFor(); // the link is of use to somebody new
  await guest.screenshot('invited-already-phone');
  await guest.checkAccess('an invitation for who is in');
  await answer(guest.page, 'To the chats');
  await guest.page.getByRole('dialog').waitFor({ state: 'detached' });
  await guest.page.goto(`${guest.url}#/settings`);
  await guest.page.evaluate(() => localStorage.setItem('galka:draft:somewhere', '0 to somebody'));
  await guest.page.getByRole('button', { name: 'Sign out' }).first().click();
  await answer(guest.page, 'Sign out');
  await guest.page.getByRole('heading', { name: 'Welcome to Galka' }).waitFor();
  equal('drafts left behind', await guest.page.evaluate(() => Object.keys(localStorage).filter((key) => key.startsWith('galka:draft:'))), []);
  await guest.page.evaluate((token) => { location.hash = `#invite=${token}`; }, new URL(link).pathname.slice('/i/'.length));
  await guest.page.getByText('You are invited.').waitFor(); // into a page that shows the way in
  await page.goto(`${rig.tablet.url}#/`);
});

test('somebody is blocked, and unblocked', async (rig) => {
  const { page } = rig.tablet;
  await openChat(page, 'Boris');
  await page.locator('header button.who').click();
  await page.getByRole('button', { name: 'Block', exact: true }).click();
  await answer(page, 'Block');
  await page.getByText('You block this person.').waitFor();
  await page.getByRole('button', { name: 'Unblock' }).first().click();
  await compose(page).waitFor();
});

test('a name and a message that play tricks become no HTML', async (rig) => {
  const evil = '<img src=x onerror=alert(1)>';
  const seen = rig.tablet.page;
  await seen.goto(`${rig.tablet.url}#/`);
  rig.mallory = await rig.person('mallory');
  await signUp(rig.mallory, evil);
  await findPerson(rig.mallory.page, 'anna');
  await say(rig.mallory.page, `${evil} javascript:alert(1) \u202Ecod.exe`);
  await ticked(rig.mallory.page, evil, 'delivered');
  const { page } = rig.tablet;
  await page.getByRole('navigation', { name: 'Chats' }).getByRole('link', { name: /img src/ }).click();
  await log(page).getByText(evil, { exact: false }).first().waitFor();
  equal('pictures in the page', await page.locator('img[src="x"]').count(), 0);
  equal('links that run', await page.locator('a[href^="javascript"]').count(), 0);
  await rig.tablet.screenshot('hostile-dark');
});

test('an account is deleted', async (rig) => {
  const { page } = rig.mallory;
  await settings(rig.mallory, 'account');
  await page.getByRole('button', { name: 'Delete the account' }).first().click();
  await page.getByLabel(/password/i).last().fill(rig.mallory.password);
  await page.getByRole('button', { name: 'Delete the account' }).last().click();
  await page.getByRole('dialog').getByRole('button', { name: /Delete/ }).last().click({ timeout: 3000 }).catch(() => undefined);
  await page.getByRole('heading', { name: 'Welcome to Galka' }).waitFor();
  rig.assertClean();
});

await run(rigOfSuite({ server: ['--member-invites'] }));
