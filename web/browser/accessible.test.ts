import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { admin, Installation } from './installation';
import { choose, enter, expectAccessible, openUsers, row, signIn, useBrowser, visit } from './visitor';

// What the tests of the flows come by, they look at there; here is the rest.

useBrowser();
let roster: Installation;
beforeAll(async () => {
  roster = await Installation.start(['--demo']);
});
afterAll(() => roster?.remove());

const phone = { viewport: { width: 390, height: 844 } };

const close = async (page: Page) => {
  await page.keyboard.press('Escape');
  await expect.poll(() => page.locator('[role=dialog], [role=menu], [role=listbox]').filter({ visible: true }).count()).toBe(0);
};

describe('nobody is kept out of', () => {
  test('the list: its tabs, menus and lists of choices', () =>
    visit(roster, {}, async (page) => {
      await openUsers(page, roster);
      await expectAccessible(page);
      await page.getByRole('combobox', { name: 'Role' }).click();
      await page.getByRole('option', { name: 'Viewer' }).waitFor();
      await expectAccessible(page, '[role=listbox]');
      await close(page);
      await page.getByRole('button', { name: admin.username, exact: true }).click();
      await page.getByRole('menuitem', { name: 'Sign out' }).waitFor();
      await expectAccessible(page, '[role=menu]');
      await close(page);
      for (const [tab, who] of [
        ['Pending', 'nia.nakamura@acme.example'],
        ['Inactive', '@acme.example'],
      ] as const) {
        await page.getByRole('tab', { name: tab }).click();
        await row(page, who).first().waitFor();
        await expectAccessible(page);
        await row(page, who).first().getByRole('button', { name: /^Actions for/ }).click();
        await page.getByRole('menu').waitFor();
        await expectAccessible(page, '[role=menu]');
        await close(page);
      }
    }));

  test('the list on a phone, with its menu and filters', () =>
    visit(roster, phone, async (page) => {
      await openUsers(page, roster);
      await expectAccessible(page);
      await page.getByRole('button', { name: 'Filters' }).click();
      await page.getByRole('combobox', { name: 'Role' }).waitFor();
      await expectAccessible(page);
      await page.getByRole('button', { name: 'Menu' }).click();
      await page.getByRole('menuitem', { name: 'Audit log' }).waitFor();
      await expectAccessible(page, '[role=menu]');
      await close(page);
      await choose(page, 'Amara Lund', 'Edit');
      await page.getByRole('dialog').getByLabel('Title').waitFor();
      await expectAccessible(page, '[role=dialog]');
      await close(page);
      await page.getByRole('button', { name: 'New users' }).click();
      await page.getByRole('dialog').getByLabel('E-mail addresses').waitFor();
      await expectAccessible(page, '[role=dialog]');
    }));

  test('each question before something is done, and what is told after it', async () => {
    const who = await roster.member('quinn@acme.example');
    await roster.withSecondFactor(who);
    await roster.invited('sam@acme.example');
    await visit(roster, {}, async (page) => {
      const ask = async (action: string, title: string) => {
        await choose(page, who.username, action);
        await page.getByRole('dialog', { name: title }).waitFor();
        await expectAccessible(page, '[role=dialog]');
      };
      await openUsers(page, roster, '/users?search=quinn');
      for (const [action, title] of [
        ['Edit', 'Edit'],
        ['Disable 2FA', 'Disable two-factor authentication of'],
        ['Sign out everywhere', 'Sign'],
      ] as const) {
        await ask(action, title);
        await close(page);
      }
      await ask('Reset password', 'Reset the password of');
      await page.getByRole('button', { name: 'Send the link' }).click();
      await row(page, who.username).getByText(/^Password reset/).waitFor();
      await expectAccessible(page);
      await ask('Cancel reset', 'Cancel the password reset of');
      await close(page);
      await page.getByRole('checkbox', { name: `Select ${who.username}` }).check();
      await page.getByRole('button', { name: 'Delete' }).click();
      await page.getByRole('dialog', { name: 'Delete 1 person?' }).waitFor();
      await expectAccessible(page, '[role=dialog]');
      await close(page);
      await page.getByRole('button', { name: 'Clear selection' }).click();
      await ask('Delete', 'Delete');
      await page.getByRole('button', { name: 'Delete', exact: true }).click();
      await page.getByRole('alert').filter({ hasText: 'was deleted.' }).waitFor();
      await expectAccessible(page);
      await page.getByRole('tab', { name: 'Inactive' }).click();
      await ask('Reactivate', 'Reactivate');
      await close(page);
      await page.goto('/users?tab=pending&search=sam');
      await choose(page, 'sam@acme.example', 'Resend invitation');
      await page.getByRole('dialog').waitFor();
      await expectAccessible(page, '[role=dialog]');
    });
  });

  test('the page of a person, with its menu, by desk and by phone', () =>
    visit(roster, {}, async (page) => {
      await openUsers(page, roster);
      await page.getByRole('link', { name: 'Mia Ruiz' }).click();
      await page.getByRole('table', { name: /What has happened/ }).or(page.getByText('Nothing yet.')).waitFor();
      await page.getByRole('button', { name: 'Actions' }).click();
      await page.getByRole('menuitem', { name: 'Edit' }).waitFor();
      await expectAccessible(page, '[role=menu]');
      await page.getByRole('menuitem', { name: 'Edit' }).click();
      await page.getByRole('dialog').waitFor();
      await expectAccessible(page, '[role=dialog]');
      await close(page);
      await page.setViewportSize(phone.viewport);
      await expectAccessible(page);
    }));

  test('roles, the account and the way to turn the second factor off, on a phone', async () => {
    const who = await roster.member('rae@acme.example');
    await roster.withSecondFactor(who);
    await visit(roster, phone, async (page) => {
      await enter(page, roster, '/roles', who);
      await row(page, 'Viewer').first().waitFor();
      await expectAccessible(page);
      await page.goto('/account');
      await page.getByText('On: signing in asks for a code').waitFor();
      await page.getByRole('table', { name: 'Sessions' }).waitFor();
      await expectAccessible(page);
      await page.getByRole('button', { name: 'Turn off' }).click();
      await page.getByLabel('Code, or a recovery code').waitFor();
      await expectAccessible(page);
    });
  });

  test('the ways in: refusals, a recovery code, dead links', async () => {
    const who = await roster.member('toni@acme.example');
    await roster.withSecondFactor(who);
    await visit(roster, phone, async (page) => {
      await page.goto('/sign-in?organization=acme');
      await page.getByLabel('Username or e-mail').fill(admin.username);
      await page.getByLabel('Password', { exact: true }).fill('not the password, surely');
      await page.keyboard.press('Enter');
      await page.getByRole('alert').waitFor();
      await expectAccessible(page);
      await page.getByRole('button', { name: 'Use another' }).click();
      await signIn(page, who);
      await page.getByRole('button', { name: /recovery code/ }).click();
      await page.getByLabel('Recovery code').fill('not-a-code');
      await page.keyboard.press('Enter');
      await page.getByRole('alert').waitFor();
      await expectAccessible(page);
      for (const address of ['/reset-password', '/accept-invitation#token=unknown']) {
        await page.goto(address);
        await page.getByRole('heading', { name: 'This link no longer works' }).waitFor();
        await expectAccessible(page);
      }
      await page.goto('/forgotten-password');
      await page.getByLabel('Username or e-mail').fill('nobody@acme.example');
      await page.keyboard.press('Enter');
      await page.getByText(/If there is such an account/).first().waitFor();
      await expectAccessible(page);
    });
  });

  test('a page that still waits, and one that cannot be shown', () =>
    visit(roster, { troubled: true }, async (page) => {
      let answer = () => {};
      const held = new Promise<void>((resolve) => (answer = resolve));
      await page.route('**/graphql', async (route) => {
        await held;
        await route.continue();
      });
      await enter(page, roster);
      await page.getByRole('table').waitFor();
      await expectAccessible(page);
      expect(await row(page, 'Amara Lund').count()).toBe(0);
      answer();
      await row(page, 'Amara Lund').waitFor();

      // As when the program was updated meanwhile.
      await page.route('**/assets/RolesPage.js', (route) => route.abort());
      await page.getByRole('link', { name: 'Roles' }).click();
      await page.getByRole('heading', { name: 'This page cannot be shown' }).waitFor();
      await expectAccessible(page);
      await page.unroute('**/assets/RolesPage.js');
      await page.getByRole('button', { name: 'Load again' }).click();
      await row(page, 'Viewer').first().waitFor();
    }));
});
