import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Installation } from './installation';
import { choose, enter, expectAccessible, expectAnnounced, openUsers, row, useBrowser, visit } from './visitor';

// What people do to a page that nobody has thought of.

useBrowser();
let roster: Installation;
beforeAll(async () => {
  roster = await Installation.start(['--demo']);
});
afterAll(() => roster?.remove());

async function download(page: Page): Promise<{ name: string; lines: string[] }> {
  const [file] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Export as CSV' }).click(),
  ]);
  const text = readFileSync(await file.path(), 'utf8');
  expect(text.startsWith('\uFEFF')).toBe(true);
  return { name: file.suggestedFilename(), lines: text.slice(1).trimEnd().split('\r\n') };
}

describe('the list is exported', () => {
  test('as it is filtered, and no cell is a formula', async () => {
    const ask = await roster.client();
    const { id } = (await ask('{ users(search: "amara.lund") { nodes { id } } }')).nodes[0];
    await ask('mutation($id: ID!) { updateUser(id: $id, input: {title: "=HYPERLINK(1)"}) { user { id } } }', { id });
    await visit(roster, {}, async (page) => {
      await openUsers(page, roster, '/users?search=lund');
      const { name, lines } = await download(page);
      expect(name).toMatch(/^users-active-\d{4}-\d\d-\d\d\.csv$/);
      expect(lines[0]).toMatch(/^Name,E-mail,Username,Title,Role,Status,/);
      expect(lines).toHaveLength(1 + (await page.getByRole('row').getByRole('link').count()));
      const line = lines.find((line) => line.startsWith('Amara Lund,'));
      expect(line).toContain(",'=HYPERLINK(1),User Manager,Active,no,no,");
      await expectAnnounced(page, /^\d+ (person|people)? ?(people )?exported\.$/);
      await page.getByRole('tab', { name: 'Pending' }).click();
      await page.getByRole('searchbox', { name: 'Search' }).fill('');
      await page.getByText('8 people').first().waitFor();
      const pending = await download(page);
      expect(pending.lines).toHaveLength(9);
      expect(pending.lines.join('\n')).toContain('Not delivered: ');
    });
  });

  test('page after page, until it is stopped, and says what went wrong', () =>
    visit(roster, { troubled: true }, async (page) => {
      await openUsers(page, roster);
      let asked = 0;
      await page.route('**/graphql', async (route) => {
        if (route.request().postDataJSON()?.operationName !== 'UsersExport') return route.continue();
        asked++;
        if (asked === 3) {
          const errors = [{ message: 'It broke.', extensions: { code: 'INTERNAL', requestId: 'R-9' } }];
          return route.fulfill({ json: { data: null, errors } });
        }
        const response = await route.fetch();
        const answer = await response.json();
        // As if there were no end of people.
        answer.data.users.pageInfo.hasNextPage = true;
        answer.data.users.pageInfo.endCursor = null;
        return route.fulfill({ response, json: answer });
      });
      await page.getByRole('button', { name: 'Export as CSV' }).click();
      const alert = page.getByRole('alert').filter({ hasText: 'It broke.' });
      await alert.getByText('R-9').waitFor();
      await alert.getByRole('button', { name: 'Try again' }).click();
      await page.getByRole('button', { name: 'Stop the export' }).click();
      await page.getByRole('button', { name: 'Export as CSV' }).waitFor();
      await page.unrouteAll({ behavior: 'wait' });
    }));
});

describe('addresses by the hundred', () => {
  test('have each reason said once, and the buttons in sight', () =>
    visit(roster, {}, async (page) => {
      await openUsers(page, roster);
      await page.getByRole('button', { name: 'New users' }).click();
      const dialog = page.getByRole('dialog', { name: 'New users' });
      const box = dialog.getByLabel('E-mail addresses');
      await box.fill(Array.from({ length: 100 }, (_, i) => `hundred${i}@example.com`).join('\n'));
      await dialog.getByText('Choose a role to see what will become of each address.').waitFor();
      await dialog.getByRole('combobox', { name: 'Role' }).click();
      await page.getByRole('option', { name: /^Customer Success Manager/ }).click();
      const seats = Number(/(\d+) free/.exec((await page.getByText(/^\d+ free$/).textContent()) ?? '')?.[1]);
      await dialog.getByText(`${seats} of 100 get a mail.`).waitFor();
      expect(await dialog.getByText(/Every CSM seat is taken/).count()).toBe(1);
      await dialog.getByText(`and ${100 - seats - 3} more`).waitFor();
      const invite = dialog.getByRole('button', { name: `Invite ${seats} people` });
      await expect.poll(async () => ((await invite.boundingBox())?.y ?? 1e4) < 900).toBe(true);
      await expectAccessible(page, '[role=dialog]');
      // Twice, as people do: it is one invitation all the same.
      await invite.dblclick();
      await dialog.getByText('Invited as Customer Success Manager').first().waitFor();
      expect((await box.inputValue()).split('\n')).toHaveLength(100 - seats);
      await expectAccessible(page, '[role=dialog]');
      await box.fill(Array.from({ length: 101 }, (_, i) => `more${i}@example.com`).join('\n'));
      await dialog.getByRole('alert').getByText(/100/).waitFor();
      await page.keyboard.press('Escape');
      await page.getByRole('tab', { name: `Pending ${8 + seats}` }).waitFor();
    }));
});

describe('going back', () => {
  test('leaves the dialog that was open', () =>
    visit(roster, {}, async (page) => {
      await openUsers(page, roster);
      await page.getByRole('tab', { name: 'Inactive' }).click();
      await page.waitForURL(/tab=inactive/);
      await row(page, '@acme').first().getByRole('button', { name: /^Actions for/ }).click();
      await page.getByRole('menuitem', { name: 'Reactivate' }).click();
      await page.getByRole('dialog').waitFor();
      await page.goBack();
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      await page.getByRole('tab', { name: 'Active', selected: true }).waitFor();
    }));
});

test('a role that is deleted while the list is filtered by it has no number for a name', () =>
  visit(roster, {}, async (page) => {
    const ask = await roster.client();
    const { role } = await ask('mutation { createRole(input: {name: "Passing", permissions: [VIEW_USERS]}) { role { id } } }');
    await enter(page, roster, `/users?role=${role.id}`);
    await page.getByText('Passing', { exact: true }).first().waitFor();
    await page.getByText('Nobody here matches.').waitFor();
    await ask('mutation($id: ID!) { deleteRole(id: $id) { userErrors { message } } }', { id: role.id });
    await page.getByText('A deleted role', { exact: true }).first().waitFor();
    expect(await page.getByText(role.id).count()).toBe(0);
    await expectAccessible(page);
    await page.getByRole('button', { name: 'Clear', exact: true }).click();
    await row(page, 'Amara Lund').waitFor();
  }));

test('two tabs of a browser: what one does the other shows, and a sign-out ends both', () =>
  visit(roster, {}, async (page) => {
    // A session of its own, which the sign-out ends.
    const who = await roster.member('two.tabs@acme.example', 'User Manager');
    await openUsers(page, roster, '/users?search=okafor', who);
    const other = await page.context().newPage();
    other.setDefaultTimeout(60_000);
    await other.goto('/users?search=okafor');
    await row(other, 'Andrea Okafor').waitFor();
    await choose(page, 'Andrea Okafor', 'Edit');
    await page.getByRole('dialog').getByLabel('Title').fill('Seen in both');
    await page.keyboard.press('Enter');
    await row(other, 'Andrea Okafor').getByText('Seen in both').waitFor();
    await page.getByRole('button', { name: who.username, exact: true }).click();
    await page.getByRole('menuitem', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await other.getByRole('heading', { name: 'Sign in' }).waitFor();
  }));

describe('a screen', () => {
  const paths = ['/users', '/users?tab=pending', '/roles', '/audit-log', '/organization', '/account'];

  test.each([
    ['zoomed to 400 %', { viewport: { width: 320, height: 256 }, deviceScaleFactor: 4 }],
    ['zoomed to 200 %', { viewport: { width: 640, height: 400 }, deviceScaleFactor: 2 }],
  ])('%s has to be scrolled one way only', (_, options) =>
    visit(roster, options, async (page) => {
      await enter(page, roster);
      for (const path of paths) {
        await page.goto(path);
        await page.getByRole('heading', { level: 1 }).waitFor();
        await expect.poll(() => page.locator('.mantine-Skeleton-root').count()).toBe(0);
        expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(0);
      }
    }),
  );

  test('in the colours of whoever looks shows where they are, and what is on', () =>
    visit(roster, { forcedColors: 'active' }, async (page) => {
      await openUsers(page, roster);
      const line = (name: string) =>
        page.getByRole('link', { name, exact: true }).evaluate((link) => getComputedStyle(link).borderBottomColor);
      expect(await line('Users')).not.toBe(await line('Roles'));
      const tab = (name: RegExp) =>
        page.getByRole('tab', { name }).evaluate((tab) => getComputedStyle(tab).borderBottomColor);
      expect(await tab(/^Active/)).not.toBe(await tab(/^Pending/));
      await page.goto('/organization');
      const track = page.locator('.mantine-Switch-track');
      await track.waitFor();
      expect(await track.evaluate((element) => getComputedStyle(element).outlineStyle)).toBe('solid');
      const off = await track.evaluate((element) => getComputedStyle(element).backgroundColor);
      await page.getByRole('switch').check();
      await expect.poll(() => track.evaluate((element) => getComputedStyle(element).backgroundColor)).not.toBe(off);
    }));
});

test('times are told where and how whoever looks tells them', async () => {
  const shown = async (timezoneId: string, locale: string) => {
    let text = '';
    await visit(roster, { timezoneId, locale }, async (page) => {
      await openUsers(page, roster, '/users?search=amara.lund');
      const time = row(page, 'Amara Lund').locator('time').first();
      text = `${await time.textContent()} | ${await time.getAttribute('title')}`;
    });
    return text;
  };
  const [utc, auckland, german] = [
    await shown('UTC', 'en-GB'),
    await shown('Pacific/Auckland', 'en-GB'),
    await shown('UTC', 'de-DE'),
  ];
  expect(auckland.split(' | ')[1]).not.toBe(utc.split(' | ')[1]);
  expect(german).toMatch(/^(vor|letzte|gestern)/);
  expect(german.split(' | ')[1]).toMatch(/(tag|woch), /);
});
