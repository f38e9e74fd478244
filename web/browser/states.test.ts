import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { admin, Installation } from './installation';
import { enter, expectAccessible, listens, openUsers, row, useBrowser, visit } from './visitor';

useBrowser();
let roster: Installation;
let somebody: string;
beforeAll(async () => {
  roster = await Installation.start(['--demo']);
  const ask = await roster.client();
  somebody = (await ask('{ users(search: "amara.lund") { nodes { id } } }')).nodes[0].id;
});
afterAll(() => roster?.remove());

/** Each page, with what shows that it is there. */
const pages: [string, () => string, (page: Page) => Promise<void>][] = [
  ['the list', () => '/users', (page) => row(page, 'Amara Lund').waitFor()],
  ['a person', () => `/users/${somebody}`, (page) => page.getByRole('heading', { name: 'Amara Lund' }).waitFor()],
  ['roles', () => '/roles', (page) => row(page, 'Viewer').first().waitFor()],
  ['the audit log', () => '/audit-log', (page) => page.getByRole('row').nth(1).waitFor()],
  ['the organization', () => '/organization', (page) => page.getByLabel('Name').waitFor()],
  ['the account', () => '/account', (page) => page.getByLabel('Title').waitFor()],
];

test('a page that waits shows where its content comes, and then the content', () =>
  visit(roster, {}, async (page) => {
    await enter(page, roster);
    for (const [, path, isThere] of pages) {
      let answer = () => {};
      const held = new Promise<void>((resolve) => (answer = resolve));
      await page.route('**/graphql', async (route) => {
        await held;
        await route.continue();
      });
      await page.goto(path());
      await page.locator('.mantine-Skeleton-root').first().waitFor();
      answer();
      await isThere(page);
      await expect.poll(() => page.locator('.mantine-Skeleton-root').count()).toBe(0);
      await page.unroute('**/graphql');
    }
  }));

test('a fault of the service says on each page what to do, with its number, and is got over', () =>
  visit(roster, { troubled: true }, async (page) => {
    await enter(page, roster);
    for (const [, path, isThere] of pages) {
      await page.route('**/graphql', (route) =>
        route.fulfill({
          json: { data: null, errors: [{ message: 'It broke.', extensions: { code: 'INTERNAL', requestId: 'R-1' } }] },
        }),
      );
      await page.goto(path());
      const alert = page.getByRole('alert').filter({ hasText: 'It broke.' }).first();
      await alert.getByText('R-1').waitFor();
      await page.unroute('**/graphql');
      await alert.getByRole('button', { name: 'Try again' }).click();
      await isThere(page);
      await expect.poll(() => page.getByRole('alert').count()).toBe(0);
    }
  }));

test('a service that cannot be reached is another matter, and has no number', () =>
  visit(roster, { troubled: true }, async (page) => {
    await openUsers(page, roster);
    await page.route('**/graphql', (route) => route.abort());
    await page.getByRole('tab', { name: 'Pending' }).click();
    const alert = page.getByRole('alert').filter({ hasText: 'The service cannot be reached' });
    await alert.waitFor();
    expect(await alert.getByText('Request id').count()).toBe(0);
    await expectAccessible(page);
    await page.unroute('**/graphql');
    await alert.getByRole('button', { name: 'Try again' }).click();
    await row(page, 'nia.nakamura').waitFor();
  }));

test('without a network each page says so, and goes on when it is back', () =>
  visit(roster, { troubled: true }, async (page) => {
    await openUsers(page, roster);
    const notice = page.getByText('You are offline.');
    for (const [name, , isThere] of pages.filter(([name]) => name !== 'a person')) {
      if (name !== 'the list') {
        const link = name === 'the account' ? undefined : { roles: 'Roles', 'the audit log': 'Audit log', 'the organization': 'Organization' }[name];
        if (link) await page.getByRole('link', { name: link }).click();
        else {
          await page.getByRole('button', { name: admin.username, exact: true }).click();
          await page.getByRole('menuitem', { name: 'Your account' }).click();
        }
      }
      await isThere(page);
      await page.context().setOffline(true);
      await notice.waitFor();
      // What was there stays.
      await isThere(page);
      await page.context().setOffline(false);
      await notice.waitFor({ state: 'hidden' });
      await isThere(page);
    }
    await page.context().setOffline(true);
    await notice.waitFor();
    await expectAccessible(page);
  }));

describe('a tab without anybody', () => {
  test('says what that means, and what can be done', async () => {
    const fresh = await Installation.start([]);
    try {
      await visit(fresh, {}, async (page) => {
        await enter(page, fresh, '/users?tab=inactive');
        await page.getByText('Nobody was deleted.').waitFor();
        await expectAccessible(page);
        await page.getByRole('tab', { name: 'Pending' }).click();
        await page.getByText('Everybody who was invited has completed the set-up.').waitFor();
        await expectAccessible(page);
        await page.getByRole('button', { name: 'Invite somebody' }).click();
        await page.getByRole('dialog', { name: 'New users' }).waitFor();
        await page.keyboard.press('Escape');
        await page.getByRole('link', { name: 'Roles' }).click();
        await page.getByRole('row', { name: /^Viewer/ }).getByRole('cell', { name: 'Nobody' }).waitFor();
      });
    } finally {
      await fresh.remove();
    }
  });
});

describe('whoever may not see people', () => {
  test('is told so on each page, and keeps what is theirs', async () => {
    const ask = await roster.client();
    await ask('mutation { createRole(input: {name: "Bookkeeper", permissions: [VIEW_AUDIT_LOG]}) { role { id } } }');
    const who = await roster.member('bo@acme.example', 'Bookkeeper');
    await visit(roster, {}, async (page) => {
      await enter(page, roster, '/users', who);
      for (const [name, path, isThere] of pages) {
        await page.goto(path());
        if (name === 'the audit log' || name === 'the account') await isThere(page);
        else {
          await page.getByText('You may not see this').first().waitFor();
          await expectAccessible(page);
        }
      }
      expect(await page.getByRole('link', { name: 'Users' }).count()).toBe(0);
      await page.getByRole('link', { name: 'Audit log' }).waitFor();
    });
  });
});

test('a permission that is taken away counts at once, and one that is given too', async () => {
  const who = await roster.member('cam@acme.example', 'User Manager');
  const ask = await roster.client();
  const roles: { id: string; name: string }[] = await ask('{ roles { id name } }');
  const { id } = (await ask('{ users(search: "cam@acme") { nodes { id } } }')).nodes[0];
  const become = (role: string) =>
    ask('mutation($id: ID!, $role: ID!) { updateUser(id: $id, input: {roleId: $role}) { userErrors { message } } }', {
      id,
      role: roles.find(({ name }) => name === role)?.id,
    });
  await visit(roster, {}, async (page) => {
    const listening = listens(page);
    await enter(page, roster, '/users', who);
    await page.getByRole('button', { name: 'New users' }).waitFor();
    await listening;
    await become('Viewer');
    await expect.poll(() => page.getByRole('button', { name: 'New users' }).count()).toBe(0);
    await become('User Manager');
    await page.getByRole('button', { name: 'New users' }).waitFor();
  });
});
