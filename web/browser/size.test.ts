import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Installation } from './installation';
import { openUsers, useBrowser, visit } from './visitor';

useBrowser();
let roster: Installation;
beforeAll(async () => {
  roster = await Installation.start(['--seed', '100000']);
});
afterAll(() => roster?.remove());

/** Notes whatever moves by itself on the pages that are opened from now on. */
async function watchShifts(page: Page) {
  await page.addInitScript(() => {
    const shifts: string[] = [];
    Object.assign(window, { shifts });
    new PerformanceObserver((list) => {
      // Also what follows a click or a key: an answer may come at any time.
      for (const entry of list.getEntries() as (PerformanceEntry & { value: number; sources: { node: Node | null }[] })[]) {
        const moved = entry.sources.map(({ node }) => (node instanceof Element ? node.outerHTML.slice(0, 150) : node?.textContent));
        shifts.push(`${entry.value}: ${moved.join(' ')}`);
      }
    }).observe({ type: 'layout-shift', buffered: true });
  });
}

const shifts = (page: Page) => page.evaluate(() => (window as unknown as { shifts: string[] }).shifts);

/** Counts what a page turn is made of. How long one takes is told by npm run turns. */
async function countTurns(page: Page) {
  const asked: string[] = [];
  page.on('request', (request) => {
    if (request.method() === 'POST') asked.push(String(request.postDataJSON().operationName));
  });
  await page.evaluate(() => {
    const counted = { lists: 0, others: 0 };
    Object.assign(window, { counted });
    new MutationObserver((records) => {
      for (const { target, addedNodes, removedNodes } of records) {
        const parts = [...addedNodes, ...removedNodes];
        if (parts.some(({ nodeName }) => nodeName === 'TBODY')) counted.lists += addedNodes.length;
        // The announcements to those who listen aside.
        else if (target instanceof Element && !target.closest('tbody, [aria-live], [role=status]')) {
          counted.others += parts.length;
        }
      }
    }).observe(document.body, { subtree: true, childList: true });
  });
  return async () => ({
    asked,
    ...(await page.evaluate(() => (window as unknown as { counted: { lists: number; others: number } }).counted)),
  });
}

const names = (page: Page) => page.getByRole('row').getByRole('link').allTextContents();

test('100,000 people are paged and searched', () =>
  visit(roster, {}, async (page) => {
    await openUsers(page, roster);
    await page.getByRole('row').nth(50).waitFor();
    const first = await names(page);
    const counted = await countTurns(page);
    for (let turn = 0; turn < 10; turn++) {
      const before = (await names(page))[0];
      await page.getByRole('button', { name: 'Next' }).click();
      await expect.poll(async () => (await names(page))[0]).not.toBe(before);
    }
    // One question for each, one list in place of the other, and all else stays as
    // it is. It asks once more when it begins to hear of changes, however late.
    const { asked, lists, others } = await counted();
    expect({ lists, others }).toEqual({ lists: 10, others: 0 });
    expect(asked.filter((name) => name !== 'Users')).toEqual([]);
    expect(asked.length).toBeLessThanOrEqual(11);
    expect(await page.locator('tbody *').count()).toBeLessThan(50 * 28);
    await page.getByRole('button', { name: 'Previous' }).click();
    await page.getByRole('button', { name: 'First' }).click();
    await expect.poll(() => names(page)).toEqual(first);

    for (const word of ['ann', 'garcia', 'sup', 'x', 'priya patel']) {
      const box = page.getByRole('searchbox', { name: 'Search' });
      await box.press('ControlOrMeta+a');
      const answered = page.waitForResponse((response) => response.request().postDataJSON()?.variables?.search === word);
      await box.pressSequentially(word, { delay: 10 });
      await answered;
      await expect.poll(() => page.locator('[data-outdated]').count()).toBe(0);
    }
    await page.waitForURL(/search=priya/);
    await expect
      .poll(async () => {
        const found = await names(page);
        return found.length > 0 && found.every((name) => /Priya/.test(name) && /Patel/.test(name));
      })
      .toBe(true);
  }));

test.each([
  { width: 1280, height: 900 },
  { width: 390, height: 844 },
])('nothing moves when an answer comes, at a width of $width', (viewport) =>
  visit(roster, { viewport }, async (page) => {
    await openUsers(page, roster);
    await watchShifts(page);
    // An answer that takes its time shows what a quick one hides.
    await page.route('**/graphql', async (route) => {
      await new Promise((resolve) => setTimeout(resolve, 700));
      await route.continue();
    });
    const settled = async () => {
      await expect.poll(() => page.locator('[aria-busy=true], [data-outdated]').count()).toBe(0);
      expect(await shifts(page)).toEqual([]);
    };
    await page.reload();
    await page.getByRole('row').nth(50).waitFor();
    await settled();
    for (const tab of ['Pending', 'Inactive', 'Active']) {
      await page.getByRole('tab', { name: new RegExp(`^${tab}`) }).click();
      await page.getByRole('row').nth(50).waitFor();
      await settled();
    }
    for (const button of ['Next', 'Next', 'Previous', 'First']) {
      const before = (await names(page))[0];
      await page.getByRole('button', { name: button }).click();
      await expect.poll(async () => (await names(page))[0]).not.toBe(before);
      await settled();
    }
    for (const text of ['priya', 'nobody of this name', '']) {
      await page.getByRole('searchbox', { name: 'Search' }).fill(text);
      await page.waitForURL((url) => (url.searchParams.get('search') ?? '') === text);
      await settled();
    }
    await page.goto((await page.getByRole('row').getByRole('link').first().getAttribute('href')) ?? '');
    await page.getByRole('region', { name: 'What has happened' }).waitFor();
    await settled();
    for (const path of ['/roles', '/audit-log', '/organization', '/account']) {
      await page.goto(path);
      await page.getByRole('heading', { level: 1 }).waitFor();
      await settled();
    }
    await page.unrouteAll({ behavior: 'wait' });
  }),
);

/** Who is on the page, where people of the same name are told apart. */
function links(page: Page): Promise<string[]> {
  return page.getByRole('row').getByRole('link').evaluateAll((links) => links.map((link) => (link as HTMLAnchorElement).pathname));
}

test('nobody is left out or comes twice, and the address holds the page, the order and the filter', () =>
  visit(roster, {}, async (page) => {
    await openUsers(page, roster);
    await page.getByRole('row').nth(50).waitFor();
    const first = await links(page);
    let now = first;
    const seen = new Set(first);
    for (let turn = 0; turn < 4; turn++) {
      await page.getByRole('button', { name: 'Next' }).click();
      await expect.poll(async () => (await links(page))[0]).not.toBe(now[0]);
      now = await links(page);
      for (const link of now) seen.add(link);
    }
    expect(seen.size).toBe(5 * 50);
    await page.reload();
    await expect.poll(() => links(page)).toEqual(now);
    await page.goBack();
    await expect.poll(async () => (await links(page))[0]).not.toBe(now[0]);
    await page.goForward();
    await expect.poll(() => links(page)).toEqual(now);
    await page.getByRole('button', { name: 'First' }).click();
    await expect.poll(() => links(page)).toEqual(first);

    await page.getByRole('button', { name: 'Last sign-in' }).click();
    await page.waitForURL(/sort=-lastLogin/);
    await expect.poll(async () => (await links(page))[0]).not.toBe(first[0]);
    await page.getByRole('combobox', { name: 'CSM seat' }).click();
    await page.getByRole('option', { name: 'Has a seat' }).click();
    await page.waitForURL(/seat=yes/);
    await expect.poll(() => page.getByRole('row').getByRole('cell', { name: 'Yes', exact: true }).count()).toBe(50);
    const sent = await links(page);
    const address = page.url();
    await page.goto('about:blank');
    await page.goto(address);
    await expect.poll(() => links(page)).toEqual(sent);
  }));
