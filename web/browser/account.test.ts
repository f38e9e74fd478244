import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Installation, totp } from './installation';
import { expectAccessible, signIn, useBrowser, visit } from './visitor';

useBrowser();
let roster: Installation;
beforeAll(async () => {
  roster = await Installation.start(['--demo']);
});
afterAll(() => roster?.remove());

describe('the account', () => {
  test('has a profile, of which only what was changed is sent', async () => {
    const who = await roster.member('ann@acme.example');
    await visit(roster, {}, async (page) => {
      await signIn(page, who, '/account');
      const sent = page.waitForRequest((request) => request.postDataJSON()?.operationName === 'UpdateProfile');
      await page.getByLabel('Title').fill('Head of Support');
      await page.getByRole('button', { name: 'Save the profile' }).click();
      expect((await sent).postDataJSON().variables.input).toEqual({ title: 'Head of Support' });
      await page.getByText('Your profile is saved.').first().waitFor();
      await expectAccessible(page);
      await page.getByLabel('Username').fill('amara.lund@acme.example');
      await page.getByRole('button', { name: 'Save the profile' }).click();
      await page.getByText('Somebody else here has this username').waitFor();
      await page.getByLabel('Username').fill('ann');
      await page.getByRole('button', { name: 'Save the profile' }).click();
      await expect.poll(() => page.getByText('Somebody else here has this username').count()).toBe(0);
      await page.reload();
      await expect.poll(() => page.getByLabel('Username').inputValue()).toBe('ann');
    });
  });

  test('has a password, and a new one signs out everywhere else', async () => {
    const who = await roster.member('bea@acme.example');
    await visit(roster, {}, async (page) => {
      await signIn(page, who, '/account');
      await page.getByLabel('Current password').fill('not the password');
      await page.getByLabel('New password').fill('rivers run along a walk');
      await page.getByRole('button', { name: 'Set the new password' }).click();
      await page.getByText(/password is wrong/i).waitFor();
      expect(await page.getByLabel('Current password').getAttribute('autocomplete')).toBe('current-password');
      expect(await page.getByLabel('New password').getAttribute('autocomplete')).toBe('new-password');

      const sessions = page.getByRole('table', { name: 'Sessions' }).getByRole('row');
      await roster.anotherSession(who);
      await page.reload();
      await expect.poll(() => sessions.count()).toBe(2);
      await page.getByLabel('Current password').fill(who.password);
      await page.getByLabel('New password').fill('rivers run along a walk');
      await page.getByRole('button', { name: 'Set the new password' }).click();
      await page.getByText('Your new password is set.').first().waitFor();
      await page.reload();
      await expect.poll(() => sessions.count()).toBe(1);
      await roster.anotherSession({ ...who, password: 'rivers run along a walk' });
    });
  });

  test('has sessions, which can be ended', async () => {
    const who = await roster.member('cy@acme.example');
    await roster.anotherSession(who);
    await roster.anotherSession(who);
    await visit(roster, {}, async (page) => {
      await signIn(page, who, '/account');
      const sessions = page.getByRole('table', { name: 'Sessions' }).getByRole('row');
      await expect.poll(() => sessions.count()).toBe(3);
      await page.getByRole('button', { name: /^End the session/ }).first().click();
      await expect.poll(() => sessions.count()).toBe(2);
      await page.getByRole('button', { name: 'Sign out everywhere else' }).click();
      await expect.poll(() => sessions.count()).toBe(1);
      await sessions.getByText('This one').waitFor();
    });
  });

  test('gets a second factor by QR code, with recovery codes that are shown once', async () => {
    const who = await roster.member('di@acme.example');
    await visit(roster, {}, async (page) => {
      await signIn(page, who, '/account');
      await page.getByRole('button', { name: 'Set up' }).click();
      const image = page.getByRole('img', { name: /QR code/ });
      await image.waitFor();
      expect(await image.evaluate((element) => (element as HTMLImageElement).naturalWidth)).toBeGreaterThan(100);
      const secret = (await page.locator('code').textContent()) ?? '';
      await expectAccessible(page);
      await page.getByLabel('Code').fill('000000');
      await page.getByRole('button', { name: 'Turn on' }).click();
      await page.getByText(/code is wrong/).waitFor();
      await page.getByLabel('Code').fill(totp(secret, -1));
      await page.getByRole('button', { name: 'Turn on' }).click();
      const codes = page.getByRole('list', { name: 'Recovery codes' }).getByRole('listitem');
      await codes.first().waitFor();
      const shown = await codes.allTextContents();
      expect(shown).toHaveLength(10);
      await expectAccessible(page);
      const file = page.waitForEvent('download');
      await page.getByRole('button', { name: 'Download' }).click();
      const download = await (await file).createReadStream();
      const chunks: Buffer[] = [];
      for await (const chunk of download) chunks.push(chunk as Buffer);
      expect(Buffer.concat(chunks).toString().trim().split('\n')).toEqual(shown);
      await page.getByRole('button', { name: 'I have kept them' }).click();
      await page.getByText('On: signing in asks for a code').waitFor();

      await page.getByRole('button', { name: 'Turn off' }).click();
      await page.getByLabel('Code, or a recovery code').fill(shown[0] ?? '');
      await page.getByRole('button', { name: 'Turn off' }).click();
      await page.getByText('Off: your password alone is enough').waitFor();
    });
  });

  test('is where an organization leads that requires a second factor', async () => {
    const strict = await Installation.start(['--demo']);
    try {
      const who = await strict.member('ed@acme.example');
      const ask = await strict.client();
      await ask('mutation { updateOrganization(input: {requireTwoFactor: true}) { userErrors { message } } }');
      await visit(strict, {}, async (page) => {
        await signIn(page, who, '/users');
        await page.getByText('Set up two-factor authentication to go on').waitFor();
        await page.waitForURL(`${strict.url}/account`);
        await expectAccessible(page);
        await page.getByRole('link', { name: 'Roster' }).click();
        await page.waitForURL(`${strict.url}/account`);
        await page.getByRole('button', { name: 'Set up' }).click();
        await page.getByLabel('Code').fill(totp((await page.locator('code').textContent()) ?? '', -1));
        await page.getByRole('button', { name: 'Turn on' }).click();
        await page.getByRole('button', { name: 'I have kept them' }).click();
        await page.getByRole('link', { name: 'Users' }).click();
        await page.getByRole('row').nth(1).waitFor();
      });
    } finally {
      await strict.remove();
    }
  });
});
