import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { admin, Installation, totp } from './installation';
import { expectAccessible, openUsers, signIn, useBrowser, visit } from './visitor';

useBrowser();
let roster: Installation;
beforeAll(async () => {
  roster = await Installation.start(['--demo']);
});
afterAll(() => roster?.remove());

describe('sign in', () => {
  test('leads to the page that was asked for, and out again', () =>
    visit(roster, {}, async (page) => {
      await page.goto('/users?tab=pending');
      await page.waitForURL(/\/sign-in\?next=/);
      expect(await page.getByLabel('Username or e-mail').getAttribute('autocomplete')).toBe('username');
      expect(await page.getByLabel('Password', { exact: true }).getAttribute('autocomplete')).toBe('current-password');
      await expectAccessible(page);
      await page.getByLabel('Username or e-mail').fill(admin.username);
      await page.getByLabel('Password', { exact: true }).fill('a wrong password, surely');
      await page.keyboard.press('Enter');
      await page.getByRole('alert').getByText(/wrong/).waitFor();
      await page.getByLabel('Password', { exact: true }).fill(admin.password);
      await page.keyboard.press('Enter');
      await page.waitForURL(`${roster.url}/users?tab=pending`);
      await page.getByRole('tab', { name: 'Pending', selected: true }).waitFor();

      await page.getByRole('button', { name: admin.username, exact: true }).click();
      await page.getByRole('menuitem', { name: 'Sign out' }).click();
      await page.getByRole('heading', { name: 'Sign in' }).waitFor();
      await page.goto('/users');
      await page.waitForURL(/\/sign-in/);
    }));

  test('goes nowhere else than to this console', () =>
    visit(roster, {}, async (page) => {
      await signIn(page, admin, '/sign-in?next=//evil.example/');
      await page.waitForURL(`${roster.url}/users`);
    }));

  test('remembers the organization that a link has named', () =>
    visit(roster, {}, async (page) => {
      for (const path of ['/sign-in?organization=elsewhere', '/sign-in']) {
        await page.goto(path);
        await page.getByText('elsewhere').waitFor();
      }
      await page.getByLabel('Username or e-mail').fill(admin.username);
      await page.getByLabel('Password', { exact: true }).fill(admin.password);
      await page.keyboard.press('Enter');
      await page.getByRole('alert').waitFor();
      await page.getByRole('button', { name: 'Use another' }).click();
      await signIn(page);
      await page.waitForURL(`${roster.url}/users`);
    }));

  test('of another organization is found by its link, remembered, and chosen by the mails of it', async () => {
    const log = roster.command('organization', 'add', 'Beta', '--admin', 'ops@beta.example');
    const ops = { username: 'ops@beta.example', password: 'rivers run along a walk' };
    await visit(roster, {}, async (page) => {
      await page.goto(/link="?(http\S+#token=[\w-]+)/.exec(log)?.[1] ?? '');
      await page.getByRole('heading', { name: 'Welcome to Beta' }).waitFor();
      await page.getByLabel('Password', { exact: true }).fill(ops.password);
      await page.getByRole('button', { name: 'Complete the set-up' }).click();
      await page.getByRole('link', { name: 'Go to the sign-in' }).click();
      await page.getByText('Organization: beta').waitFor();
      await signIn(page, ops, page.url());
      await page.getByRole('tab', { name: 'Active 1' }).waitFor();
    });
    await visit(roster, {}, async (page) => {
      await page.goto('/sign-in?organization=beta');
      await page.getByText('Organization: beta').waitFor();
      await expectAccessible(page);
      // Days later, in the same browser.
      await signIn(page, ops, '/users');
      await page.getByRole('tab', { name: 'Active 1' }).waitFor();
      await page.getByRole('button', { name: ops.username, exact: true }).click();
      await page.getByRole('menuitem', { name: 'Sign out' }).click();
      await page.getByRole('link', { name: /Forgotten/ }).click();
      await page.getByText('Organization: beta').waitFor();
      await page.getByLabel('Username or e-mail').fill(ops.username);
      await page.keyboard.press('Enter');
      await page.getByText(/If there is such an account/).first().waitFor();
    });
    const link = await roster.link(ops.username);
    await visit(roster, {}, async (page) => {
      await page.goto(link);
      await page.getByLabel('New password').fill('another walk by the rivers');
      await page.keyboard.press('Enter');
      await page.getByRole('link', { name: 'Go to the sign-in' }).click();
      await page.getByText('Organization: beta').waitFor();
      await signIn(page, { ...ops, password: 'another walk by the rivers' }, page.url());
      await page.getByRole('tab', { name: 'Active 1' }).waitFor();
    });
  });

  test('asks for the second factor: a code that is pasted is enough, and a recovery code helps', async () => {
    const who = await roster.member('tom@acme.example');
    const { secret, recoveryCodes } = await roster.withSecondFactor(who);
    await visit(roster, {}, async (page) => {
      await signIn(page, who);
      const code = page.getByLabel('Code');
      await code.waitFor();
      expect(await code.getAttribute('autocomplete')).toBe('one-time-code');
      await expectAccessible(page);
      await code.fill('000000');
      await page.getByRole('alert').waitFor();
      await code.fill(totp(secret));
      await page.getByRole('heading', { name: 'Users' }).waitFor();
    });
    await visit(roster, {}, async (page) => {
      await signIn(page, who);
      await page.getByRole('button', { name: /recovery code/ }).click();
      await page.getByLabel('Recovery code').fill(recoveryCodes[0] ?? '');
      await page.getByRole('button', { name: 'Sign in', exact: true }).click();
      await page.getByRole('heading', { name: 'Users' }).waitFor();
    });
  });
});

describe('a session', () => {
  test('that ends elsewhere leads to the sign-in, and back', async () => {
    const who = await roster.member('una@acme.example');
    await visit(roster, {}, async (page) => {
      await signIn(page, who, '/users?tab=inactive');
      await page.getByRole('tab', { name: 'Inactive', selected: true }).waitFor();
      const ask = await roster.client(who.username, who.password);
      const { user } = await ask('{ viewer { user { id } } }');
      // Everywhere but where it is asked from.
      await ask('mutation($id: ID!) { revokeSessions(userId: $id) { userErrors { message } } }', { id: user.id });
      await page.waitForURL(/\/sign-in\?next=%2Fusers%3Ftab%3Dinactive/);
    });
  });
});

describe('an invitation', () => {
  test('is accepted by whoever opens its link', async () => {
    const link = await roster.invited('Ann Lee <ann@acme.example>', 'User Manager');
    await visit(roster, {}, async (page) => {
      await page.goto(link);
      await page.getByRole('heading', { name: 'Welcome to Acme' }).waitFor();
      expect(page.url()).toBe(`${roster.url}/accept-invitation`);
      expect(await page.getByLabel('Your name').inputValue()).toBe('Ann Lee');
      expect(await page.getByLabel('Password', { exact: true }).getAttribute('autocomplete')).toBe('new-password');
      await expectAccessible(page);
      await page.getByLabel('Username').fill('ann');
      await page.getByLabel('Title').fill('Head of Support');
      await page.getByLabel('Password', { exact: true }).fill('too short');
      await page.getByText('At least 15 characters: 6 to go').waitFor();
      await page.getByRole('button', { name: 'Complete the set-up' }).click();
      await page.getByText(/at least 15 characters\./i).waitFor();
      await page.getByLabel('Password', { exact: true }).fill('a walk along the river');
      await page.getByRole('button', { name: 'Complete the set-up' }).click();
      await page.getByRole('heading', { name: 'You are all set' }).waitFor();
      await expectAccessible(page);
      await page.getByRole('link', { name: 'Go to the sign-in' }).click();
      await signIn(page, { username: 'ann', password: 'a walk along the river' });
      await page.getByRole('heading', { name: 'Users' }).waitFor();
    });
    await visit(roster, {}, async (page) => {
      await page.goto(link);
      await page.getByRole('heading', { name: 'This link no longer works' }).waitFor();
      expect(page.url()).not.toContain('token');
      await expectAccessible(page);
      // Another link, opened in the same window.
      const next = await roster.invited('bea@acme.example');
      await page.evaluate((link) => location.assign(link), next);
      await page.getByText('bea@acme.example').waitFor();
      expect(page.url()).toBe(`${roster.url}/accept-invitation`);
    });
  });
});

describe('a forgotten password', () => {
  test('is set anew with the link of the mail', async () => {
    const who = await roster.member('otto@acme.example');
    await visit(roster, {}, async (page) => {
      await page.goto('/sign-in');
      await page.getByRole('link', { name: /Forgotten/ }).click();
      await page.getByRole('heading', { name: 'Forgotten password' }).waitFor();
      await expectAccessible(page);
      await page.getByLabel('Username or e-mail').fill('nobody@acme.example');
      await page.keyboard.press('Enter');
      const answer = page.getByText(/If there is such an account/).first();
      await answer.waitFor();
      const forNobody = await answer.textContent();
      await page.goto('/forgotten-password');
      await page.getByLabel('Username or e-mail').fill(who.username);
      await page.keyboard.press('Enter');
      await answer.waitFor();
      expect(await answer.textContent()).toBe(forNobody);

      const link = await roster.link('otto@acme.example', 2);
      await page.goto(link);
      await page.getByRole('heading', { name: 'Set a new password' }).waitFor();
      expect(page.url()).toBe(`${roster.url}/reset-password`);
      await expectAccessible(page);
      await page.getByLabel('New password').fill('aaaaaaaaaaaaaaaaaaaa');
      await page.keyboard.press('Enter');
      await page.getByText('This password is one of the first that others would guess.').waitFor();
      await page.getByLabel('New password').fill('rivers run along a walk');
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: 'Your password is set' }).waitFor();
      await signIn(page, { ...who, password: 'rivers run along a walk' });
      await page.getByRole('heading', { name: 'Users' }).waitFor();

      await page.goto('about:blank');
      await page.goto(link);
      await page.getByLabel('New password').fill('rivers run along a walk');
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: 'This link no longer works' }).waitFor();
      await page.getByRole('link', { name: 'Ask for another link' }).click();
      await page.getByRole('heading', { name: 'Forgotten password' }).waitFor();
    });
  });
});

test('a page that is not there says so', () =>
  visit(roster, { troubled: true }, async (page) => {
    await openUsers(page, roster);
    await page.goto('/nowhere');
    await page.getByRole('heading', { name: 'There is no such page' }).waitFor();
    await expectAccessible(page);
  }));
