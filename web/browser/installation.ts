import { type ChildProcess, spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { inject } from 'vitest';

export const admin = { username: 'ada@acme.example', password: 'four small words together' };

/** The program, started in a folder of its own. */
export class Installation {
  readonly data = mkdtempSync(join(tmpdir(), 'roster-data-'));
  log = '';
  private process: ChildProcess | undefined;

  private constructor(
    readonly port: number,
    private readonly env: Record<string, string>,
  ) {}

  static async start(args: string[], env: Record<string, string> = {}): Promise<Installation> {
    const installation = new Installation(await freePort(), env);
    await installation.start(args);
    return installation;
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  async start(args: string[] = []) {
    const program = spawn(inject('program'), args, {
      env: {
        ADDR: `127.0.0.1:${this.port}`,
        PUBLIC_URL: this.url,
        DATA_DIR: this.data,
        BOOTSTRAP_ADMIN_EMAIL: admin.username,
        BOOTSTRAP_ADMIN_PASSWORD: admin.password,
        ...this.env,
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.process = program;
    program.stderr.on('data', (text) => (this.log += text));
    await until('the program to be ready', async () => {
      if (program.exitCode !== null) throw new Error(`The program has ended: ${this.log}`);
      return (await fetch(`${this.url}/readyz`).catch(() => undefined))?.ok;
    });
  }

  async stop() {
    const program = this.process;
    if (!program || program.exitCode !== null) return;
    const ended = new Promise((resolve) => program.once('exit', resolve));
    program.kill('SIGTERM');
    await ended;
  }

  /** Ends it, and forgets everything. */
  async remove() {
    await this.stop();
    rmSync(this.data, { recursive: true });
  }

  /** The link in the latest mail to somebody, once there are as many as that. */
  async link(to: string, count = 1): Promise<string> {
    const folder = join(this.data, 'mail');
    const files = await until(`mail ${count} to ${to}`, () => {
      const found = readdirSync(folder).filter((name) => name.includes(to) && name.endsWith('.eml'));
      return found.length >= count ? found.sort() : undefined;
    });
    const mail = readFileSync(join(folder, files.at(-1) ?? ''), 'utf8');
    const link = /http\S+#token=[\w-]+/.exec(mail)?.[0];
    if (!link) throw new Error(`No link in ${mail}`);
    return link;
  }

  /** Invites somebody as an administrator would, and answers the link of the mail. */
  async invited(address: string, role = 'Viewer'): Promise<string> {
    const ask = await this.client();
    const roles: { id: string; name: string }[] = await ask('{ roles { id name } }');
    await ask(
      'mutation($e: String!, $r: ID!) { inviteUsers(input: {emails: [$e], roleId: $r}) { users { id } } }',
      { e: address, r: roles.find(({ name }) => name === role)?.id },
    );
    return this.link(address.replace(/^.*<|>$/g, ''));
  }

  /** Somebody who has completed the set-up. */
  async member(email: string, role?: string) {
    const link = await this.invited(email, role);
    const password = 'a walk along the river';
    await this.ask('mutation($i: AcceptInvitationInput!) { acceptInvitation(input: $i) { user { id } } }', {
      i: { token: link.split('=')[1], password },
    });
    return { username: email, password };
  }

  /** Turns on the second factor of somebody. */
  async withSecondFactor(who: { username: string; password: string }) {
    const ask = await this.client(who.username, who.password);
    const { secret } = await ask('mutation { startTwoFactorSetup { secret } }');
    const { recoveryCodes } = await ask(
      'mutation($code: String!) { confirmTwoFactorSetup(code: $code) { recoveryCodes } }',
      { code: totp(secret, -1) },
    );
    return { secret: secret as string, recoveryCodes: recoveryCodes as string[] };
  }

  /** What somebody does by the API meanwhile. */
  async client(username = admin.username, password = admin.password) {
    const login = await this.ask(
      'mutation($u: String!, $p: String!) { login(input: {username: $u, password: $p, issueToken: true}) { token } }',
      { u: username, p: password },
    );
    return (query: string, variables = {}) => this.ask(query, variables, login.token);
  }

  // What is asked in tests is looked at there.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  private async ask(query: string, variables: object, token?: string): Promise<any> {
    const response = await fetch(`${this.url}/graphql`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...(token && { Authorization: `Bearer ${token}` }) },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = (await response.json()) as { data?: Record<string, unknown>; errors?: unknown };
    if (errors) throw new Error(JSON.stringify(errors));
    return Object.values(data ?? {})[0];
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (!address || typeof address === 'string') throw new Error('No port.');
  return address.port;
}

type Found<T> = Exclude<T, false | null | undefined>;

/** Asks again until the answer is there. */
export async function until<T>(what: string, found: () => T | Promise<T>, patience = 30_000): Promise<Found<T>> {
  for (const end = Date.now() + patience; Date.now() < end; await sleep(50)) {
    const answer = await found();
    if (answer) return answer as Found<T>;
  }
  throw new Error(`Waited in vain for ${what}.`);
}

/** The six digits that an authenticator app shows, some steps from now (RFC 6238). */
export function totp(secret: string, steps = 0): string {
  const bits = [...secret].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g)?.map((byte) => parseInt(byte, 2)) ?? []);
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps));
  const hash = createHmac('sha1', key).update(counter).digest();
  const offset = (hash.at(-1) ?? 0) & 15;
  return String((hash.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}
