import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { admin, Installation } from './installation';
import { askedOnReload, choose, enter, expectAccessible, openUsers, row, useBrowser, visit } from './visitor';

useBrowser();
let roster: Installation;
beforeAll(async () => {
  roster = await Installation.start(['--demo']);
});
afterAll(() => roster?.remove());

type Ask = Awaited<ReturnType<Installation['client']>>;
interface Person {
  id: string;
  name: string | null;
  email: string;
  version: number;
}

async function find(ask: Ask, search: string): Promise<Person> {
  const { nodes } = await ask('query($s: String) { users(search: $s) { nodes { id name email version } } }', { s: search });
  return nodes[0];
}

const names = (page: Page) => page.getByRole('row').getByRole('link').allTextContents();

describe('the list', () => {
  test('opens with one request, and shows each tab with its count', () =>
    visit(roster, {}, async (page) => {
      await openUsers(page, roster);
      expect(await askedOnReload(page)).toEqual(['Users']);
      await page.getByRole('tab', { name: 'Active 45' }).waitFor();
      await row(page, 'alejandro.kaplan@acme.example').waitFor();
      await page.getByText('17 of 25 CSM seats taken').waitFor();
      await page.getByRole('tab', { name: 'Pending 8' }).click();
      await row(page, 'The mailbox does not exist').waitFor();
      await expect.poll(() => page.getByRole('row').count()).toBe(9);
      await row(page, 'expired').first().waitFor();
      await page.getByRole('tab', { name: 'Inactive 7' }).click();
      await page.getByText('7 people').first().waitFor();
      await expect.poll(() => page.getByRole('row').count()).toBe(8);
    }));

  test('is sorted, searched and filtered, and the address says how', () =>
    visit(roster, {}, async (page) => {
      await openUsers(page, roster);
      const first = (await names(page))[0];
      await page.getByRole('button', { name: 'Name' }).click();
      await page.waitForURL(/sort=-name/);
      const sorted = () => page.getByRole('columnheader', { name: 'Name', exact: true }).getAttribute('aria-sort');
      await expect.poll(sorted).toBe('descending');
      await row(page, 'Zo').first().waitFor();
      await expect.poll(async () => (await names(page))[0]).not.toBe(first);

      await page.getByRole('searchbox', { name: 'Search' }).pressSequentially('perez', { delay: 20 });
      await page.waitForURL(/search=perez/);
      await page.getByText(/^\d (person|people)$/).first().waitFor();
      await expect.poll(async () => (await names(page)).every((name) => name.includes('Pérez'))).toBe(true);
      await page.reload();
      await expect.poll(() => page.getByRole('searchbox', { name: 'Search' }).inputValue()).toBe('perez');
      await row(page, 'Pérez').first().waitFor();

      await page.getByRole('searchbox', { name: 'Search' }).fill('nobody of this name');
      await page.getByText('Nobody here matches.').waitFor();
      await expectAccessible(page);
      await page.getByRole('button', { name: 'Clear search and filters' }).click();
      await page.getByText('45 people').first().waitFor();
      await expect.poll(() => page.getByRole('searchbox', { name: 'Search' }).inputValue()).toBe('');

      await page.getByRole('combobox', { name: 'CSM seat' }).click();
      await page.getByRole('option', { name: 'Has a seat' }).click();
      await page.waitForURL(/seat=yes/);
      await page.getByText('14 people').first().waitFor();
      await page.getByRole('combobox', { name: 'Role' }).click();
      await page.getByRole('option', { name: 'Viewer' }).click();
      await page.getByText('Nobody here matches.').waitFor();
      await page.goBack();
      await page.getByText('14 people').first().waitFor();
      await page.goBack();
      await page.getByText('45 people').first().waitFor();
    }));
});

describe('the menu of a row', () => {
  test('says what will happen, does it, and tells it on the row', () =>
    visit(roster, {}, async (page) => {
      await openUsers(page, roster);
      const who = 'Andrea Okafor';
      await choose(page, who, 'Reset password');
      const dialog = page.getByRole('dialog', { name: `Reset the password of ${who}?` });
      await dialog.getByText('The link expires in 24 hours.').waitFor();
      await dialog.getByText('the current password keeps working').waitFor();
      await expectAccessible(page, '[role=dialog]');
      await dialog.getByRole('button', { name: 'Send the link' }).click();
      await row(page, who).getByText(/^A link to set a new password is on its way/).waitFor();
      await row(page, who).getByText(/^Password reset/).waitFor();
      await expect.poll(() => page.evaluate(() => document.activeElement?.getAttribute('aria-label'))).toBe(`Actions for ${who}`);
      await roster.link('andrea.okafor@acme.example');

      await choose(page, who, 'Cancel reset');
      await page.getByRole('button', { name: 'Cancel the reset' }).click();
      await row(page, who).getByText('was cancelled').waitFor();
      await expect.poll(() => row(page, who).getByText(/^Password reset sent/).count()).toBe(0);

      await choose(page, who, 'Sign out everywhere');
      await page.getByRole('button', { name: 'Sign out everywhere' }).click();
      await row(page, who).getByText('is signed out everywhere').waitFor();

      await choose(page, who, 'Delete');
      await page.getByRole('button', { name: 'Delete', exact: true }).click();
      await page.getByText(`${who} was deleted.`).last().waitFor();
      await page.getByRole('tab', { name: 'Active 44' }).waitFor();
      await page.getByRole('tab', { name: 'Inactive 8' }).click();
      await choose(page, who, 'Reactivate');
      await page.getByRole('button', { name: 'Reactivate' }).click();
      await page.getByRole('tab', { name: 'Active 45' }).waitFor();
    }));

  test('keeps what is not allowed, with the reason', () =>
    visit(roster, {}, async (page) => {
      await openUsers(page, roster);
      await page.getByRole('searchbox', { name: 'Search' }).fill(admin.username);
      // The head, and the one who is found.
      await expect.poll(() => page.getByRole('row').count()).toBe(2);
      await page.getByRole('button', { name: `Actions for ${admin.username}` }).click();
      const remove = page.getByRole('menuitem', { name: /Delete/ });
      expect(await remove.getAttribute('aria-disabled')).toBe('true');
      expect(await remove.textContent()).toContain('You cannot delete yourself');
      await expectAccessible(page);
    }));

  test('works by keyboard alone', () =>
    visit(roster, {}, async (page) => {
      await openUsers(page, roster);
      await page.getByRole('button', { name: 'Actions for Amara Lund' }).focus();
      await page.keyboard.press('Enter');
      await expect.poll(() => page.evaluate(() => document.activeElement?.textContent)).toBe('Edit');
      await page.keyboard.press('Enter');
      await page.getByRole('dialog', { name: 'Edit Amara Lund' }).waitFor();
      await expect.poll(() => page.evaluate(() => document.activeElement?.tagName)).toBe('INPUT');
      await page.keyboard.press('Escape');
      await expect
        .poll(() => page.evaluate(() => document.activeElement?.getAttribute('aria-label')))
        .toBe('Actions for Amara Lund');
    }));
});

describe('new users', () => {
  test('get a verdict each before anything is sent, and an answer after', () =>
    visit(roster, {}, async (page) => {
      await openUsers(page, roster);
      await page.getByRole('button', { name: 'New users' }).click();
      const dialog = page.getByRole('dialog', { name: 'New users' });
      await dialog.getByRole('combobox', { name: 'Role' }).click();
      await page.getByRole('option', { name: 'Viewer' }).click();
      const box = dialog.getByLabel('E-mail addresses');
      await box.fill(
        'Ann Lee <ann@example.com>, bob@example..com\namara.lund@acme.example\tcy@example.com; CY@example.com nia.nakamura@acme.example',
      );
      for (const [address, verdict] of [
        ['ann@example.com', 'new'],
        ['bob@example..com', 'not an address'],
        ['amara.lund@acme.example', 'already here'],
        ['CY@example.com', 'twice in the list'],
        ['nia.nakamura@acme.example', 'gets a fresh link'],
      ]) {
        await dialog.getByRole('listitem').filter({ hasText: address }).getByText(verdict ?? '').first().waitFor();
      }
      await dialog.getByText('3 of 6 get a mail.').waitFor();
      await expectAccessible(page, '[role=dialog]');
      await dialog.getByRole('button', { name: 'Leave amara.lund@acme.example out' }).click();
      await dialog.getByText('3 of 5 get a mail.').waitFor();
      await dialog.getByRole('button', { name: 'Invite 3 people' }).click();
      await dialog.getByText('Invited as Viewer').first().waitFor();
      expect(await box.inputValue()).toBe('bob@example..com');
      await roster.link('ann@example.com');

      await box.fill('bob@example.com');
      await dialog.getByRole('button', { name: 'Invite 1 person' }).click();
      await dialog.getByRole('button', { name: 'Done' }).waitFor();
      await expectAccessible(page, '[role=dialog]');
      await dialog.getByRole('button', { name: 'Done' }).click();
      await page.getByRole('tab', { name: 'Pending 11' }).waitFor();
      await expect.poll(() => page.evaluate(() => document.activeElement?.textContent)).toBe('New users');
    }));

  test('are not invited beyond the seats, and the page says what to do', async () => {
    const full = await Installation.start(['--demo'], { SEAT_LIMIT: '17' });
    try {
      await visit(full, {}, async (page) => {
        await openUsers(page, full);
        await page.getByRole('button', { name: 'None free' }).click();
        await page.getByText('To free a seat').waitFor();
        await page.getByRole('link', { name: 'raise the limit' }).waitFor();
        await expectAccessible(page);
        await page.keyboard.press('Escape');
        await page.getByRole('button', { name: 'New users' }).click();
        const dialog = page.getByRole('dialog', { name: 'New users' });
        await dialog.getByRole('combobox', { name: 'Role' }).click();
        await page.getByRole('option', { name: /Customer Success Manager/ }).click();
        await dialog.getByLabel('E-mail addresses').fill('dan@example.com');
        await dialog.getByText('no seat left').waitFor();
      });
    } finally {
      await full.remove();
    }
  });
});

describe('an edit', () => {
  test('sends only what was changed', () =>
    visit(roster, {}, async (page) => {
      await openUsers(page, roster);
      await choose(page, 'Antonio Mbeki', 'Edit');
      await expectAccessible(page, '[role=dialog]');
      const sent = page.waitForRequest((request) => request.postDataJSON()?.operationName === 'UpdateUser');
      await page.getByRole('dialog').getByLabel('Title').fill('Head of Analysis');
      await page.keyboard.press('Enter');
      const { input } = (await sent).postDataJSON().variables;
      expect(Object.keys(input).sort()).toEqual(['expectedVersion', 'title']);
      await row(page, 'Antonio Mbeki').getByText('Head of Analysis').waitFor();
    }));

  test('that cannot be is refused at its field', () =>
    visit(roster, {}, async (page) => {
      await openUsers(page, roster);
      await choose(page, 'Camille Smith', 'Edit');
      await page.getByLabel('Username').fill('amara.lund@acme.example');
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByText('Somebody else here has this username').waitFor();
      expect(await page.getByLabel('Username').getAttribute('aria-invalid')).toBe('true');
    }));

  test('that meets another shows both, and lets one choose', () =>
    visit(roster, {}, async (page) => {
      await openUsers(page, roster);
      await choose(page, 'David Stewart', 'Edit');
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel('Title').fill('Mine');
      const ask = await roster.client();
      const { id } = await find(ask, 'David Stewart');
      await ask('mutation($id: ID!) { updateUser(id: $id, input: {title: "Theirs", name: "Dave Stewart"}) { user { id } } }', { id });
      await dialog.getByRole('button', { name: 'Save' }).click();
      await dialog.getByText('Somebody else has changed this person meanwhile').waitFor();
      await dialog.getByText('Name is now Dave Stewart').waitFor();
      await expectAccessible(page, '[role=dialog]');
      expect(await dialog.getByRole('radio', { name: 'Yours: Mine' }).isChecked()).toBe(true);
      await dialog.getByRole('radio', { name: 'Theirs: Theirs' }).check();
      expect(await dialog.getByRole('textbox', { name: 'Title' }).inputValue()).toBe('Theirs');
      await dialog.getByRole('radio', { name: 'Yours: Mine' }).check();
      await dialog.getByRole('button', { name: 'Save' }).click();
      await row(page, 'Dave Stewart').getByText('Mine').waitFor();
    }));
});

describe('several rows', () => {
  test('are changed together, with a result for each', () =>
    visit(roster, {}, async (page) => {
      await openUsers(page, roster);
      await page.getByRole('searchbox', { name: 'Search' }).fill('acme');
      // Another list is another choice.
      await page.waitForURL(/search=acme/);
      await expect.poll(() => page.locator('[data-outdated]').count()).toBe(0);
      for (const name of ['Alejandro Kaplan', 'Anna Martínez', admin.username]) {
        await page.getByRole('checkbox', { name: `Select ${name}` }).check();
      }
      await expectAccessible(page);
      await page.getByRole('button', { name: 'Change role' }).click();
      const dialog = page.getByRole('dialog', { name: 'Change the role of 3 people' });
      await dialog.getByText('You cannot change your own role').waitFor();
      await dialog.getByRole('combobox', { name: 'New role' }).click();
      await page.getByRole('option', { name: 'User Manager' }).click();
      await expectAccessible(page, '[role=dialog]');
      await dialog.getByRole('button', { name: 'Change role' }).click();
      await dialog.getByRole('button', { name: 'Done' }).waitFor();
      expect(await dialog.getByText('Done', { exact: true }).count()).toBe(3);
      await dialog.getByRole('button', { name: 'Done' }).click();
      await row(page, 'Anna Martínez').getByRole('cell', { name: 'User Manager', exact: true }).waitFor();

      await page.getByRole('checkbox', { name: 'Select Anna Martínez' }).check();
      await page.getByRole('button', { name: 'Delete' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Done' }).click();
      await page.getByRole('tab', { name: /Inactive/ }).click();
      await page.getByRole('checkbox', { name: 'Select Anna Martínez' }).check();
      await page.getByRole('button', { name: 'Reactivate' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Reactivate' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Done' }).click();
      await expect.poll(() => row(page, 'Anna Martínez').count()).toBe(0);
    }));
});

describe('what others do', () => {
  test('appears by itself', () =>
    visit(roster, {}, async (page) => {
      await openUsers(page, roster);
      const ask = await roster.client();
      const { id } = await find(ask, 'Aylin Rossi');
      await ask('mutation($id: ID!) { updateUser(id: $id, input: {title: "Changed elsewhere"}) { user { id } } }', { id });
      await row(page, 'Aylin Rossi').getByText('Changed elsewhere').waitFor();
    }));

  test('is missed while there is no connection, which is told, and made up for', () =>
    visit(roster, { troubled: true }, async (page) => {
      await openUsers(page, roster);
      await roster.stop();
      await page.getByText('Changes of others do not arrive at the moment').waitFor();
      await roster.start();
      const ask = await roster.client();
      const { id } = await find(ask, 'Chukwu Olsen');
      await ask('mutation($id: ID!) { updateUser(id: $id, input: {title: "While you were away"}) { user { id } } }', { id });
      await row(page, 'Chukwu Olsen').getByText('While you were away').waitFor({ timeout: 30_000 });
      await expect.poll(() => page.getByText('Changes of others do not arrive').count()).toBe(0);

      await page.context().setOffline(true);
      await page.getByText('You are offline').waitFor();
      await page.context().setOffline(false);
      await expect.poll(() => page.getByText('You are offline').count()).toBe(0);
    }));
});

describe('whoever may only look', () => {
  test('sees people, and nothing that they may not do', async () => {
    const said = /username=(\S+) password="([^"]+)" role=Viewer/.exec(roster.log);
    await visit(roster, {}, async (page) => {
      await enter(page, roster, '/users', { username: said?.[1] ?? '', password: said?.[2] ?? '' });
      await page.getByRole('tab', { name: /Active/ }).waitFor();
      await page.getByRole('row').nth(1).waitFor();
      expect(await page.getByRole('button', { name: 'New users' }).count()).toBe(0);
      expect(await page.getByRole('checkbox').count()).toBe(0);
      expect(await page.getByRole('link', { name: 'Audit log' }).count()).toBe(0);
      await page.getByRole('button', { name: 'Actions for Alejandro Pérez' }).click();
      const edit = page.getByRole('menuitem', { name: /Edit/ });
      expect(await edit.getAttribute('aria-disabled')).toBe('true');
      expect(await edit.textContent()).toContain('MANAGE_USERS');
    });
  });
});

test('a fault of the service says what to do, and gives its number', () =>
  visit(roster, { troubled: true }, async (page) => {
    await openUsers(page, roster);
    await page.route('**/graphql', (route) =>
      route.fulfill({
        json: {
          data: null,
          errors: [{ message: 'Something went wrong on our side.', extensions: { code: 'INTERNAL', requestId: 'R-1' } }],
        },
      }),
    );
    await page.getByRole('tab', { name: /Pending/ }).click();
    const alert = page.getByRole('alert').filter({ hasText: 'Something went wrong' });
    await alert.getByText('R-1').waitFor();
    await expectAccessible(page);
    await page.unroute('**/graphql');
    await alert.getByRole('button', { name: 'Try again' }).click();
    await row(page, 'Nia Nakamura').waitFor();
  }));
