import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { admin, Installation, totp } from './installation';
import { enter, expectAnnounced, expectFocus, focused, openUsers, row, useBrowser, visit } from './visitor';

useBrowser();
let roster: Installation;
beforeAll(async () => {
  roster = await Installation.start(['--demo']);
});
afterAll(() => roster?.remove());

/** Goes on by Tab, or back, until something has the focus, as one does who sees where it is. */
async function tabTo(page: Page, name: string | RegExp, key = 'Tab') {
  const passed: string[] = [];
  for (let steps = 0; steps < 400; steps++) {
    await page.keyboard.press(key);
    const now = await focused(page);
    if (typeof name === 'string' ? now === name : name.test(now)) return;
    passed.push(now);
  }
  throw new Error(`${name} is not reached by ${key}: ${passed.slice(0, 60).join(' | ')}`);
}

const back = 'Shift+Tab';

/** Chooses from what has the focus: a list that opens by the keyboard. */
async function pick(page: Page, option: RegExp | string) {
  await page.keyboard.press('ArrowDown');
  const wanted = page.getByRole('option', { name: option });
  await wanted.waitFor();
  const position = await page.getByRole('option').evaluateAll(
    (options, chosen) => options.findIndex((option) => option === chosen),
    await wanted.elementHandle(),
  );
  expect(position).toBeGreaterThanOrEqual(0);
  // The first key has opened the list, and may have gone to its first line already.
  const active = () => page.evaluate(() => document.querySelector('[role=option][data-combobox-selected]')?.textContent ?? '');
  const text = (await wanted.textContent()) ?? '';
  for (let steps = 0; steps < 30 && (await active()) !== text; steps++) await page.keyboard.press('ArrowDown');
  expect(await active()).toBe(text);
  await page.keyboard.press('Enter');
  await wanted.waitFor({ state: 'hidden' });
}

/** The focus stays in the dialog however often one goes on. */
async function expectTrapped(page: Page) {
  for (const key of ['Tab', back]) {
    for (let steps = 0; steps < 15; steps++) {
      await page.keyboard.press(key);
      expect(await page.evaluate(() => document.activeElement?.closest('[role=dialog]') !== null)).toBe(true);
    }
  }
}

/** Opens the menu of a row that has the focus, and goes to an action. */
async function menuTo(page: Page, action: string) {
  await page.keyboard.press('Enter');
  await expectFocus(page, 'Edit');
  for (let steps = 0; steps < 10 && (await focused(page)) !== action; steps++) await page.keyboard.press('ArrowDown');
  expect(await focused(page)).toBe(action);
  await page.keyboard.press('Enter');
}

describe.each([
  ['', 'no-preference'],
  [' and without motion', 'reduce'],
] as const)('by keyboard alone%s', (_, reducedMotion) => {
  test('people are invited, and the focus is kept and given back', () =>
    visit(roster, { reducedMotion }, async (page) => {
      const address = `${reducedMotion}@example.com`;
      await openUsers(page, roster);
      await tabTo(page, 'New users');
      await page.keyboard.press('Enter');
      const dialog = page.getByRole('dialog', { name: 'New users' });
      await dialog.waitFor();
      await expectFocus(page, 'Role');
      await pick(page, 'Viewer');
      await tabTo(page, 'E-mail addresses');
      await page.keyboard.type(`${address}, cy@example..com; left.out@example.com`);
      await expectAnnounced(page, '2 of 3 get a mail.');
      await expectTrapped(page);
      await tabTo(page, 'Leave left.out@example.com out');
      await page.keyboard.press('Enter');
      await tabTo(page, 'Invite 1 person');
      await page.keyboard.press('Enter');
      await expectAnnounced(page, '1 of 2 invited.');
      expect(await dialog.getByLabel('E-mail addresses').inputValue()).toBe('cy@example..com');
      await page.keyboard.press('Escape');
      await expectFocus(page, 'New users');
      await expect.poll(() => page.getByRole('dialog').count()).toBe(0);
    }));
});

describe('by keyboard alone', () => {
  test('one signs in, and out', () =>
    visit(roster, {}, async (page) => {
      await page.goto('/users');
      await expectFocus(page, 'Username or e-mail');
      await page.keyboard.type(admin.username);
      await tabTo(page, 'Password');
      await page.keyboard.type('not the password, surely');
      await page.keyboard.press('Enter');
      await expectAnnounced(page, /wrong/);
      await expectFocus(page, 'Password');
      await page.keyboard.type(admin.password);
      await page.keyboard.press('Enter');
      await expectFocus(page, 'Users');
      // From the top of the page, past what stands on every page.
      await page.reload();
      await page.getByRole('row').getByRole('link').first().waitFor();
      await page.keyboard.press('Tab');
      expect(await focused(page)).toBe('Skip to the content');
      await page.keyboard.press('Enter');
      await tabTo(page, 'New users');
      await tabTo(page, admin.username, back);
      await page.keyboard.press('Enter');
      await expectFocus(page, 'Your account');
      await page.keyboard.press('ArrowDown');
      await expectFocus(page, 'Sign out');
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: 'Sign in' }).waitFor();
      await expectFocus(page, 'Username or e-mail');
    }));

  test('the list is searched, sorted, filtered, and its tabs turned', () =>
    visit(roster, {}, async (page) => {
      await openUsers(page, roster);
      await tabTo(page, /^Active/);
      await page.keyboard.press('ArrowRight');
      await page.getByRole('tab', { name: 'Pending', selected: true }).waitFor();
      await page.keyboard.press('ArrowLeft');
      await page.getByRole('tab', { name: 'Active', selected: true }).waitFor();
      await tabTo(page, 'Search');
      await page.keyboard.type('perez');
      await page.waitForURL(/search=perez/);
      await expectAnnounced(page, /^\d (person|people)$/);
      await page.keyboard.press('ControlOrMeta+a');
      await page.keyboard.press('Delete');
      await expectAnnounced(page, /^4\d people$/);
      await tabTo(page, 'CSM seat');
      await pick(page, 'Has a seat');
      await page.waitForURL(/seat=yes/);
      await expectAnnounced(page, /^1\d people$/);
      await tabTo(page, 'Name');
      await page.keyboard.press('Enter');
      await page.waitForURL(/sort=-name/);
      await expectFocus(page, 'Name');
    }));

  test('somebody is changed, helped and deleted', () =>
    visit(roster, {}, async (page) => {
      await openUsers(page, roster, '/users?search=camille.smith');
      const menu = 'Actions for Camille Smith';
      await tabTo(page, menu);
      await menuTo(page, 'Edit');
      await page.getByRole('dialog', { name: 'Edit Camille Smith' }).waitFor();
      await expectFocus(page, 'Name');
      await expectTrapped(page);
      await tabTo(page, 'Title');
      await page.keyboard.press('ControlOrMeta+a');
      await page.keyboard.type('Keyboard player');
      await page.keyboard.press('Enter');
      await row(page, 'Camille Smith').getByText('Keyboard player').waitFor();
      await expectFocus(page, menu);

      await menuTo(page, 'Reset password');
      await expectFocus(page, 'Send the link');
      await expectTrapped(page);
      await tabTo(page, 'Send the link');
      await page.keyboard.press('Enter');
      await expectAnnounced(page, 'A link to set a new password is on its way to Camille Smith.');
      await expectFocus(page, menu);

      await menuTo(page, 'Delete');
      // What takes away is not the first choice.
      await expectFocus(page, 'Cancel');
      await tabTo(page, 'Delete');
      await page.keyboard.press('Enter');
      await expectAnnounced(page, 'Camille Smith was deleted.');
      // The row is gone, and the focus is where the page begins.
      await expectFocus(page, 'Users');
    }));

  test('several are changed together', () =>
    visit(roster, {}, async (page) => {
      await openUsers(page, roster, '/users?search=lund');
      await tabTo(page, 'Select Amara Lund');
      await page.keyboard.press('Space');
      await tabTo(page, 'Change role', back);
      await page.keyboard.press('Enter');
      await expectFocus(page, 'New role');
      await pick(page, 'User Manager');
      await expectTrapped(page);
      await tabTo(page, 'Change role');
      await page.keyboard.press('Enter');
      await expectAnnounced(page, '1 done, 0 not.');
      await expectFocus(page, 'Done');
      await page.keyboard.press('Enter');
      await expectFocus(page, 'Users');
      await row(page, 'Amara Lund').getByRole('cell', { name: 'User Manager', exact: true }).waitFor();
    }));

  test('a role is made, given another name and deleted', () =>
    visit(roster, {}, async (page) => {
      await openUsers(page, roster);
      await tabTo(page, 'Roles', back);
      await page.keyboard.press('Enter');
      await expectFocus(page, 'Roles');
      await row(page, 'Viewer').first().waitFor();
      await tabTo(page, 'New role');
      await page.keyboard.press('Enter');
      await expectFocus(page, 'Name');
      await page.keyboard.type('Pianist');
      await tabTo(page, /^See people/);
      await page.keyboard.press('Space');
      await expectTrapped(page);
      await page.keyboard.press('Escape');
      await expectFocus(page, 'New role');
      await page.keyboard.press('Enter');
      await expectFocus(page, 'Name');
      await page.keyboard.type('Pianist');
      await page.keyboard.press('Enter');
      await row(page, 'Pianist').getByText('Added.').waitFor();
      await expectFocus(page, 'New role');
      await tabTo(page, 'Actions for Pianist');
      await menuTo(page, 'Delete');
      await page.getByText('Nobody has this role.').waitFor();
      await tabTo(page, 'Delete');
      await page.keyboard.press('Enter');
      await expectAnnounced(page, 'The role Pianist was deleted.');
    }));

  test('a second factor is set up, and a session ended', async () => {
    const who = await roster.member('kay@acme.example');
    await roster.anotherSession(who);
    await visit(roster, {}, async (page) => {
      await enter(page, roster, '/account', who);
      await tabTo(page, /^End the session/);
      await page.keyboard.press('Enter');
      await expectAnnounced(page, /^The session of .* was ended\.$/);
      await tabTo(page, 'Set up', back);
      await page.keyboard.press('Enter');
      await expectFocus(page, 'Code');
      await page.keyboard.type(totp((await page.locator('code').textContent()) ?? '', -1));
      await page.keyboard.press('Enter');
      await page.getByRole('list', { name: 'Recovery codes' }).waitFor();
      await tabTo(page, 'I have kept them');
      await page.keyboard.press('Enter');
      await page.getByText('On: signing in asks for a code').waitFor();
    });
  });

  test('the audit log is filtered and the organization changed', () =>
    visit(roster, {}, async (page) => {
      await openUsers(page, roster);
      await tabTo(page, 'Audit log', back);
      await page.keyboard.press('Enter');
      await expectFocus(page, 'Audit log');
      await page.getByRole('row').nth(1).waitFor();
      await tabTo(page, 'Person');
      await page.keyboard.type('amara.lund');
      await page.getByRole('option', { name: /Amara Lund/ }).waitFor();
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('Enter');
      await page.waitForURL(/user=user_/);

      await tabTo(page, 'Organization', back);
      await page.keyboard.press('Enter');
      await expectFocus(page, 'Organization');
      await tabTo(page, 'CSM seats');
      await page.keyboard.press('ControlOrMeta+a');
      await page.keyboard.type('33');
      await page.keyboard.press('Enter');
      await page.getByText('of 33 are taken.').waitFor();
      await expectAnnounced(page, 'Saved.');
    }));
});
