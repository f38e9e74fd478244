import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { admin, Installation } from './installation';
import { enter, expectAccessible, listens, useBrowser, visit } from './visitor';

useBrowser();
let roster: Installation;
beforeAll(async () => {
  roster = await Installation.start(['--demo']);
});
afterAll(() => roster?.remove());

async function open(page: Page) {
  await enter(page, roster, '/organization');
  await page.getByLabel('Name').waitFor();
}

const change = 'mutation($input: UpdateOrganizationInput!) { updateOrganization(input: $input) { userErrors { message } } }';

describe('the settings', () => {
  test('are shown with what they mean', () =>
    visit(roster, {}, async (page) => {
      await open(page);
      await page.getByText(`${roster.url}/sign-in?organization=acme`).waitFor();
      await page.getByText('17 of 25 are taken.').waitFor();
      // Empty: the installation's 7 days.
      expect(await page.getByLabel('how many').inputValue()).toBe('');
      expect(await page.getByLabel('how many').getAttribute('placeholder')).toBe('7');
      expect(await page.getByRole('button', { name: 'Save' }).isDisabled()).toBe(true);
      await expectAccessible(page);
      await page.setViewportSize({ width: 390, height: 844 });
      expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
      await expectAccessible(page);
    }));

  test('are saved, only those that were changed', () =>
    visit(roster, {}, async (page) => {
      await open(page);
      await page.getByRole('textbox', { name: 'CSM seats' }).fill('30');
      await page.getByLabel('how many').fill('36');
      await page.getByRole('combobox', { name: /unit/ }).click();
      await page.getByRole('option', { name: 'hours' }).click();
      const sent = page.waitForRequest((request) => request.postDataJSON()?.operationName === 'UpdateOrganization');
      await page.getByRole('button', { name: 'Save' }).click();
      const { input } = (await sent).postDataJSON().variables;
      expect(input).toEqual({ seatLimit: 30, invitationLifetimeSeconds: 36 * 3600, expectedVersion: expect.any(Number) });
      await page.getByText('Saved.').last().waitFor();
      await page.getByText('17 of 30 are taken.').waitFor();

      await page.getByRole('button', { name: 'Use what the installation has set' }).click();
      expect(await page.getByLabel('how many').inputValue()).toBe('');
      await expectAccessible(page);
      const cleared = page.waitForRequest((request) => request.postDataJSON()?.operationName === 'UpdateOrganization');
      await page.getByRole('button', { name: 'Save' }).click();
      expect((await cleared).postDataJSON().variables.input).toMatchObject({ invitationLifetimeSeconds: null });
      await page.getByText('Saved.').last().waitFor();
    }));

  test('that cannot be are refused at their field', () =>
    visit(roster, {}, async (page) => {
      await open(page);
      const seats = page.getByRole('textbox', { name: 'CSM seats' });
      await seats.fill('3');
      await page.getByLabel('Name').fill(' ');
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByText('Give the organization a name.').waitFor();
      await page.getByLabel('Name').fill('Acme');
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByText('17 CSM seats are taken').waitFor();
      expect(await seats.getAttribute('aria-invalid')).toBe('true');
      await seats.fill('');
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByText('Give a whole number.').waitFor();
      await page.getByLabel('how many').fill('90');
      await seats.fill('25');
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByText('Use a lifetime from').waitFor();
      await expectAccessible(page);
      await page.getByRole('button', { name: 'Undo changes' }).click();
      expect(await page.getByLabel('how many').inputValue()).toBe('');
    }));

  test('follow what another changes, and keep both changes', () =>
    visit(roster, {}, async (page) => {
      const listening = listens(page);
      await open(page);
      const ask = await roster.client();
      await listening;
      await ask(change, { input: { name: 'Acme One' } });
      await expect.poll(() => page.getByLabel('Name').inputValue()).toBe('Acme One');
      await page.getByLabel('Name').fill('Acme Mine');
      await ask(change, { input: { name: 'Acme Theirs', seatLimit: 40 } });
      await page.getByText('17 of 40 are taken.').waitFor();
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByText('Somebody else has changed the organization meanwhile').waitFor();
      await page.getByText('CSM seats is now 40').waitFor();
      await expectAccessible(page);
      expect(await page.getByRole('radio', { name: 'Yours: Acme Mine' }).isChecked()).toBe(true);
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByText('Saved.').last().waitFor();
      const organization = await ask('{ organization { name seats { limit } } }');
      expect(organization).toEqual({ name: 'Acme Mine', seats: { limit: 40 } });
    }));
});

test('whoever may only look sees the settings as they are', () =>
  visit(roster, {}, async (page) => {
    await enter(page, roster, '/organization', { username: 'mia.ruiz@acme.example', password: admin.password });
    await page.getByText('Your role does not let you change this.').waitFor();
    expect(await page.getByRole('textbox').count()).toBe(0);
    await expectAccessible(page);
  }));

test('a second factor can be required, with a word on whom that keeps out', () =>
  visit(roster, {}, async (page) => {
    await open(page);
    await page.getByRole('switch', { name: 'Require two-factor authentication' }).check();
    await page.getByText('45 active people have none yet').waitFor();
    await page.getByText('You have none yourself').waitFor();
    await expectAccessible(page);
    await page.getByRole('button', { name: 'Save' }).click();
    await page.waitForURL(/\/account$/);
  }));
