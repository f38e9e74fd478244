import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { admin, Installation } from './installation';
import { choose, enter, expectAccessible, expectAnnounced, openUsers, row, signIn, useBrowser, visit } from './visitor';

useBrowser();
let roster: Installation;
beforeAll(async () => {
  roster = await Installation.start(['--demo']);
});
afterAll(() => roster?.remove());

describe('the menu of a row', () => {
  test('resends an invitation, and the old link is dead', async () => {
    const old = await roster.invited('vic@acme.example');
    await visit(roster, {}, async (page) => {
      await openUsers(page, roster, '/users?tab=pending');
      await choose(page, 'vic@acme.example', 'Resend invitation');
      await page.getByRole('button', { name: 'Send again' }).click();
      await row(page, 'vic@acme').getByText(/fresh invitation is on its way/).waitFor();
      await expectAnnounced(page, /fresh invitation is on its way to vic/);
      const fresh = await roster.link('vic@acme.example', 2);
      await page.goto(old);
      await page.getByRole('heading', { name: 'This link no longer works' }).waitFor();
      await page.goto('about:blank');
      await page.goto(fresh);
      await page.getByRole('heading', { name: 'Welcome to Acme' }).waitFor();
    });
  });

  test('cancels a reset, and the link is dead; another reset kills the one before', async () => {
    const who = await roster.member('wil@acme.example');
    await visit(roster, {}, async (page) => {
      const expectDead = async (link: string) => {
        await page.goto('about:blank');
        await page.goto(link);
        await page.getByLabel('New password').fill('rivers run along a walk');
        await page.keyboard.press('Enter');
        await page.getByRole('heading', { name: 'This link no longer works' }).waitFor();
      };
      const send = async () => {
        await openUsers(page, roster, '/users?search=wil%40acme');
        await choose(page, who.username, 'Reset password');
        await page.getByRole('button', { name: 'Send the link' }).click();
        await row(page, who.username).getByText(/^A link to set a new password is on its way/).waitFor();
      };
      await send();
      const first = await roster.link(who.username, 2);
      await choose(page, who.username, 'Reset password');
      await page.getByText('The link that was sent before stops working.').waitFor();
      await page.getByRole('button', { name: 'Send the link' }).click();
      const second = await roster.link(who.username, 3);
      await expectDead(first);
      await openUsers(page, roster, '/users?search=wil%40acme');
      await choose(page, who.username, 'Cancel reset');
      await page.getByRole('button', { name: 'Cancel the reset' }).click();
      await row(page, who.username).getByText('was cancelled').waitFor();
      await expectDead(second);
    });
  });

  test('signs somebody out everywhere, at once', async () => {
    const who = await roster.member('xia@acme.example');
    await visit(roster, {}, async (theirs) => {
      await openUsers(theirs, roster, '/users', who);
      await visit(roster, {}, async (page) => {
        await openUsers(page, roster, '/users?search=xia%40acme');
        await choose(page, who.username, 'Sign out everywhere');
        await page.getByRole('button', { name: 'Sign out everywhere' }).click();
        await row(page, who.username).getByText('is signed out everywhere').waitFor();
      });
      await theirs.waitForURL(/\/sign-in\?next=%2Fusers$/);
      await theirs.getByRole('heading', { name: 'Sign in' }).waitFor();
    });
  });
});

describe('some of several rows', () => {
  test('are left as another has changed them meanwhile, and the rest is done', () =>
    visit(roster, {}, async (page) => {
      await openUsers(page, roster);
      for (const name of ['Antonio Mbeki', 'Amara Lund']) await page.getByRole('checkbox', { name: `Select ${name}` }).check();
      await page.getByRole('button', { name: 'Change role' }).click();
      const dialog = page.getByRole('dialog', { name: 'Change the role of 2 people' });
      await dialog.getByRole('combobox', { name: 'New role' }).click();
      await page.getByRole('option', { name: 'User Manager' }).click();
      const ask = await roster.client();
      const { id } = (await ask('{ users(search: "amara.lund") { nodes { id } } }')).nodes[0];
      await ask('mutation($id: ID!) { updateUser(id: $id, input: {title: "Meanwhile"}) { user { id } } }', { id });
      await dialog.getByRole('button', { name: 'Change role' }).click();
      await dialog.getByRole('button', { name: 'Done' }).waitFor();
      await expectAnnounced(page, '1 done, 1 not.');
      await dialog.getByRole('listitem').filter({ hasText: 'Antonio Mbeki' }).getByText('Done', { exact: true }).waitFor();
      await dialog.getByRole('listitem').filter({ hasText: 'Amara Lund' }).getByText(/changed/).waitFor();
    }));

  test('get their invitations again, each with its own answer', async () => {
    await roster.invited('yan@acme.example');
    await roster.invited('zoe@acme.example');
    await visit(roster, {}, async (page) => {
      await openUsers(page, roster, '/users?tab=pending&search=acme');
      for (const name of ['yan@acme.example', 'zoe@acme.example']) {
        await page.getByRole('checkbox', { name: `Select ${name}` }).check();
      }
      await page.getByRole('button', { name: 'Resend invitation' }).click();
      const dialog = page.getByRole('dialog', { name: 'Send the invitation of 2 people again?' });
      await dialog.getByRole('button', { name: 'Send again' }).click();
      await dialog.getByRole('button', { name: 'Done' }).waitFor();
      await expectAccessible(page, '[role=dialog]');
      await dialog.getByRole('button', { name: 'Done' }).click();
      await roster.link('yan@acme.example', 2);
      await roster.link('zoe@acme.example', 2);
    });
  });
});

describe('a link to the list', () => {
  test('that is sent to somebody shows them the same, once they have signed in', async () => {
    let link = '';
    await visit(roster, {}, async (page) => {
      await openUsers(page, roster);
      await page.getByRole('combobox', { name: 'CSM seat' }).click();
      await page.getByRole('option', { name: 'Has a seat' }).click();
      await page.waitForURL(/seat=yes/);
      await page.getByRole('button', { name: 'Last sign-in' }).click();
      await page.waitForURL(/sort=-lastLogin/);
      await page.getByRole('searchbox', { name: 'Search' }).fill('acme');
      await page.waitForURL(/search=acme/);
      await page.getByText('14 people').first().waitFor();
      link = page.url();
    });
    await visit(roster, {}, async (page) => {
      await signIn(page, admin, link);
      await page.getByText('14 people').first().waitFor();
      expect(page.url()).toBe(link);
      expect(await page.getByRole('searchbox', { name: 'Search' }).inputValue()).toBe('acme');
      expect(await page.getByRole('combobox', { name: 'CSM seat' }).inputValue()).toBe('Has a seat');
      expect(await page.getByRole('columnheader', { name: 'Last sign-in' }).getAttribute('aria-sort')).toBe('descending');
      // What makes no sense in an address is left out.
      await page.goto('/users?tab=nowhere&sort=nothing&seat=maybe');
      await row(page, 'Amara Lund').waitFor();
      await page.getByRole('tab', { name: 'Active', selected: true }).waitFor();
    });
  });

  test('with a page that is no more, says so', () =>
    visit(roster, { troubled: true }, async (page) => {
      await enter(page, roster, '/users?after=forged');
      await page.getByRole('alert').waitFor();
      await expectAccessible(page);
    }));
});
