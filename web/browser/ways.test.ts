import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { admin, Installation, totp } from './installation';
import { choose, expectAnnounced, listens, row, signIn, useBrowser, visit } from './visitor';

/** A database of its own on the servers that the tests are given. */
function services(): Record<string, string> {
  const { TEST_MONGODB_URI, TEST_REDIS_URL } = process.env;
  if (!TEST_MONGODB_URI || !TEST_REDIS_URL) {
    throw new Error('TEST_MONGODB_URI and TEST_REDIS_URL are not set: run eval "$(make -s services)" first, or make test, which does.');
  }
  const uri = new URL(TEST_MONGODB_URI);
  uri.pathname = `/test_${randomBytes(8).toString('hex')}`;
  return { MONGODB_URI: uri.href, REDIS_URL: TEST_REDIS_URL, SECRET_KEY: randomBytes(32).toString('base64') };
}

const ann = { username: 'ann@acme.example', password: 'a walk along the river' };

useBrowser();

describe.each([
  ['embedded', () => ({})],
  ['services', services],
])('on the way %s', (way, env) => {
  let roster: Installation;
  beforeAll(async () => {
    // Nobody has a password yet.
    roster = await Installation.start([], { BOOTSTRAP_ADMIN_PASSWORD: '', ...env() });
  });
  afterAll(() => roster?.remove());

  test('an organization begins, somebody comes, is helped, goes and comes back', () =>
    visit(roster, {}, async (page) => {
      expect(roster.log).toContain(way === 'services' ? 'store="mongodb and redis"' : 'store="sqlite in');
      await page.goto(/link="?(http\S+#token=[\w-]+)/.exec(roster.log)?.[1] ?? '');
      await page.getByLabel('Password', { exact: true }).fill(admin.password);
      await page.getByRole('button', { name: 'Complete the set-up' }).click();
      await page.getByRole('link', { name: 'Go to the sign-in' }).click();
      const listening = listens(page);
      await signIn(page);
      await page.getByRole('tab', { name: 'Active 1' }).waitFor();
      await listening;

      await page.getByRole('button', { name: 'New users' }).click();
      const dialog = page.getByRole('dialog', { name: 'New users' });
      await dialog.getByRole('combobox', { name: 'Role' }).click();
      await page.getByRole('option', { name: /Customer Success Manager/ }).click();
      await dialog.getByLabel('E-mail addresses').fill(`Ann Lee <${ann.username}>, bob@acme.example\nnot an address@`);
      await dialog.getByText(/2 of \d get a mail\. 2 of 25 free CSM seats will be taken\./).waitFor();
      await dialog.getByRole('button', { name: 'Invite 2 people' }).click();
      await expectAnnounced(page, /^2 of \d invited\.$/);
      await dialog.getByText('Invited as Customer Success Manager').first().waitFor();
      await dialog.getByRole('button', { name: 'Done' }).click();
      await page.getByText('2 of 25 CSM seats taken').waitFor();

      const link = await roster.link(ann.username);
      await visit(roster, {}, async (theirs) => {
        await theirs.goto(link);
        await theirs.getByRole('heading', { name: /^Welcome to/ }).waitFor();
        await theirs.getByLabel('Password', { exact: true }).fill(ann.password);
        await theirs.getByRole('button', { name: 'Complete the set-up' }).click();
        await theirs.getByRole('link', { name: 'Go to the sign-in' }).click();
        await signIn(theirs, ann, '/account');

        // The administrator sees it without asking.
        await page.getByRole('tab', { name: 'Active 2' }).waitFor();
        await page.getByRole('tab', { name: 'Pending 1' }).waitFor();

        await theirs.getByRole('button', { name: 'Set up' }).click();
        const secret = (await theirs.locator('code').textContent()) ?? '';
        await theirs.getByLabel('Code').fill(totp(secret, -1));
        await theirs.getByRole('button', { name: 'Turn on' }).click();
        await theirs.getByRole('button', { name: 'I have kept them' }).click();
        await row(page, 'Ann Lee').getByRole('cell', { name: 'On', exact: true }).waitFor();

        await theirs.getByRole('button', { name: 'Ann Lee', exact: true }).click();
        await theirs.getByRole('menuitem', { name: 'Sign out' }).click();
        await theirs.getByRole('heading', { name: 'Sign in' }).waitFor();
        await signIn(theirs, ann, '/account');
        await theirs.getByLabel('Code').fill(totp(secret));
        await theirs.getByRole('heading', { name: 'Your account' }).waitFor();

        // A lost password: the old one works until there is a new one.
        await choose(page, 'Ann Lee', 'Reset password');
        await page.getByRole('button', { name: 'Send the link' }).click();
        await row(page, 'Ann Lee').getByText(/^Password reset/).waitFor();
        const reset = await roster.link(ann.username, 2);
        await theirs.reload();
        await theirs.getByRole('heading', { name: 'Your account' }).waitFor();

        // A lost device: who had a second factor is signed out at once.
        await choose(page, 'Ann Lee', 'Disable 2FA');
        await page.getByRole('dialog').getByRole('button', { name: 'Disable 2FA' }).click();
        await row(page, 'Ann Lee').getByText('Two-factor authentication of Ann Lee is off.').waitFor();
        await expectAnnounced(page, 'Two-factor authentication of Ann Lee is off.');
        await theirs.waitForURL(/\/sign-in/);

        await theirs.goto(reset);
        ann.password = `another walk, ${way}`;
        await theirs.getByLabel('New password').fill(ann.password);
        await theirs.getByRole('button', { name: 'Set the password' }).click();
        await theirs.getByRole('link', { name: 'Go to the sign-in' }).click();
        await signIn(theirs, ann);
        await theirs.getByRole('heading', { name: 'Users' }).waitFor();
        await expect.poll(() => row(page, 'Ann Lee').getByText(/^Password reset/).count()).toBe(0);

        // Gone, at once; and back.
        await choose(page, 'Ann Lee', 'Delete');
        await page.getByRole('dialog').getByText('Their CSM seat becomes free.').waitFor();
        await page.getByRole('button', { name: 'Delete', exact: true }).click();
        await page.getByText('1 of 25 CSM seats taken').waitFor();
        await theirs.waitForURL(/\/sign-in/);
        await signIn(theirs, ann);
        await theirs.getByRole('alert').getByText(/is wrong/).waitFor();
        await page.getByRole('tab', { name: 'Inactive 1' }).click();
        await choose(page, 'Ann Lee', 'Reactivate');
        await page.getByRole('button', { name: 'Reactivate' }).click();
        await page.getByText('2 of 25 CSM seats taken').waitFor();
        await theirs.getByRole('button', { name: 'Sign in' }).click();
        await theirs.getByRole('heading', { name: 'Users' }).waitFor();
      });

      await page.getByRole('searchbox', { name: 'Search' }).waitFor();
      await page.getByRole('link', { name: 'Audit log' }).click();
      for (const sentence of ['reactivated Ann Lee', 'deleted Ann Lee', 'Ann Lee set a new password with a link']) {
        await row(page, sentence).first().waitFor();
      }
    }));
});
