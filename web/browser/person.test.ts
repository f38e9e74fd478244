import { afterAll, beforeAll, expect, test } from 'vitest';
import { Installation } from './installation';
import { expectAccessible, openUsers, useBrowser, visit } from './visitor';

useBrowser();
let roster: Installation;
beforeAll(async () => {
  roster = await Installation.start(['--demo']);
});
afterAll(() => roster?.remove());

test("a person's page shows details, sessions and what has happened, and changes them", async () => {
  const who = await roster.member('tom@acme.example');
  await roster.client(who.username, who.password);
  await visit(roster, {}, async (page) => {
    await openUsers(page, roster, '/users?search=tom%40acme');
    await page.getByRole('link', { name: who.username }).click();
    await page.getByRole('heading', { name: who.username }).waitFor();
    expect(await page.title()).toBe(`${who.username} · Roster`);
    await page.getByText('completed the set-up').waitFor();
    await expectAccessible(page);

    const sessions = page.getByRole('table', { name: 'Sessions' });
    await sessions.getByRole('button', { name: /^End the session/ }).click();
    await page.getByText('Not signed in anywhere.').waitFor();

    await page.getByRole('button', { name: 'Actions' }).click();
    await page.getByRole('menuitem', { name: 'Edit' }).click();
    await page.getByLabel('Title').fill('Gardener');
    await page.getByRole('button', { name: 'Save' }).click();
    const trail = page.getByRole('table', { name: /What has happened/ });
    await trail.getByText('Gardener').waitFor();
    await expect.poll(() => page.evaluate(() => document.activeElement?.textContent)).toBe('Actions');
  });
});

test('a fresh proof of who is there is asked for in place, and then it goes on', async () => {
  const who = await roster.member('una@acme.example');
  await roster.withSecondFactor(who);
  await visit(roster, {}, async (page) => {
    await openUsers(page, roster, '/users?search=una%40acme');
    // As after a quarter of an hour.
    let stale = true;
    await page.route('**/graphql', async (route) => {
      const { operationName } = route.request().postDataJSON();
      if (!stale || operationName !== 'DisableTwoFactor') return route.continue();
      stale = false;
      return route.fulfill({
        json: { data: null, errors: [{ message: 'Prove again who you are.', extensions: { code: 'REAUTHENTICATION_REQUIRED' } }] },
      });
    });
    await page.getByRole('button', { name: `Actions for ${who.username}` }).click();
    await page.getByRole('menuitem', { name: 'Disable 2FA' }).click();
    await page.getByRole('button', { name: 'Disable 2FA' }).click();
    const dialog = page.getByRole('dialog', { name: 'Is it you?' });
    await dialog.getByLabel('Your password').fill('not the password');
    await expectAccessible(page, '[role=dialog]');
    await page.keyboard.press('Enter');
    await dialog.getByText(/wrong/).waitFor();
    await dialog.getByLabel('Your password').fill('four small words together');
    await page.keyboard.press('Enter');
    await page.getByRole('row').getByText(`Two-factor authentication of ${who.username} is off.`).waitFor();
    await expect.poll(() => page.getByRole('dialog').count()).toBe(0);
  });
});

test('nobody at an address is said, with a way back', () =>
  visit(roster, {}, async (page) => {
    await openUsers(page, roster);
    await page.goto('/users/user_000000000000');
    await page.getByRole('heading', { name: 'There is nobody at this address' }).waitFor();
    await expectAccessible(page);
  }));
