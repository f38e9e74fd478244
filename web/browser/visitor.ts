import { AxeBuilder } from '@axe-core/playwright';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect } from 'vitest';
import { admin, type Installation } from './installation';

let browser: Browser;

/** Has one browser for the tests of a file. */
export function useBrowser() {
  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath: '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-background-networking'],
    });
  });
  afterAll(() => browser.close());
}

export interface VisitOptions extends BrowserContextOptions {
  /** The test takes the network away, of which browsers complain. */
  troubled?: boolean;
}

/**
 * Lets somebody visit an installation with a browser of their own. Whatever
 * they do: no script complains, and no request leaves the server.
 */
export async function visit(
  installation: Installation,
  { troubled, ...options }: VisitOptions,
  does: (page: Page) => Promise<void>,
) {
  const context = await browser.newContext({ baseURL: installation.url, viewport: { width: 1280, height: 900 }, ...options });
  const complaints: string[] = [];
  const elsewhere: string[] = [];
  const origin = new URL(installation.url).host;
  context.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  context.on('weberror', ({ error }) => complaints.push((error as unknown as () => Error)().message));
  context.on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol !== 'data:' && url.protocol !== 'blob:' && url.host !== origin) elsewhere.push(request.url());
  });
  try {
    const page = await context.newPage();
    page.setDefaultTimeout(20_000);
    await does(page);
    if (!troubled) expect(complaints).toEqual([]);
    expect(elsewhere).toEqual([]);
  } finally {
    await context.close();
  }
}

export async function signIn(page: Page, { username, password } = admin, path = '/users') {
  await page.goto(path);
  await page.getByLabel('Username or e-mail').fill(username);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

/** Signs in and waits for the list, and for news of it. */
export async function openUsers(page: Page, path = '/users') {
  const listening = page.waitForEvent('websocket').then((socket) => socket.waitForEvent('framereceived'));
  await signIn(page, admin, path);
  await page.getByRole('row').getByRole('link').first().waitFor();
  await listening;
}

/** Looks for what keeps people out, in both colour schemes; on the whole page, or in a part of it. */
export async function expectAccessible(page: Page, part = 'html') {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    // Colours on their way are nobody's colours.
    await page.evaluate(() =>
      Promise.allSettled(
        document
          .getAnimations()
          .filter((animation) => animation.effect?.getComputedTiming().iterations !== Infinity)
          .map((animation) => animation.finished),
      ),
    );
    const { violations } = await new AxeBuilder({ page }).include(part).analyze();
    expect(violations.map(({ id, nodes }) => [colorScheme, id, nodes[0]?.html, nodes[0]?.failureSummary])).toEqual([]);
  }
  await page.emulateMedia({ colorScheme: 'light' });
}

/** Until the page hears what others change. */
export async function listens(page: Page) {
  const socket = await page.waitForEvent('websocket');
  await socket.waitForEvent('framesent', ({ payload }) => String(payload).includes('"subscribe"'));
}

/** Opens somebody's menu on the list, and chooses from it. */
export async function choose(page: Page, who: string, action: string) {
  await page.getByRole('button', { name: `Actions for ${who}` }).click();
  await page.getByRole('menuitem', { name: action }).click();
}
