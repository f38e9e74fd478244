import type { Page } from 'playwright-core';
import { afterAll, beforeAll, test } from 'vitest';
import { Installation } from './installation';
import { openUsers, useBrowser, visit } from './visitor';

// How long a page turn and a search take at 100,000 people, from the press of a
// button or a key to the picture: npm run turns. It judges nothing: a machine
// that does other things is slower.

useBrowser();
let roster: Installation;
beforeAll(async () => {
  roster = await Installation.start(['--seed', '100000']);
});
afterAll(() => roster?.remove());

/** One change of the list: milliseconds from the event, by the browser's own clock. */
interface Change {
  asked: number;
  answered: number;
  painted: number;
}

declare global {
  interface Window {
    changes: Change[];
  }
}

/** Notes for each change of the list how long it took since the last event of a kind. */
function watch(page: Page) {
  return page.addInitScript(() => {
    window.changes = [];
    let since: number | undefined;
    const begin = (event: Event) => (since = event.timeStamp);
    addEventListener('click', begin, true);
    addEventListener('input', begin, true);
    new MutationObserver((records) => {
      const came = records.some(({ addedNodes }) => [...addedNodes].some((node) => node.nodeName === 'TBODY'));
      if (since === undefined || !came || !document.querySelector('tbody a')) return;
      const from = since;
      since = undefined;
      const { startTime, responseEnd } = performance
        .getEntriesByType('resource')
        .filter(({ name }) => name.endsWith('/graphql'))
        .at(-1) as PerformanceResourceTiming;
      // The task behind the next frame comes when that is drawn.
      requestAnimationFrame(() => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = () =>
          window.changes.push({ asked: startTime - from, answered: responseEnd - from, painted: performance.now() - from });
        port2.postMessage(null);
      });
    }).observe(document, { subtree: true, childList: true });
  });
}

/** What the page needs of a processor, in milliseconds: all that its thread does, frames too. */
async function processor(page: Page) {
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  return async () => {
    const { metrics } = await session.send('Performance.getMetrics');
    return (metrics.find(({ name }) => name === 'TaskDuration')?.value ?? NaN) * 1000;
  };
}

function tell(what: string, changes: Change[], spent: number) {
  const at = (key: keyof Change, part: number) =>
    changes.map((change) => change[key]).sort((a, b) => a - b)[Math.floor(changes.length * part)]?.toFixed(0);
  console.log(
    `${what}, ${changes.length} times: painted after ${at('painted', 0.5)} ms (fastest ${at('painted', 0)}, p90 ${at('painted', 0.9)}); ` +
      `asked after ${at('asked', 0.5)}, answered after ${at('answered', 0.5)}; ${(spent / changes.length).toFixed(0)} ms of a processor`,
  );
}

test('page turns and searches', () =>
  visit(roster, {}, async (page) => {
    await watch(page);
    await openUsers(page, roster);
    await page.getByRole('row').nth(50).waitFor();
    const spent = await processor(page);
    const changes = (count: number) => page.waitForFunction((count) => window.changes.length >= count, count, { polling: 50 });
    const take = () => page.evaluate(() => window.changes.splice(0));
    const press = async (name: string) => {
      const box = await page.getByRole('button', { name }).boundingBox();
      if (!box) throw new Error(`There is no ${name}.`);
      return () => page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
    };
    // The foot of the list does not move.
    const [next, previous] = [await press('Next'), await press('Previous')];
    const turn = async (count: number) => {
      for (let i = 0; i < count; i++) {
        await (i % 4 < 3 ? next() : previous());
        await changes(i + 1);
      }
      return take();
    };
    await turn(4);
    let before = await spent();
    const turns = await turn(24);
    tell('A page turn', turns, (await spent()) - before);

    const box = page.getByRole('searchbox', { name: 'Search' });
    before = await spent();
    const words = ['a', 'an', 'ann', 'g', 'gar', 'garcia', 's', 'sup', 'p', 'priya'];
    for (const [i, word] of words.entries()) {
      await box.fill(word);
      await changes(i + 1);
    }
    tell('A search, with the time until typing has stopped', await take(), (await spent()) - before);
  }));
