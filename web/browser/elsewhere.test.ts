import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { extname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { admin, freePort, Installation } from './installation';
import { listens, row, signIn, useBrowser, visit } from './visitor';

const types: Record<string, string> = {
  '.css': 'text/css',
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.svg': 'image/svg+xml',
};

/** Serves the files of the console from somewhere else, as a CDN would: only the address of the API is another. */
async function serveConsole(api: () => string, port: number): Promise<Server> {
  const folder = join(import.meta.dirname, '../dist');
  const page = readFileSync(join(folder, 'index.html'), 'utf8');
  const index = () => {
    const moved = page.replace('name="roster-api" content="/graphql"', `name="roster-api" content="${api()}/graphql"`);
    if (moved === page) throw new Error('index.html does not say where the API is.');
    return moved;
  };
  const server = createServer(({ url = '/' }, response) => {
    const { pathname } = new URL(url, 'http://console');
    const file = extname(pathname) ? pathname : '/index.html';
    response.setHeader('Content-Type', types[extname(file)] ?? 'application/octet-stream');
    response.setHeader(
      'Content-Security-Policy',
      `default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; connect-src ${api()} ${api().replace('http', 'ws')}`,
    );
    try {
      response.end(file === '/index.html' ? index() : readFileSync(join(folder, file)));
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return server;
}

useBrowser();
let roster: Installation;
const consoles: Server[] = [];
let allowed: string;
let foreign: string;
beforeAll(async () => {
  const ports = [await freePort(), await freePort()];
  [allowed, foreign] = ports.map((port) => `http://127.0.0.1:${port}`) as [string, string];
  for (const port of ports) consoles.push(await serveConsole(() => roster.url, port));
  roster = await Installation.start(['--demo'], { ALLOWED_ORIGINS: allowed });
});
afterAll(async () => {
  for (const server of consoles) server.close();
  await roster?.remove();
});

test('the console works from an origin that is allowed, with its session and what others change', () =>
  visit({ url: allowed }, { alsoFrom: [roster.url] }, async (page) => {
    const listening = listens(page);
    const asked = page.waitForResponse(`${roster.url}/graphql`);
    await signIn(page);
    expect((await (await asked).allHeaders())['access-control-allow-origin']).toBe(allowed);
    await page.getByRole('tab', { name: 'Active 45' }).waitFor();
    await listening;
    const ask = await roster.client();
    const { nodes } = await ask('{ users(search: "amara.lund") { nodes { id } } }');
    await ask('mutation($id: ID!) { updateUser(id: $id, input: {title: "Heard from afar"}) { user { id } } }', { id: nodes[0].id });
    await row(page, 'Amara Lund').getByText('Heard from afar').waitFor();
    await page.reload();
    await row(page, 'Amara Lund').waitFor();
    await page.getByRole('button', { name: admin.username, exact: true }).click();
    await page.getByRole('menuitem', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    expect(page.url()).toContain(allowed);
  }));

test('the console gets no answer from an origin that is not allowed', () =>
  visit({ url: foreign }, { alsoFrom: [roster.url], troubled: true }, async (page) => {
    await page.goto('/sign-in');
    await page.getByLabel('Username or e-mail').fill(admin.username);
    await page.getByLabel('Password', { exact: true }).fill(admin.password);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').getByText('The service cannot be reached').waitFor();
    expect(await page.context().cookies()).toEqual([]);
  }));
