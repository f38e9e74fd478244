import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, test } from 'vitest';
import { Installation } from './installation';
import { openUsers, useBrowser, visit } from './visitor';

// Pictures of the main pages for the README: npm run screenshots. They are made
// anew only then, since every run has other times in it.

useBrowser();
const folder = join(import.meta.dirname, '../../docs/images');
let roster: Installation;

/** People whose names, titles and addresses are hard to lay out. */
const hard = [
  {
    email: 'hubert.wolfeschlegelsteinhausenbergerdorff@customers.example',
    name: 'Hubert Blaine Wolfeschlegelsteinhausenbergerdorff the Elder of Oberwallenstein',
    title: 'Deputy Head of Customer Success for Enterprise in Upper Silesia',
  },
  { email: 'noa@customers.example', name: 'נועה בן־דוד (Noa)', title: 'מנהלת הצלחת לקוחות' },
  { email: 'm.alahmad@customers.example', name: 'محمد بن عبد الله الأحمد', title: 'مدير نجاح العملاء, 2nd line' },
  { email: 'thi@customers.example', name: 'Nguyễn Thị Ánh Nguyệt', title: 'Trưởng phòng' },
];

beforeAll(async () => {
  mkdirSync(folder, { recursive: true });
  roster = await Installation.start(['--demo']);
  const ask = await roster.client();
  for (const { email, name, title } of hard) {
    await roster.member(email);
    const { nodes } = await ask('query($s: String) { users(search: $s) { nodes { id } } }', { s: email });
    await ask('mutation($id: ID!, $in: UpdateUserInput!) { updateUser(id: $id, input: $in) { userErrors { message } } }', {
      id: nodes[0].id,
      in: { name, title },
    });
  }
  const { nodes } = await ask('{ users(search: "Aylin Rossi") { nodes { id } } }');
  await ask('mutation($id: ID!) { resetPassword(id: $id) { userErrors { message } } }', { id: nodes[0].id });
  const organization = 'mutation($in: UpdateOrganizationInput!) { updateOrganization(input: $in) { userErrors { message } } }';
  await ask(organization, { in: { name: 'Acme' } });
});
afterAll(() => roster.remove());

const pages: [name: string, path: string, ready: (page: Page) => Promise<unknown>][] = [
  ['users', '/users', (page) => page.getByText('Password reset').first().waitFor()],
  ['users-selected', '/users?tab=pending', async (page) => {
    for (const row of [1, 2, 4]) await page.getByRole('row').nth(row).getByRole('checkbox').check();
    await page.getByRole('toolbar').waitFor();
  }],
  ['users-pending', '/users?tab=pending', (page) => page.getByRole('row').nth(5).waitFor()],
  ['users-names', '/users?search=customers.example', (page) => page.getByText('4 people').first().waitFor()],
  ['person', '', (page) => page.getByRole('table', { name: /happened/ }).getByRole('row').nth(1).waitFor()],
  ['roles', '/roles', (page) => page.getByRole('row').nth(3).waitFor()],
  ['audit-log', '/audit-log', (page) => page.getByRole('row').nth(5).waitFor()],
  ['organization', '/organization', (page) => page.getByRole('button', { name: 'Save' }).waitFor()],
  ['graphiql', '/graphiql', async (page) => {
    // On a phone the examples stand before the rest.
    await page.getByRole('button', { name: /^Who am I/ }).click();
    await page.getByText('Runs with the session').first().waitFor();
    await page.getByRole('button', { name: /Execute query/ }).click();
    await page.getByRole('region', { name: 'Result Window' }).getByText('"Administrator"').waitFor();
  }],
];

const sizes = { desktop: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } };

test.each(Object.entries(sizes).flatMap(([size, viewport]) => (['light', 'dark'] as const).map((colorScheme) => ({ size, viewport, colorScheme }))))(
  '$size, $colorScheme',
  ({ size, viewport, colorScheme }) =>
    visit(roster, { viewport, colorScheme, isMobile: size === 'phone', hasTouch: size === 'phone', reducedMotion: 'reduce', locale: 'en-GB', timezoneId: 'UTC' }, async (page) => {
      const shoot = async (name: string) => {
        await page.waitForTimeout(500);
        await page.screenshot({ path: join(folder, `${name}-${size}-${colorScheme}.png`), animations: 'disabled', caret: 'hide' });
      };
      await page.goto('/sign-in');
      await page.getByLabel('Username or e-mail').waitFor();
      await shoot('sign-in');
      await openUsers(page, roster);
      const ask = await roster.client();
      const { nodes } = await ask('{ users(search: "Aylin Rossi") { nodes { id } } }');
      for (const [name, path, ready] of pages) {
        await page.goto(path || `/users/${nodes[0].id}`);
        await ready(page);
        await shoot(name);
      }
    }),
);
