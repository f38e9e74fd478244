import { AxeBuilder } from '@axe-core/playwright';
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page, type Request } from 'playwright-core';
import { afterAll, beforeAll, expect } from 'vitest';
import { admin, type Installation, patience, type Person } from './installation';

let browser: Browser;

/** Has one browser for the tests of a file. */
export function useBrowser() {
  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath: '/usr/bin/chromium',
      // Containers have little shared memory, and tabs crash without it.
      args: ['--no-sandbox', '--disable-background-networking', '--disable-dev-shm-usage'],
      timeout: patience,
    });
  });
  afterAll(() => browser?.close());
}

export interface VisitOptions extends BrowserContextOptions {
  /** The test takes the network away or has the service fail, of which browsers complain. */
  troubled?: boolean;
  /** Where else requests may go. */
  alsoFrom?: string[];
}

// What browsers themselves say of answers that fail or do not come.
const networkComplaint = /Failed to load resource|WebSocket connection to|net::ERR_|blocked by CORS policy|dynamically imported module/;

/**
 * Lets somebody visit an installation with a browser of their own. Whatever
 * they do: no script complains, no request leaves the server, and no page may
 * run inline scripts.
 */
export async function visit(
  installation: Pick<Installation, 'url'>,
  { troubled, alsoFrom = [], ...options }: VisitOptions,
  does: (page: Page) => Promise<void>,
) {
  const context = await browser.newContext({ baseURL: installation.url, viewport: { width: 1280, height: 900 }, ...options });
  const wrong = watch(context, [installation.url, ...alsoFrom], troubled ?? false);
  const page = await context.newPage();
  page.setDefaultTimeout(patience);
  try {
    await does(page);
    expect(wrong.join('\n')).toBe('');
  } catch (cause) {
    throw new Error(`${(cause as Error).message}\n${await scene(page)}\nComplaints: ${wrong.join('\n') || 'none'}`, { cause });
  } finally {
    await context.close();
  }
}

/** Notes what must not happen in any visit. */
function watch(context: BrowserContext, origins: string[], troubled: boolean): string[] {
  const wrong: string[] = [];
  const hosts = origins.map((origin) => new URL(origin).host);
  const goesTo = (address: string) => {
    const { protocol, host } = new URL(address);
    if (protocol !== 'data:' && protocol !== 'blob:' && !hosts.includes(host)) wrong.push(`left the server: ${address}`);
  };
  context.on('console', (message) => {
    if (troubled && networkComplaint.test(message.text())) return;
    if (['error', 'warning'].includes(message.type())) wrong.push(`console: ${message.text()}`);
  });
  context.on('weberror', ({ error }) => wrong.push(`threw: ${(error as unknown as () => Error)().message}`));
  context.on('page', (page) => page.on('websocket', (socket) => goesTo(socket.url())));
  context.on('request', (request) => goesTo(request.url()));
  context.on('response', (response) => {
    if (response.request().resourceType() !== 'document' || response.status() >= 300 && response.status() < 400) return;
    const scripts = /(?:^|;) *script-src ([^;]*)/.exec(response.headers()['content-security-policy'] ?? '')?.[1];
    if (scripts !== "'self'") wrong.push(`${response.url()} runs scripts from: ${scripts ?? 'anywhere'}`);
  });
  return wrong;
}

/** What was to be seen when a test failed. */
async function scene(page: Page): Promise<string> {
  try {
    const text = await page.locator('body').innerText({ timeout: 1000 });
    const focus = await page.evaluate(() => document.activeElement?.outerHTML.slice(0, 200));
    return `At ${page.url()}, with the focus at ${focus}:\n${text.slice(0, 3000)}`;
  } catch {
    return `At ${page.url()}`;
  }
}

/** Signs in by the form. */
export async function signIn(page: Page, { username, password }: Person = admin, path = '/users') {
  await page.goto(path);
  await page.getByLabel('Username or e-mail').fill(username);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

/** Opens a page as somebody who has signed in before. */
export async function enter(page: Page, installation: Installation, path = '/users', who: Person = admin) {
  const value = await installation.session(who);
  await page.context().addCookies([{ name: 'roster_session', value, url: installation.url, httpOnly: true, sameSite: 'Strict' }]);
  await page.goto(path);
}

/** Opens the list, and waits for it and for news of it. */
export async function openUsers(page: Page, installation: Installation, path = '/users', who: Person = admin) {
  const listening = listens(page);
  await enter(page, installation, path, who);
  await page.getByRole('row').getByRole('link').first().waitFor();
  await listening;
}

/**
 * Until the page hears what others change. A subscription has no answer of its
 * own; a mutation by HTTP that comes after the message was sent could overtake
 * it, which the service makes up for: whoever subscribes is told to look again.
 */
export async function listens(page: Page) {
  const socket = await page.waitForEvent('websocket', { predicate: (socket) => socket.url().endsWith('/graphql') });
  await socket.waitForEvent('framesent', ({ payload }) => String(payload).includes('"subscribe"'));
}

/**
 * Loads the page again, and answers what it asks until it is answered. It may
 * ask once more behind that: what it asked before changes of others began to
 * arrive may have missed one.
 */
export async function askedOnReload(page: Page): Promise<string[]> {
  const asked: string[] = [];
  let answered = false;
  const about = (request: Request) => String(request.postDataJSON().operationName);
  page.on('request', (request) => {
    // What the page before it asked last is not its own.
    if (request.resourceType() === 'document') asked.length = 0;
    if (request.method() === 'POST' && !answered) asked.push(about(request));
  });
  page.on('response', (response) => {
    if (response.request().resourceType() === 'document') answered = false;
    if (response.request().method() === 'POST') answered = true;
  });
  await page.reload();
  await expect.poll(() => answered).toBe(true);
  return asked;
}

/** Looks for what keeps people out, in both colour schemes; on the whole page, or in a part of it. */
export async function expectAccessible(page: Page, part = 'html') {
  await page.emulateMedia({ colorScheme: 'light' });
  await expectNoViolations(page, new AxeBuilder({ page }).include(part));
  // The other scheme differs in its colours alone.
  await page.emulateMedia({ colorScheme: 'dark' });
  await expectNoViolations(page, new AxeBuilder({ page }).include(part).withRules('color-contrast'));
  await page.emulateMedia({ colorScheme: 'light' });
}

/** Looks for what keeps people out, as the page is now. */
export async function expectNoViolations(page: Page, axe: AxeBuilder) {
  // Colours on their way are nobody's colours.
  await page.evaluate(() =>
    Promise.allSettled(
      document
        .getAnimations()
        .filter((animation) => animation.effect?.getComputedTiming().iterations !== Infinity)
        .map((animation) => animation.finished),
    ),
  );
  const { violations } = await axe.analyze();
  const said = violations.map(({ id, nodes }) => [id, nodes[0]?.html, nodes[0]?.failureSummary].join(' '));
  expect(said.join('\n')).toBe('');
}

/** What has the focus: the name of the field, or what it says. */
export function focused(page: Page): Promise<string> {
  return page.evaluate(() => {
    const element = document.activeElement;
    const label = element instanceof HTMLInputElement || element instanceof HTMLTextAreaElement ? element.labels?.[0] : undefined;
    // A required field has a star, which is no part of its name.
    const name = element?.getAttribute('aria-label') ?? label?.textContent?.replace(/ \*$/, '') ?? element?.textContent;
    return name?.trim() ?? '';
  });
}

/** Waits until something has the focus. */
export async function expectFocus(page: Page, name: string) {
  await expect.poll(() => focused(page)).toBe(name);
}

/** Waits until something is told to people who cannot see it. */
export async function expectAnnounced(page: Page, text: string | RegExp) {
  await page.locator('[aria-live], [role=alert], [role=status]').filter({ hasText: text }).first().waitFor({ state: 'attached' });
}

/** Opens somebody's menu on the list, and chooses from it. */
export async function choose(page: Page, who: string, action: string) {
  await page.getByRole('button', { name: `Actions for ${who}` }).click();
  await page.getByRole('menuitem', { name: action }).click();
}

/** The row of a table that holds a text. */
export function row(page: Page, text: string) {
  return page.getByRole('row').filter({ hasText: text });
}
