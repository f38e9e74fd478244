import { afterAll, beforeAll, expect, test } from 'vitest';
import { Installation } from './installation';
import { listens, openUsers, useBrowser, visit } from './visitor';

useBrowser();
let roster: Installation;
beforeAll(async () => {
  roster = await Installation.start(['--demo']);
});
afterAll(() => roster?.remove());

test('GraphiQL runs with the session of the page: examples, schema docs and subscriptions', () =>
  visit(roster, {}, async (page) => {
    await openUsers(page, roster);
    await page.goto('/graphiql');
    await page.getByText('signed in as ada@acme.example').waitFor();
    const answer = page.getByRole('region', { name: 'Result Window' });
    const run = page.getByRole('button', { name: /Execute query/ });
    await page.getByRole('region', { name: 'Operation Editor' }).getByText('Runs with the session').waitFor();
    await run.click();
    await answer.getByText('"Administrator"').waitFor();

    await page.getByRole('button', { name: /^Seats, counts and roles/ }).click();
    // A tab is named as soon as its operation is understood.
    await page.getByRole('tab', { name: 'Organization' }).waitFor();
    await run.click();
    await answer.getByText('"userCounts"').waitFor();

    await page.getByRole('button', { name: /^Listen to changes/ }).click();
    await page.getByRole('tab', { name: 'Changes' }).waitFor();
    const listening = listens(page);
    await run.click();
    await listening;
    const ask = await roster.client();
    const { nodes } = await ask('{ users(search: "amara.lund") { nodes { id } } }');
    await ask('mutation($id: ID!) { updateUser(id: $id, input: {title: "Heard"}) { user { id } } }', { id: nodes[0].id });
    await answer.getByText('"Amara Lund"').waitFor();

    await page.getByRole('button', { name: 'Show Documentation Explorer' }).click();
    await page.getByText('Roster decides who may get into a product').waitFor();
  }));

test('GraphiQL tells those who are not signed in what to do', () =>
  visit(roster, {}, async (page) => {
    await page.goto('/graphiql');
    await page.getByText('not signed in').waitFor();
    await page.getByRole('link', { name: 'sign in' }).click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  }));

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
