import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { admin, Installation } from './installation';
import {
  enter,
  expectAccessible,
  expectAnnounced,
  expectFocus,
  focused,
  openUsers,
  row,
  useBrowser,
  visit,
} from './visitor';

// What is selected and changed beyond one page.

useBrowser();
let roster: Installation;
let ask: Awaited<ReturnType<Installation['client']>>;
beforeAll(async () => {
  roster = await Installation.start(['--seed', '1300']);
  ask = await roster.client();
});
afterAll(() => roster?.remove());

const toolbar = (page: Page) => page.getByRole('toolbar', { name: 'Selected people' });
const links = (page: Page) => page.getByRole('row').getByRole('link').allTextContents();
const listed = (page: Page) => expect.poll(() => page.locator('[data-outdated], [aria-busy=true]').count()).toBe(0);

const selectedCount = async (page: Page) => Number(/^\d+/.exec((await toolbar(page).getByText(/selected$/).textContent()) ?? '')?.[0]);

/** What is asked of the service from now on, by its name. */
function watchRequests(page: Page): string[] {
  const asked: string[] = [];
  page.on('request', (request) => {
    if (request.method() === 'POST') asked.push(String(request.postDataJSON().operationName));
  });
  return asked;
}

/** Holds back each change of one of many for a moment, so that there is a middle. */
async function slowly(page: Page, name: string, moment = 150) {
  await page.route('**/graphql', async (route) => {
    if (route.request().postDataJSON()?.operationName === name) await new Promise((resolve) => setTimeout(resolve, moment));
    await route.continue();
  });
}

/** Asks for a role in the dialog that changes it. */
async function chooseRole(page: Page, role: string | RegExp) {
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('combobox', { name: 'New role' }).click();
  await page.getByRole('option', { name: role }).click();
  return dialog;
}

describe('who is selected', () => {
  test('stays so while pages are turned and sorted, and not on another list', () =>
    visit(roster, {}, async (page) => {
      await openUsers(page, roster);
      const [first = '', second = ''] = await links(page);
      await page.getByRole('checkbox', { name: `Select ${first}` }).first().check();
      await page.getByRole('checkbox', { name: `Select ${second}` }).first().check();
      await expectAnnounced(page, '2 selected');
      await page.getByRole('button', { name: 'Next' }).click();
      await expect.poll(async () => (await links(page))[0]).not.toBe(first);
      await toolbar(page).getByText('2 selected').waitFor();
      await toolbar(page).getByText('none on this page').waitFor();
      const all = page.getByRole('checkbox', { name: 'Select everybody on this page' });
      expect(await all.isChecked()).toBe(false);
      await all.check();
      await toolbar(page).getByText('52 selected').waitFor();
      await toolbar(page).getByText('50 on this page').waitFor();
      await expectAccessible(page);
      await all.uncheck();
      await toolbar(page).getByText('2 selected').waitFor();
      await page.getByRole('button', { name: 'First', exact: true }).click();
      await expect.poll(async () => (await links(page))[0]).toBe(first);
      expect(await page.getByRole('checkbox', { name: `Select ${first}` }).first().isChecked()).toBe(true);
      expect(await all.evaluate((box: HTMLInputElement) => box.indeterminate)).toBe(true);
      await page.getByRole('button', { name: 'Last sign-in' }).click();
      await page.waitForURL(/sort=/);
      await listed(page);
      await toolbar(page).getByText('2 selected').waitFor();
      await page.getByRole('searchbox', { name: 'Search' }).fill('anna');
      await page.waitForURL(/search=anna/);
      await toolbar(page).waitFor({ state: 'detached' });
      await expectAnnounced(page, /^\d+ people$/);
    }));

  test('is nobody on another list, also when they are on it and it is known already', () =>
    visit(roster, {}, async (page) => {
      await openUsers(page, roster, '/users?search=anna');
      const anna = await row(page, 'Anna').first().getByRole('link').textContent();
      await page.getByRole('combobox', { name: 'CSM seat' }).click();
      await page.getByRole('option', { name: 'No seat' }).click();
      await page.waitForURL(/seat=no/);
      await listed(page);
      await page.getByRole('checkbox', { name: 'Select everybody on this page' }).check();
      await toolbar(page).waitFor();
      await page.goBack();
      await row(page, anna ?? '').first().waitFor();
      await toolbar(page).waitFor({ state: 'detached' });
      await page.goForward();
      await page.waitForURL(/seat=no/);
      await listed(page);
      expect(await page.getByRole('checkbox', { checked: true }).count()).toBe(0);
    }));

  test('is everybody who matches, with a request for each hundred, and no more than a thousand', () =>
    visit(roster, {}, async (page) => {
      await openUsers(page, roster);
      await page.getByRole('checkbox', { name: 'Select everybody on this page' }).check();
      const asked = watchRequests(page);
      await toolbar(page).getByRole('button', { name: 'Select the first 1,000' }).focus();
      await page.keyboard.press('Enter');
      await expectAnnounced(page, '1,000 selected');
      expect(asked).toEqual(Array.from({ length: 10 }, () => 'SelectUsers'));
      // The button is gone, and the focus is not.
      await expectFocus(page, 'Selected people');
      await page.getByRole('button', { name: 'Clear selection' }).click();
      await expectFocus(page, 'Select everybody on this page');

      await page.goto('/users?tab=inactive');
      const count = (await ask('{ organization { userCounts { inactive } } }')).userCounts.inactive;
      await page.getByRole('row').nth(50).waitFor();
      await page.getByRole('row').nth(3).getByRole('checkbox').check();
      asked.length = 0;
      await page.getByRole('button', { name: `Select all ${count}` }).click();
      await toolbar(page).getByText(`${count} selected`).waitFor();
      expect(asked).toEqual(Array.from({ length: Math.ceil(count / 100) }, () => 'SelectUsers'));
      expect(await toolbar(page).getByRole('button', { name: /^Select/ }).count()).toBe(0);
    }));

  test('is not said to be everybody when looking for them is stopped, or fails', () =>
    visit(roster, { troubled: true }, async (page) => {
      await openUsers(page, roster);
      await page.getByRole('row').nth(1).getByRole('checkbox').check();
      let answers = 0;
      let fails = false;
      await page.route('**/graphql', async (route) => {
        if (route.request().postDataJSON()?.operationName !== 'SelectUsers') return route.continue();
        if (fails) {
          const message = 'It broke.';
          return route.fulfill({ json: { data: null, errors: [{ message, extensions: { code: 'INTERNAL', requestId: 'R-7' } }] } });
        }
        // The third does not come before it is stopped.
        if (++answers < 3) await route.continue();
      });
      await toolbar(page).getByRole('button', { name: /^Select the first/ }).click();
      await toolbar(page).getByRole('button', { name: 'Stop, 200 found' }).click();
      await toolbar(page).getByText('1 selected').waitFor();
      fails = true;
      await toolbar(page).getByRole('button', { name: /^Select the first/ }).click();
      const alert = page.getByRole('alert').filter({ hasText: 'It broke.' });
      await alert.getByText('R-7').waitFor();
      await toolbar(page).getByText('1 selected').waitFor();
      await page.unroute('**/graphql');
      await alert.getByRole('button', { name: 'Try again' }).click();
      await toolbar(page).getByText('1,000 selected').waitFor();
      await expect.poll(() => page.getByRole('alert').count()).toBe(0);
    }));
});

describe('a change of many', () => {
  test('answers for each: who has left, who was changed, and who is done; the rest stay selected', () =>
    visit(roster, {}, async (page) => {
      await openUsers(page, roster, '/users?search=an');
      const { nodes } = await ask('{ users(status: ACTIVE, search: "an", first: 10) { nodes { id email } } }');
      await page.getByRole('checkbox', { name: 'Select everybody on this page' }).check();
      const chosen = await selectedCount(page);
      await page.getByRole('button', { name: 'Change role' }).click();
      const dialog = await chooseRole(page, 'User Manager');
      await ask('mutation($id: ID!) { deleteUser(id: $id) { user { id } } }', { id: nodes[0].id });
      await ask('mutation($id: ID!) { updateUser(id: $id, input: {title: "Meanwhile"}) { user { id } } }', { id: nodes[1].id });
      await dialog.getByRole('button', { name: 'Change role' }).click();
      await expectAnnounced(page, `${chosen - 2} done, 2 not.`);
      await dialog.getByText(`${chosen - 2} done, 2 not`, { exact: true }).waitFor();
      const lines = dialog.getByRole('listitem');
      // What needs to be looked at stands first.
      await lines.nth(0).getByText(/^(Was deleted meanwhile|Somebody else has changed)/).waitFor();
      await lines.filter({ hasText: nodes[0].email }).getByText('Was deleted meanwhile').first().waitFor();
      await lines.filter({ hasText: nodes[1].email }).getByText('Somebody else has changed this person').first().waitFor();
      await expectAccessible(page, '[role=dialog]');
      await dialog.getByRole('button', { name: 'Done' }).click();
      // Of the two, one can be tried again as they are now.
      await toolbar(page).getByText('2 selected').waitFor();
      await page.getByRole('button', { name: 'Change role' }).click();
      await (await chooseRole(page, 'User Manager')).getByRole('button', { name: 'Change role' }).click();
      await expectAnnounced(page, /^2 done, 0 not\.$/);
    }));

  test('is stopped in the middle, and goes on with those who were not reached', () =>
    visit(roster, {}, async (page) => {
      await openUsers(page, roster, '/users?tab=pending');
      await page.getByRole('checkbox', { name: 'Select everybody on this page' }).check();
      await page.getByRole('button', { name: 'Resend invitation' }).click();
      const dialog = page.getByRole('dialog', { name: 'Send the invitation of 50 people again?' });
      await slowly(page, 'ResendToOneOfMany');
      const asked = watchRequests(page);
      // Twice: it is one change all the same.
      await dialog.getByRole('button', { name: 'Send again' }).dblclick();
      await dialog.getByText(/^([4-9]|\d\d) of 50$/).waitFor();
      // It is not closed by chance.
      await page.keyboard.press('Escape');
      await dialog.getByRole('button', { name: 'Stop' }).click();
      await dialog.getByText('You have stopped it.').waitFor();
      const sent = asked.filter((name) => name === 'ResendToOneOfMany').length;
      expect(sent).toBeLessThan(50);
      await expectAnnounced(page, `${sent} done, ${50 - sent} not. You have stopped it.`);
      expect(await dialog.getByText('Not reached', { exact: true }).count()).toBe(50 - sent);
      await expectAccessible(page, '[role=dialog]');
      await dialog.getByRole('button', { name: 'Done' }).click();
      await toolbar(page).getByText(`${50 - sent} selected`).waitFor();
      await page.unroute('**/graphql');
      asked.length = 0;
      await page.getByRole('button', { name: 'Resend invitation' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Send again' }).click();
      await expectAnnounced(page, `${50 - sent} done, 0 not.`);
      expect(asked.filter((name) => name === 'ResendToOneOfMany').length).toBe(50 - sent);
      await page.getByRole('dialog').getByRole('button', { name: 'Done' }).click();
      await toolbar(page).waitFor({ state: 'detached' });
    }));

  test('asks once who is there, however many need it, and goes on', () =>
    visit(roster, { troubled: true }, async (page) => {
      await openUsers(page, roster, '/users?search=ma');
      let proved = false;
      await page.route('**/graphql', (route) => {
        const { operationName } = route.request().postDataJSON();
        if (operationName === 'Reauthenticate') proved = true;
        if (operationName !== 'ChangeRoleOfOneOfMany' || proved) return route.continue();
        const message = 'Prove again who you are.';
        return route.fulfill({ json: { data: null, errors: [{ message, extensions: { code: 'REAUTHENTICATION_REQUIRED' } }] } });
      });
      await page.getByRole('checkbox', { name: 'Select everybody on this page' }).check();
      const chosen = await selectedCount(page);
      expect(chosen).toBeGreaterThan(4);
      await page.getByRole('button', { name: 'Change role' }).click();
      const dialog = await chooseRole(page, 'Viewer');
      const asked = watchRequests(page);
      await dialog.getByRole('button', { name: 'Change role' }).click();
      const proof = page.getByRole('dialog', { name: 'Is it you?' });
      await proof.getByLabel('Your password').fill(admin.password);
      await proof.getByRole('button', { name: 'Continue' }).click();
      await expectAnnounced(page, `${chosen} done, 0 not.`);
      expect(await proof.count()).toBe(0);
      expect(asked.filter((name) => name === 'Reauthenticate')).toHaveLength(1);
      await page.unroute('**/graphql');
    }));

  test('that is sent again, as its answer was lost, has one effect', () =>
    visit(roster, { troubled: true }, async (page) => {
      await openUsers(page, roster, '/users?search=jo');
      await page.getByRole('row').nth(1).getByRole('checkbox').check();
      await page.getByRole('row').nth(2).getByRole('checkbox').check();
      await page.getByRole('button', { name: 'Change role' }).click();
      const dialog = await chooseRole(page, 'User Manager');
      let lost = 0;
      await page.route('**/graphql', async (route) => {
        if (route.request().postDataJSON()?.operationName !== 'ChangeRoleOfOneOfMany' || lost === 2) return route.continue();
        lost++;
        await route.fetch();
        return route.abort();
      });
      await dialog.getByRole('button', { name: 'Change role' }).click();
      await expectAnnounced(page, '2 done, 0 not.');
      expect(lost).toBe(2);
      await page.unroute('**/graphql');
    }));

  test('ends when the service is away, and says who was not reached', () =>
    visit(roster, { troubled: true }, async (page) => {
      await openUsers(page, roster, '/users?tab=pending&search=a');
      await page.getByRole('checkbox', { name: 'Select everybody on this page' }).check();
      await page.getByRole('button', { name: 'Resend invitation' }).click();
      await page.route('**/graphql', (route) => route.abort());
      const dialog = page.getByRole('dialog');
      await dialog.getByRole('button', { name: 'Send again' }).click();
      await expectFocus(page, 'Stop');
      await dialog.getByRole('alert').getByText('The service cannot be reached').waitFor();
      await expectFocus(page, 'Done');
      await dialog.getByText('Not reached').first().waitFor();
      await page.unroute('**/graphql');
      await dialog.getByRole('button', { name: 'Done' }).click();
      await page.getByRole('button', { name: 'Resend invitation' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Send again' }).click();
      await expectAnnounced(page, /^\d+ done, 0 not\.$/);
    }));

  test('is told of when the session ends in the middle', async () => {
    const who = await roster.member('mid@acme.example', 'User Manager');
    await visit(roster, { troubled: true }, async (page) => {
      await openUsers(page, roster, '/users?tab=pending', who);
      await page.getByRole('checkbox', { name: 'Select everybody on this page' }).check();
      await page.getByRole('button', { name: 'Resend invitation' }).click();
      await slowly(page, 'ResendToOneOfMany');
      const dialog = page.getByRole('dialog');
      await dialog.getByRole('button', { name: 'Send again' }).click();
      await dialog.getByText(/^([4-9]|\d\d) of 50$/).waitFor();
      const { id } = (await ask('{ users(search: "mid@acme") { nodes { id } } }')).nodes[0];
      await ask('mutation($id: ID!) { revokeSessions(userId: $id) { user { id } } }', { id });
      await page.waitForURL(/\/sign-in\?next=%2Fusers%3Ftab%3Dpending/);
      await page.getByRole('alert').getByText(/^What you began was interrupted: \d+ done, \d+ not\.$/).waitFor();
      await page.unrouteAll({ behavior: 'ignoreErrors' });
    });
  });

  test('ends at the limit of mails, and says when it goes on', async () => {
    const limited = await Installation.start(['--demo'], { INVITATIONS_PER_HOUR: '3' });
    try {
      await visit(limited, {}, async (page) => {
        await openUsers(page, limited, '/users?tab=pending');
        await page.getByRole('checkbox', { name: 'Select everybody on this page' }).check();
        await page.getByRole('button', { name: 'Resend invitation' }).click();
        const dialog = page.getByRole('dialog');
        await dialog.getByRole('button', { name: 'Send again' }).click();
        await dialog.getByRole('alert').getByText(/3 invitations an hour/).waitFor();
        await dialog.getByText('3 done, 5 not', { exact: true }).waitFor();
        await dialog.getByRole('button', { name: 'Done' }).click();
        await toolbar(page).getByText('5 selected').waitFor();
      });
    } finally {
      await limited.remove();
    }
  });

  test('takes the seats there are, and no more', async () => {
    const { available, used } = (await ask('{ organization { seats { available used } } }')).seats;
    const change = 'mutation($in: UpdateOrganizationInput!) { updateOrganization(input: $in) { userErrors { message } } }';
    await ask(change, { in: { seatLimit: used + 5 } });
    await visit(roster, {}, async (page) => {
      await openUsers(page, roster, '/users?seat=no&search=s');
      await page.getByRole('checkbox', { name: 'Select everybody on this page' }).check();
      const chosen = await selectedCount(page);
      expect(chosen).toBeGreaterThan(5);
      await page.getByRole('button', { name: 'Change role' }).click();
      const dialog = await chooseRole(page, /Customer Success Manager/);
      await dialog.getByRole('button', { name: 'Change role' }).click();
      await expectAnnounced(page, `5 done, ${chosen - 5} not.`);
      await dialog.getByText(/seat/).first().waitFor();
      await dialog.getByRole('button', { name: 'Done' }).click();
      await toolbar(page).getByText(`${chosen - 5} selected`).waitFor();
      await page.getByRole('button', { name: 'None free' }).waitFor();
    });
    await ask(change, { in: { seatLimit: used + available } });
  });

  test('that empties the last page goes on at the first', () =>
    visit(roster, {}, async (page) => {
      await enter(page, roster, '/users?tab=inactive');
      await row(page, '@').first().waitFor();
      await page.getByRole('button', { name: 'Next' }).click();
      await page.waitForURL(/after=/);
      const first = (await links(page))[0];
      while (await page.getByRole('button', { name: 'Next' }).isEnabled()) {
        await page.getByRole('button', { name: 'Next' }).click();
        await listed(page);
      }
      await expect.poll(async () => (await links(page))[0]).not.toBe(first);
      await page.getByRole('checkbox', { name: 'Select everybody on this page' }).check();
      await page.getByRole('button', { name: 'Reactivate' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Reactivate' }).click();
      await expectAnnounced(page, /^\d+ done, 0 not\.$/);
      await page.getByRole('dialog').getByRole('button', { name: 'Done' }).click();
      await expect.poll(() => new URL(page.url()).search).toBe('?tab=inactive');
      await row(page, '@').first().waitFor();
    }));
});

test.each([390, 320])('on a phone of %d points what is selected hides no row, and nothing is wider than the screen', (width) =>
  visit(roster, { viewport: { width, height: 740 }, isMobile: true, hasTouch: true }, async (page) => {
    await openUsers(page, roster, '/users?tab=pending');
    await page.getByRole('row').nth(50).waitFor();
    await page.getByRole('row').nth(1).getByRole('checkbox').check();
    await toolbar(page).getByRole('button', { name: 'Change' }).waitFor();
    await expectAccessible(page);
    await page.evaluate(() => window.scrollTo(0, document.body.scrollHeight));
    const bottom = (await page.getByRole('row').last().boundingBox()) ?? { y: 0, height: 0 };
    const bar = (await toolbar(page).boundingBox()) ?? { y: 0, height: 0 };
    const pager = (await page.getByRole('navigation', { name: 'Pages of the list' }).boundingBox()) ?? { y: 0 };
    expect(bottom.y + bottom.height).toBeLessThanOrEqual(bar.y);
    expect(bar.y + bar.height).toBeLessThanOrEqual(pager.y + 1);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
    await toolbar(page).getByRole('button', { name: 'Change' }).click();
    await expectAccessible(page, '[role=menu]');
    await page.getByRole('menuitem', { name: 'Resend invitation' }).click();
    await page.getByRole('dialog', { name: 'Send the invitation of 1 person again?' }).waitFor();
    await page.keyboard.press('Escape');
    await expect.poll(() => focused(page)).toBe('Change');
  }),
);
