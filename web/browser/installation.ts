import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { inject } from 'vitest';

export const admin = { username: 'ada@acme.example', password: 'four small words together' };

/** Whoever signs in. */
export interface Person {
  username: string;
  password: string;
}

/** How long a machine that does other things may take for one step. */
export const patience = 60_000;

/** The program, started in a folder of its own. */
export class Installation {
  readonly data = mkdtempSync(join(inject('scratch'), 'data-'));
  log = '';
  private process: ChildProcess | undefined;
  private readonly sessions = new Map<string, Promise<string>>();

  private constructor(
    private port: number,
    private readonly env: Record<string, string>,
  ) {}

  static async start(args: string[], env: Record<string, string> = {}): Promise<Installation> {
    const installation = new Installation(await freePort(), env);
    // Another program may have taken the port since: then with the next one.
    while (!(await installation.launch(args))) installation.port = await freePort();
    return installation;
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Starts it again, where it was. */
  async start() {
    if (!(await this.launch([]))) throw new Error(`The port was taken meanwhile: ${this.log}`);
  }

  /** Starts it and waits until it is ready; false when somebody else has the port. */
  private async launch(args: string[]): Promise<boolean> {
    const before = this.log.length;
    const program = spawn(inject('program'), args, { env: this.environment, stdio: ['ignore', 'ignore', 'pipe'] });
    this.process = program;
    // Whoever runs the tests may end them in the middle.
    process.once('exit', () => program.kill('SIGKILL'));
    program.stderr.on('data', (text) => (this.log += text));
    // 100,000 people are made in 20 seconds on a quiet machine.
    return until(
      'the program to be ready',
      async () => {
        if (program.exitCode !== null) {
          if (this.log.slice(before).includes('address already in use')) return 'taken';
          throw new Error(`The program has ended: ${this.log}`);
        }
        return this.log.slice(before).includes('msg=ready') && (await fetch(`${this.url}/readyz`)).ok && 'ready';
      },
      args.includes('--seed') ? 10 * patience : 2 * patience,
    ).then((state) => state === 'ready');
  }

  /** Runs a command of the program beside it, and answers what that has logged. */
  command(...args: string[]): string {
    const { stderr, status } = spawnSync(inject('program'), args, { env: this.environment, encoding: 'utf8' });
    if (status !== 0) throw new Error(`roster ${args.join(' ')}: ${stderr}`);
    return stderr;
  }

  private get environment() {
    return {
      ADDR: `127.0.0.1:${this.port}`,
      PUBLIC_URL: this.url,
      DATA_DIR: this.data,
      BOOTSTRAP_ADMIN_EMAIL: admin.username,
      BOOTSTRAP_ADMIN_PASSWORD: admin.password,
      ...this.env,
    };
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
      if (!existsSync(folder)) return undefined;
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
  async withSecondFactor(who: Person) {
    const ask = await this.client(who.username, who.password);
    const { secret } = await ask('mutation { startTwoFactorSetup { secret } }');
    const { recoveryCodes } = await ask(
      'mutation($code: String!) { confirmTwoFactorSetup(code: $code) { recoveryCodes } }',
      { code: totp(secret, -1) },
    );
    return { secret: secret as string, recoveryCodes: recoveryCodes as string[] };
  }

  /** What somebody does by the API meanwhile, from another device. */
  async client(username = admin.username, password = admin.password) {
    const token = await this.session({ username, password });
    return (query: string, variables = {}) => this.ask(query, variables, token);
  }

  /**
   * The session that somebody has on another device, the same one each time: an
   * address may sign in 30 times a minute, and a quick machine would come there.
   */
  session(who: Person): Promise<string> {
    let session = this.sessions.get(who.username + who.password);
    if (!session) this.sessions.set(who.username + who.password, (session = this.anotherSession(who)));
    return session;
  }

  /** Signs somebody in once more, and answers the token. */
  async anotherSession({ username, password }: Person): Promise<string> {
    const login = await this.ask(
      `mutation($u: String!, $p: String!) {
        login(input: {username: $u, password: $p, issueToken: true}) { token userErrors { message } } }`,
      { u: username, p: password },
    );
    if (!login.token) throw new Error(`${username} cannot sign in: ${JSON.stringify(login)}`);
    return login.token;
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

let tried = Math.floor(Math.random() * 1000);

/**
 * A port that nobody else in this run gets. It is below those that the system
 * hands out by itself (from 32768 on Linux) and beside those of the Go tests and
 * of the services, so that nobody takes it while the program is away.
 */
export async function freePort(): Promise<number> {
  for (let left = 1000; left > 0; left--) {
    const port = 19_000 + (tried++ % 1000);
    try {
      mkdirSync(join(inject('scratch'), `port-${port}`));
    } catch {
      continue;
    }
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!free) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
  throw new Error('No port is free between 19000 and 19999.');
}

type Found<T> = Exclude<T, false | null | undefined>;

/** Asks again until the answer is there. */
export async function until<T>(what: string, found: () => T | Promise<T>, within = patience): Promise<Found<T>> {
  for (const end = Date.now() + within; Date.now() < end; await sleep(50)) {
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
