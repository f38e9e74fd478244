import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { admin, Installation, until } from './installation';
import { askedOnReload, enter, expectAccessible, listens, useBrowser, visit } from './visitor';

useBrowser();
let roster: Installation;
type Ask = Awaited<ReturnType<Installation['client']>>;
let ask: Ask;
let jin: { id: string };

const update = 'mutation($id: ID!, $input: UpdateUserInput!) { updateUser(id: $id, input: $input) { user { id } } }';

beforeAll(async () => {
  roster = await Installation.start(['--demo']);
  ask = await roster.client();
  const roles: { id: string; name: string }[] = await ask('{ roles { id name } }');
  const roleId = (name: string) => roles.find((role) => role.name === name)?.id;
  jin = (await ask('{ users(search: "jin.moreno") { nodes { id } } }')).nodes[0];
  const { nodes } = await ask('{ users(search: "mia.ruiz") { nodes { id } } }');
  await ask(update, { id: jin.id, input: { roleId: roleId('User Manager') } });
  const mia = await roster.client('mia.ruiz@acme.example');
  await mia(update, { id: jin.id, input: { roleId: roleId('Viewer') } });
  for (let i = 1; i <= 60; i++) await ask(update, { id: nodes[0].id, input: { title: `=Lead ${i}` } });
  await until('the events', async () => (await ask('{ auditEvents(first: 0) { totalCount } }')).totalCount > 60);
});
afterAll(() => roster?.remove());

async function openLog(page: Page, query = '') {
  await enter(page, roster, `/audit-log${query}`);
  await page.getByRole('table').and(page.locator('[aria-busy=false]')).waitFor();
}

const row = (page: Page, text: string) => page.getByRole('row').filter({ hasText: text });

describe('the audit log', () => {
  test('tells in a sentence what has happened, with links, before and after', () =>
    visit(roster, { timezoneId: 'Asia/Tokyo' }, async (page) => {
      await openLog(page, `?user=${jin.id}`);
      const given = row(page, 'Mia Ruiz gave Jin Moreno the role Viewer');
      await given.getByText('Role: User Manager').waitFor();
      await given.getByRole('cell').last().getByText('127.0.0.1').waitFor();
      const { nodes } = await ask('query($id: ID) { auditEvents(userId: $id, first: 1) { nodes { at } } }', { id: jin.id });
      const time = page.getByRole('row').nth(1).locator('time').first();
      expect(await time.getAttribute('datetime')).toBe(nodes[0].at);
      const exact = new Intl.DateTimeFormat('en-US', { dateStyle: 'full', timeStyle: 'medium', timeZone: 'Asia/Tokyo' });
      expect(await time.getAttribute('title')).toBe(exact.format(new Date(nodes[0].at)));
      await expectAccessible(page);
      await given.getByRole('link', { name: 'Mia Ruiz' }).click();
      await page.waitForURL(/\/users\/user_/);
      await page.goBack();
      await given.waitFor();
    }));

  test('opens with one request', () =>
    visit(roster, {}, async (page) => {
      await openLog(page);
      expect(await askedOnReload(page)).toEqual(['AuditLog']);
      await page.getByRole('row').nth(50).waitFor();
    }));

  test('is paged, and back leads back', () =>
    visit(roster, {}, async (page) => {
      await openLog(page);
      await page.getByRole('row').nth(50).waitFor();
      await page.getByRole('button', { name: 'Older' }).click();
      await page.waitForURL(/after=/);
      await row(page, 'The organization was made').waitFor();
      expect(await page.getByRole('button', { name: 'Older' }).isDisabled()).toBe(true);
      expect(await page.evaluate(() => scrollY)).toBe(0);
      await page.goBack();
      await row(page, '=Lead 60').waitFor();
    }));

  test('is filtered by person, kind and day, and the address says how', () =>
    visit(roster, {}, async (page) => {
      await openLog(page);
      await page.getByRole('combobox', { name: 'Person' }).pressSequentially('jin.mor');
      await page.getByRole('option', { name: /Jin Moreno/ }).click();
      await page.waitForURL(`**/audit-log?user=${jin.id}`);
      await page.getByText('2 events').first().waitFor();
      await page.getByRole('combobox', { name: 'Kind' }).click();
      await expectAccessible(page);
      await page.getByRole('option', { name: 'Signed in' }).click();
      await page.waitForURL(/kind=SIGNED_IN/);
      await page.getByText('Nothing that has happened matches.').waitFor();
      await page.keyboard.press('Escape');
      await expectAccessible(page);
      await page.reload();
      await page.getByText('Nothing that has happened matches.').waitFor();
      expect(await page.getByRole('combobox', { name: 'Person' }).inputValue()).toBe('Jin Moreno');
      await page.getByRole('button', { name: 'Clear filters' }).click();
      await row(page, '=Lead 60').waitFor();
      expect(await page.getByRole('combobox', { name: 'Person' }).inputValue()).toBe('');

      const day = (later: number) => new Date(Date.now() + later * 86_400_000).toLocaleDateString('sv');
      await page.getByLabel('From day').fill(day(2));
      await page.waitForURL(new RegExp(`since=${day(2)}`));
      await page.getByText('Nothing that has happened matches.').waitFor();
      await page.goBack();
      await row(page, '=Lead 60').waitFor();
      expect(await page.getByLabel('From day').inputValue()).toBe('');
      await page.getByLabel('To day').fill(day(1));
      await page.waitForURL(/until=/);
      await row(page, '=Lead 60').waitFor();
    }));

  test('is exported as it is filtered, and no cell is a formula', () =>
    visit(roster, {}, async (page) => {
      await openLog(page, '?kind=USER_UPDATED');
      await page.getByText('62 events').first().waitFor();
      // Another page is still the same list.
      await page.getByRole('button', { name: 'Older' }).click();
      await page.waitForURL(/after=/);
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('button', { name: 'Export as CSV' }).click(),
      ]);
      expect(download.suggestedFilename()).toMatch(/^audit-log-\d{4}-\d\d-\d\d\.csv$/);
      const text = readFileSync(await download.path(), 'utf8');
      const lines = text.split('\r\n');
      expect(lines).toHaveLength(64);
      expect(lines[0]).toBe('\uFEFFTime,Kind,What,Changes,By,By id,To,To id,IP address,User agent');
      expect(text).toContain('Mia Ruiz gave Jin Moreno the role Viewer,Role: User Manager → Viewer,Mia Ruiz,');
      for (const line of lines) expect(line).not.toMatch(/(^|,)"?[=+@-]/);
    }));

  test('grows by itself', () =>
    visit(roster, {}, async (page) => {
      const listening = listens(page);
      await openLog(page);
      await listening;
      await ask(update, { id: jin.id, input: { title: 'Changed elsewhere' } });
      await row(page, 'changed the title of Jin Moreno').getByText('Changed elsewhere').waitFor();
      await ask(update, { id: jin.id, input: { title: null } });
      await row(page, 'Changed elsewhere').getByText('empty').waitFor();
    }));

  test('fits on a phone', () =>
    visit(roster, { viewport: { width: 390, height: 844 } }, async (page) => {
      await openLog(page);
      expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
      await page.getByRole('button', { name: 'Filters' }).click();
      await page.getByRole('combobox', { name: 'Kind' }).waitFor();
      await expectAccessible(page);
    }));
});

describe('whoever may not see', () => {
  const jinMoreno = { username: 'jin.moreno@acme.example', password: admin.password };

  test('the audit log is told so', () =>
    visit(roster, {}, async (page) => {
      await enter(page, roster, '/audit-log', jinMoreno);
      await page.getByText('You may not see this').waitFor();
      expect(await page.getByRole('search').count()).toBe(0);
      await expectAccessible(page);
    }));

  test('people reads it without their names', async () => {
    const { role } = await ask('mutation { createRole(input: {name: "Auditor", permissions: [VIEW_AUDIT_LOG]}) { role { id } } }');
    await ask(update, { id: jin.id, input: { roleId: role.id } });
    await visit(roster, {}, async (page) => {
      await enter(page, roster, '/audit-log', jinMoreno);
      await row(page, `gave person ${jin.id} the role Auditor`).waitFor();
      expect(await page.getByRole('alert').count()).toBe(0);
      expect(await page.getByRole('combobox', { name: 'Person' }).count()).toBe(0);
      await expectAccessible(page);
    });
  });
});
