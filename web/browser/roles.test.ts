import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { admin, Installation } from './installation';
import { choose, enter, expectAccessible, useBrowser, visit } from './visitor';

useBrowser();
let roster: Installation;
beforeAll(async () => {
  roster = await Installation.start(['--demo']);
});
afterAll(() => roster?.remove());

async function openRoles(page: Page) {
  await enter(page, roster, '/roles');
  await row(page, 'Viewer').waitFor();
}

/** The row of a role: its name begins the row. */
function row(page: Page, name: string) {
  return page.getByRole('row', { name: new RegExp(`^${name}`) });
}

const allowed = (page: Page, name: string) => row(page, name).getByRole('cell', { name: 'Yes' }).count();

test('roles are shown with what they let people do, and who has them', () =>
  visit(roster, {}, async (page) => {
    await enter(page, roster, '/users');
    await page.getByRole('row').nth(1).waitFor();
    const asked: string[] = [];
    page.on('request', (request) => {
      if (request.method() === 'POST') asked.push(String(request.postDataJSON().operationName));
    });
    await page.getByRole('link', { name: 'Roles' }).click();
    await row(page, 'Viewer').waitFor();
    expect(asked).toEqual(['Roles']);
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Roles');
    expect(await allowed(page, 'Administrator')).toBe(5);
    expect(await allowed(page, 'Viewer')).toBe(1);
    await row(page, 'Administrator').getByText('Your role').waitFor();
    await expectAccessible(page);
    await page.setViewportSize({ width: 390, height: 844 });
    await row(page, 'User Manager').getByText('See people, Manage people').waitFor();
    expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
    await page.setViewportSize({ width: 1280, height: 900 });

    await row(page, 'User Manager').getByRole('link', { name: /^4 people/ }).click();
    await page.waitForURL(/\/users\?role=role_/);
    await page.getByText('4 people').first().waitFor();
  }));

describe('a role', () => {
  test('is added, changed and deleted, in place', () =>
    visit(roster, {}, async (page) => {
      await openRoles(page);
      await page.getByRole('button', { name: 'New role' }).click();
      const dialog = page.getByRole('dialog', { name: 'New role' });
      await expectAccessible(page, '[role=dialog]');
      await dialog.getByRole('button', { name: 'Add role' }).click();
      await expect.poll(() => page.getByRole('dialog').count()).toBe(0);

      await page.getByRole('button', { name: 'New role' }).click();
      await dialog.getByRole('checkbox', { name: 'See people' }).check();
      await dialog.getByRole('button', { name: 'Add role' }).click();
      await dialog.getByText('Give the role a name.').waitFor();
      await dialog.getByLabel('Name').fill('viewer');
      await page.keyboard.press('Enter');
      await dialog.getByText(/There is a role viewer already/).waitFor();
      await dialog.getByLabel('Name').fill('Helper');
      await page.keyboard.press('Enter');
      await row(page, 'Helper').getByText('Added.').waitFor();
      await row(page, 'Helper').getByRole('cell', { name: 'Nobody' }).waitFor();
      await expect.poll(() => page.evaluate(() => document.activeElement?.textContent)).toBe('New role');

      await choose(page, 'Helper', 'Edit');
      const sent = page.waitForRequest((request) => request.postDataJSON()?.operationName === 'UpdateRole');
      await page.getByLabel('Description').fill('Helps out');
      await page.getByRole('button', { name: 'Save' }).click();
      const { input } = (await sent).postDataJSON().variables;
      expect(Object.keys(input).sort()).toEqual(['description', 'expectedVersion']);
      await row(page, 'Helper').getByText('Saved.').waitFor();
      await expect
        .poll(() => page.evaluate(() => document.activeElement?.getAttribute('aria-label')))
        .toBe('Actions for Helper');

      await choose(page, 'Helper', 'Delete');
      await page.getByText('Nobody has this role.').waitFor();
      await expectAccessible(page, '[role=dialog]');
      await page.getByRole('button', { name: 'Delete', exact: true }).click();
      await page.getByText('The role Helper was deleted.').first().waitFor();
      await expect.poll(() => row(page, 'Helper').count()).toBe(0);
    }));

  test('that somebody has is replaced, and says what becomes of the seats', () =>
    visit(roster, {}, async (page) => {
      const ask = await roster.client();
      const { role } = await ask('mutation { createRole(input: {name: "Scout", permissions: [VIEW_USERS]}) { role { id } } }');
      const { nodes } = await ask('{ users(search: "amara.lund") { nodes { id } } }');
      await ask('mutation($id: ID!, $role: ID!) { updateUser(id: $id, input: {roleId: $role}) { user { id } } }', {
        id: nodes[0].id,
        role: role.id,
      });
      await openRoles(page);
      await choose(page, 'Scout', 'Delete');
      const dialog = page.getByRole('dialog', { name: 'Delete the role Scout?' });
      await dialog.getByText('1 person has this role').waitFor();
      await dialog.getByRole('button', { name: 'Delete' }).click();
      await dialog.getByText('Choose the role that they get.').waitFor();
      await expectAccessible(page, '[role=dialog]');
      await dialog.getByRole('combobox').click();
      await page.getByRole('option', { name: /Customer Success Manager/ }).click();
      await dialog.getByText('1 active or pending person takes a CSM seat. 8 are free.').waitFor();
      await dialog.getByRole('button', { name: 'Delete' }).click();
      await page.getByText('Whoever had it is Customer Success Manager now.').first().waitFor();
      await row(page, 'Customer Success Manager').getByRole('link', { name: /^18 people/ }).waitFor();
    }));

  test('cannot take more seats than are free', () =>
    visit(roster, {}, async (page) => {
      await openRoles(page);
      await choose(page, 'Viewer', 'Edit');
      const dialog = page.getByRole('dialog', { name: 'Edit Viewer' });
      await dialog.getByRole('checkbox', { name: 'CSM seat' }).check();
      await dialog.getByText(/active or pending people take a CSM seat each.*so nothing would be changed/).waitFor();
      await expectAccessible(page, '[role=dialog]');
      await dialog.getByRole('button', { name: 'Save' }).click();
      await dialog.getByRole('alert').getByText(/seat/).waitFor();
      await dialog.getByRole('button', { name: 'Cancel' }).click();
      expect(await allowed(page, 'Viewer')).toBe(1);
    }));

  test('of one’s own loses nothing by one’s own hand', () =>
    visit(roster, {}, async (page) => {
      await openRoles(page);
      await choose(page, 'Administrator', 'Edit');
      const dialog = page.getByRole('dialog', { name: 'Edit Administrator' });
      await dialog.getByRole('checkbox', { name: 'Read audit log' }).uncheck();
      await dialog.getByText(/lose: Read audit log/).waitFor();
      await dialog.getByRole('button', { name: 'Save' }).click();
      await dialog.getByRole('alert').getByText(/administrator/i).waitFor();
      await page.keyboard.press('Escape');
      expect(await allowed(page, 'Administrator')).toBe(5);
    }));

  test('that was made with the organization stays, and says so', () =>
    visit(roster, {}, async (page) => {
      await openRoles(page);
      await page.getByRole('button', { name: 'Actions for Viewer' }).click();
      const remove = page.getByRole('menuitem', { name: /Delete/ });
      expect(await remove.getAttribute('aria-disabled')).toBe('true');
      expect(await remove.textContent()).toContain('was made with the organization');
      await expectAccessible(page);
    }));

  test('that another changes meanwhile keeps both changes', () =>
    visit(roster, {}, async (page) => {
      await openRoles(page);
      await choose(page, 'User Manager', 'Edit');
      const dialog = page.getByRole('dialog', { name: 'Edit User Manager' });
      await dialog.getByRole('checkbox', { name: 'Read audit log' }).check();
      await dialog.getByLabel('Description').fill('Mine');
      const ask = await roster.client();
      const roles: { id: string; name: string }[] = await ask('{ roles { id name } }');
      await ask(
        `mutation($id: ID!) { updateRole(id: $id, input: {description: "Theirs", permissions: [VIEW_USERS, MANAGE_USERS, MANAGE_ORGANIZATION]}) {
          userErrors { message } } }`,
        { id: roles.find(({ name }) => name === 'User Manager')?.id },
      );
      await dialog.getByRole('button', { name: 'Save' }).click();
      await dialog.getByText('Somebody else has changed this role meanwhile').waitFor();
      await dialog.getByText('Manage organization is now allowed').waitFor();
      await expectAccessible(page, '[role=dialog]');
      await dialog.getByRole('radio', { name: 'Theirs: Theirs' }).check();
      await dialog.getByRole('button', { name: 'Save' }).click();
      await row(page, 'User Manager').getByText('Theirs').waitFor();
      await expect.poll(() => allowed(page, 'User Manager')).toBe(4);
    }));
});

test('a proof of identity that is too old is asked for in place', () =>
  visit(roster, {}, async (page) => {
    await openRoles(page);
    let first = true;
    await page.route('**/graphql', (route) => {
      if (!first || route.request().postDataJSON()?.operationName !== 'CreateRole') return route.continue();
      first = false;
      return route.fulfill({
        json: { data: null, errors: [{ message: 'Prove it.', extensions: { code: 'REAUTHENTICATION_REQUIRED' } }] },
      });
    });
    await page.getByRole('button', { name: 'New role' }).click();
    await page.getByRole('dialog', { name: 'New role' }).getByLabel('Name').fill('Careful');
    await page.keyboard.press('Enter');
    const proof = page.getByRole('dialog', { name: 'Is it you?' });
    await proof.locator('input').fill('not the password, surely');
    await proof.getByRole('button', { name: 'Continue' }).click();
    await proof.getByText(/wrong/).waitFor();
    await expectAccessible(page, '[role=dialog]');
    await proof.locator('input').fill(admin.password);
    await proof.getByRole('button', { name: 'Continue' }).click();
    await row(page, 'Careful').getByText('Added.').waitFor();
  }));

test('whoever may only look is told why', async () => {
  await visit(roster, {}, async (page) => {
    await enter(page, roster, '/roles', { username: 'jin.moreno@acme.example', password: admin.password });
    await row(page, 'Viewer').waitFor();
    expect(await page.getByRole('button', { name: 'New role' }).count()).toBe(0);
    await page.getByRole('button', { name: 'Actions for Viewer' }).click();
    const edit = page.getByRole('menuitem', { name: /Edit/ });
    expect(await edit.getAttribute('aria-disabled')).toBe('true');
    expect(await edit.textContent()).toContain('Your role does not let you change roles.');
  });
});

test('a fault of the service says what to do, and gives its number', () =>
  visit(roster, { troubled: true }, async (page) => {
    await enter(page, roster, '/users');
    await page.getByRole('row').nth(1).waitFor();
    await page.route('**/graphql', (route) =>
      route.fulfill({
        json: { data: null, errors: [{ message: 'It broke.', extensions: { code: 'INTERNAL', requestId: 'R-1' } }] },
      }),
    );
    for (const place of ['Roles', 'Audit log', 'Organization']) {
      await page.getByRole('link', { name: place }).click();
      const alert = page.getByRole('alert').filter({ hasText: 'It broke.' });
      await alert.getByText('R-1').waitFor();
      await expectAccessible(page);
    }
    await page.unroute('**/graphql');
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByLabel('Name').waitFor();
  }));
