import { type DocumentNode, Kind, parse } from 'graphql';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { examples } from '../src/graphiql/examples';
import { admin, Installation } from './installation';
import { enter, expectAccessible, expectFocus, listens, useBrowser, visit } from './visitor';

useBrowser();
let roster: Installation;
beforeAll(async () => {
  roster = await Installation.start(['--demo']);
});
afterAll(() => roster?.remove());

const phone = { viewport: { width: 390, height: 844 } };
const answer = (page: Page) => page.getByRole('region', { name: 'Result Window' });
const run = (page: Page) => page.getByRole('button', { name: /Execute query/ });
/** The button when it knows that there is a choice, which it takes a moment to find out. */
const runOneOf = (page: Page) => run(page).and(page.locator('[aria-haspopup=menu]'));
const tab = (page: Page, name: string) => page.getByRole('tab', { name, exact: true });

/** Opens GraphiQL as somebody who is signed in, and waits for its editors. */
async function openGraphiQL(page: Page) {
  await enter(page, roster, '/graphiql');
  await page.getByText(`signed in as ${admin.username}`).waitFor();
  await page.getByRole('region', { name: 'Operation Editor' }).getByText('Runs with the session').waitFor();
}

/** Opens an example, and waits for its tab: that is named as soon as its operation is understood. */
async function open(page: Page, title: string) {
  const example = examples.find((example) => example.title === title);
  await page.getByRole('button', { name: new RegExp(`^${title}`) }).click();
  await page.getByRole('tab', { name: operationsOf(parse(example?.query ?? ''))[0], exact: true, selected: true }).waitFor();
}

function operationsOf(document: DocumentNode): string[] {
  return document.definitions.flatMap((definition) =>
    definition.kind === Kind.OPERATION_DEFINITION ? [definition.name?.value ?? ''] : [],
  );
}

/** Whether the editors' colours are those of a scheme. */
const drawn = (page: Page, scheme: 'light' | 'dark') =>
  page.locator(`.graphiql-query-editor .monaco-editor.${scheme === 'dark' ? 'vs-dark' : 'vs'}`).waitFor();

test('each example runs as it stands, and does no harm', () =>
  visit(roster, {}, async (page) => {
    await openGraphiQL(page);
    const ask = await roster.client();
    const counts = () => ask('{ organization { userCounts { active inactive } } }');
    const before = await counts();
    for (const { title, query } of examples) {
      const document = parse(query);
      const operations = operationsOf(document);
      if (query.startsWith('subscription')) continue;
      await open(page, title);
      for (const operation of operations) {
        // What is reactivated last would be no more of those who are not.
        if (operation === 'Reactivate') continue;
        const answered = page.waitForResponse((response) => response.request().postDataJSON()?.operationName === operation);
        if (operations.length > 1) {
          await runOneOf(page).click();
          await page.getByRole('menuitem', { name: operation, exact: true }).click();
        } else await run(page).click();
        const { data, errors } = await (await answered).json();
        expect(errors, operation).toBeUndefined();
        expect(JSON.stringify(data).match(/"userErrors":\[[^\]]/), operation).toBeNull();
        await answer(page).getByText('"data"').waitFor();
      }
    }
    expect(await counts()).toEqual(before);

    await open(page, 'Delete and reactivate');
    await runOneOf(page).click();
    await page.getByRole('menuitem', { name: 'Reactivate' }).click();
    await answer(page).getByText(/"(ACTIVE|PENDING)"/).waitFor();
    expect(await counts()).not.toEqual(before);
  }));

test('an open subscription tells what others change, and ends with its tab', () =>
  visit(roster, {}, async (page) => {
    await openGraphiQL(page);
    await open(page, 'Listen to changes');
    const listening = listens(page);
    await run(page).click();
    await listening;
    await page.getByRole('button', { name: /Stop query/ }).waitFor();
    await expectAccessible(page);
    const ask = await roster.client();
    const { nodes } = await ask('{ users(search: "amara.lund") { nodes { id } } }');
    await ask('mutation($id: ID!) { updateUser(id: $id, input: {title: "Heard"}) { user { id } } }', { id: nodes[0].id });
    await answer(page).getByText('"Amara Lund"').waitFor();
    await expectAccessible(page);
    await open(page, 'List people');
    await run(page).waitFor();
    expect(await answer(page).getByText('"Amara Lund"').count()).toBe(0);
  }));

test('nobody is kept out of answers, mistakes, tabs and menus', () =>
  visit(roster, {}, async (page) => {
    await openGraphiQL(page);
    await expectAccessible(page);
    await run(page).click();
    await answer(page).getByText('"Administrator"').waitFor();
    await expectAccessible(page);

    await open(page, 'Change a person');
    await page.getByRole('region', { name: 'Operation Editor' }).getByRole('textbox').focus();
    await page.keyboard.press('ControlOrMeta+a');
    await page.keyboard.insertText('{ users(first: 1000) { totalCount } }');
    await page.getByRole('tab', { name: '<untitled>' }).waitFor();
    await run(page).click();
    await answer(page).getByText('"errors"').waitFor();
    await expectAccessible(page);

    await open(page, 'Invite people');
    await run(page).click();
    await page.getByRole('menuitem', { name: 'Invite', exact: true }).waitFor();
    await expectAccessible(page);
    await page.keyboard.press('Escape');
    await expectFocus(page, 'Execute query (Ctrl-Enter)');
  }));

test('nobody is kept out of panes and dialogs', () =>
  visit(roster, {}, async (page) => {
    await openGraphiQL(page);
    await run(page).click();
    await answer(page).getByText('"Administrator"').waitFor();
    await page.getByRole('button', { name: 'Show History' }).click();
    await page.getByRole('button', { name: 'WhoAmI', exact: true }).waitFor();
    await expectAccessible(page);
    await page.getByRole('button', { name: 'Edit label' }).first().click();
    await page.getByPlaceholder('Type a label').waitFor();
    await expectAccessible(page);
    await page.keyboard.press('Enter');

    await page.getByRole('button', { name: 'Show Documentation Explorer' }).click();
    await page.getByText('Roster decides who may get into a product').waitFor();
    await expectAccessible(page);
    await page.getByRole('link', { name: 'Query', exact: true }).click();
    await page.getByRole('link', { name: 'users', exact: true }).waitFor();
    await expectAccessible(page);
    await page.getByRole('link', { name: 'users', exact: true }).click();
    await page.getByRole('link', { name: 'UserStatus' }).waitFor();
    await expectAccessible(page);
    await page.getByRole('link', { name: /Query/ }).click();
    await page.locator('.graphiql-plugin').getByRole('combobox').fill('invit');
    await page.getByRole('option').first().waitFor();
    await expectAccessible(page);
    await page.keyboard.press('Escape');

    for (const name of ['short keys', 'settings']) {
      await page.getByRole('button', { name: `Open ${name} dialog` }).click();
      await page.getByRole('dialog').waitFor();
      await expectAccessible(page);
      await page.keyboard.press('Escape');
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      await expectFocus(page, `Open ${name} dialog`);
    }
  }));

test('tabs are gone through and closed by keyboard, and the focus is not lost', () =>
  visit(roster, {}, async (page) => {
    await openGraphiQL(page);
    await open(page, 'List people');
    await open(page, 'Seats, counts and roles');
    // What is open already is not opened again.
    await open(page, 'List people');
    await tab(page, 'People').focus();
    await page.keyboard.press('ArrowRight');
    await expectFocus(page, 'Organization');
    await page.getByRole('region', { name: 'Operation Editor' }).getByText('userCounts').waitFor();
    await page.keyboard.press('ArrowRight');
    await expectFocus(page, 'WhoAmI');
    await page.keyboard.press('End');
    await expectFocus(page, 'Organization');
    await page.keyboard.press('Delete');
    await expectFocus(page, 'People');
    expect(await page.getByRole('tab').allTextContents()).toEqual(['WhoAmI', 'People']);
    await page.keyboard.press('Tab');
    await expectFocus(page, 'Close WhoAmI');
    await page.keyboard.press('Enter');
    await expectFocus(page, 'People');
    expect(await page.getByRole('tab').allTextContents()).toEqual(['People']);
    // The last one stays.
    await page.keyboard.press('Delete');
    expect(await page.getByRole('tab').count()).toBe(1);
    expect(await page.getByRole('button', { name: /^Close/ }).count()).toBe(0);
    await page.keyboard.press('Tab');
    await expectFocus(page, 'New tab');
    await page.keyboard.press('Enter');
    await expect.poll(() => page.getByRole('tab').count()).toBe(2);
  }));

test("GraphiQL follows the system's colours, until others are chosen", () =>
  visit(roster, { colorScheme: 'dark' }, async (page) => {
    await openGraphiQL(page);
    await drawn(page, 'dark');
    await page.emulateMedia({ colorScheme: 'light' });
    await drawn(page, 'light');
    await page.emulateMedia({ colorScheme: 'dark' });
    await drawn(page, 'dark');
    await page.getByRole('button', { name: 'Open settings dialog' }).click();
    await page.getByRole('button', { name: 'Light' }).click();
    await drawn(page, 'light');
    await page.getByRole('button', { name: 'System' }).click();
    await drawn(page, 'dark');
    await page.getByRole('button', { name: 'Light' }).click();
    await page.keyboard.press('Escape');
    await page.emulateMedia({ colorScheme: 'light' });
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.reload();
    await drawn(page, 'light');
  }));

test('GraphiQL on a phone: one thing above the other, and a pane instead of them', () =>
  visit(roster, phone, async (page) => {
    await enter(page, roster, '/graphiql');
    await page.getByRole('button', { name: /^Who am I/ }).waitFor();
    await expectAccessible(page);
    await page.getByRole('button', { name: /^Seats, counts and roles/ }).click();
    await tab(page, 'Organization').waitFor();
    await run(page).click();
    await answer(page).getByText('"userCounts"').waitFor();
    await expectAccessible(page);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
    await page.getByRole('button', { name: 'Show Documentation Explorer' }).click();
    await page.getByText('Roster decides who may get into a product').waitFor();
    await expectAccessible(page);
  }));

test('GraphiQL leads those who are not signed in to the sign-in, and back', () =>
  visit(roster, {}, async (page) => {
    await page.goto('/graphiql');
    await page.getByText('not signed in').waitFor();
    await page.getByRole('link', { name: 'sign in' }).click();
    await page.getByLabel('Username or e-mail').fill(admin.username);
    await page.getByLabel('Password', { exact: true }).fill(admin.password);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText(`signed in as ${admin.username}`).waitFor();
  }));

test('GraphiQL has no schema for strangers where others than this machine come to it', async () => {
  const elsewhere = await Installation.start([], { PUBLIC_URL: 'https://roster.example' });
  try {
    await visit(elsewhere, {}, async (page) => {
      const answered = page.waitForResponse((response) => response.request().postDataJSON()?.operationName === 'IntrospectionQuery');
      await page.goto('/graphiql');
      const { data, errors } = await (await answered).json();
      expect([data, errors[0].extensions.code]).toEqual([null, 'UNAUTHENTICATED']);
      await answer(page).getByText('"errors"').waitFor();
      await page.getByText('not signed in').waitFor();
      await expectAccessible(page);
    });
  } finally {
    await elsewhere.remove();
  }
});

test('GraphiQL can be taken away', async () => {
  const without = await Installation.start([], { GRAPHIQL: 'off' });
  try {
    for (const path of ['/graphiql', '/graphiql/index.html', '/graphiql/assets/index.js']) {
      expect((await fetch(without.url + path)).status, path).toBe(404);
    }
  } finally {
    await without.remove();
  }
});
