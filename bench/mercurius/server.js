// A peer for make bench: mercurius on fastify, with its JIT on, over better-sqlite3,
// written as well as one would: plain columns with an index for each order, prepared
// statements, pages found by keyset, sizes of the lists kept beside them. It asks
// nobody who they are.
//
//   node server.js FILE PORT
import { readFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import Fastify from 'fastify';
import mercurius from 'mercurius';

const [file, port] = process.argv.slice(2);
const db = new Database(file, { readonly: true, fileMustExist: true });
db.pragma('cache_size = -64000');
db.pragma('mmap_size = 2000000000');

const roles = new Map(db.prepare('SELECT id, name FROM roles').all().map((role) => [role.id, role]));

// Who has no value comes last in either direction, so these orders have a column for each.
const orders = {
  NAME: { ASC: ['name_up', 'id'], DESC: ['name_down', 'id'] },
  EMAIL: { ASC: ['email_key', 'id'], DESC: ['email_key', 'id'] },
  ROLE: { ASC: ['role_rank', 'username_key', 'id'], DESC: ['role_rank', 'username_key', 'id'] },
  LAST_LOGIN_AT: { ASC: ['login_up', 'id'], DESC: ['login_down', 'id'] },
};

const statements = new Map();
function prepared(sql) {
  let statement = statements.get(sql);
  if (!statement) statements.set(sql, (statement = db.prepare(sql)));
  return statement;
}

const literally = (word) => `%${word.replace(/[\\%_]/g, '\\$&')}%`;
const seal = (keys, row) => Buffer.from(JSON.stringify(keys.map((key) => row[key]))).toString('base64url');
const open = (cursor) => JSON.parse(Buffer.from(cursor, 'base64url').toString());

function users(_, { status, search, orderBy, first, after, last, before }) {
  const field = orderBy?.field ?? 'NAME';
  const direction = orderBy?.direction ?? 'ASC';
  const keys = orders[field][direction];
  const backward = last != null;
  const limit = Math.min(last ?? first ?? 50, 100);
  const down = (direction === 'DESC') !== backward;

  const where = [];
  const args = [];
  if (status) {
    where.push('status = ?');
    args.push(status);
  }
  for (const word of search?.split(/\s+/).filter(Boolean) ?? []) {
    where.push(String.raw`(name LIKE ? ESCAPE '\' OR username LIKE ? ESCAPE '\' OR email LIKE ? ESCAPE '\' OR title LIKE ? ESCAPE '\')`);
    const pattern = literally(word);
    args.push(pattern, pattern, pattern, pattern);
  }
  const totalCount = search
    ? prepared(`SELECT count(*) AS people FROM users WHERE ${where.join(' AND ')}`).get(args).people
    : prepared(`SELECT sum(people) AS people FROM counts${status ? ' WHERE status = ?' : ''}`).get(args).people;

  const cursor = backward ? before : after;
  if (cursor != null) {
    where.push(`(${keys}) ${down ? '<' : '>'} (${keys.map(() => '?')})`);
    args.push(...open(cursor));
  }
  const rows = prepared(
    `SELECT id, name, username, email, title, status, role_id, csm_seat, two_factor, last_login_at, ${keys.slice(0, -1)}
     FROM users${where.length ? ` WHERE ${where.join(' AND ')}` : ''}
     ORDER BY ${keys.map((key) => `${key} ${down ? 'DESC' : 'ASC'}`)} LIMIT ?`,
  ).all(...args, limit + 1);
  const more = rows.length > limit;
  if (more) rows.pop();
  if (backward) rows.reverse();

  return {
    totalCount,
    nodes: rows.map((row) => ({
      id: row.id,
      name: row.name,
      username: row.username,
      email: row.email,
      title: row.title,
      status: row.status,
      role: roles.get(row.role_id),
      csmSeat: row.csm_seat === 1,
      twoFactorEnabled: row.two_factor === 1,
      lastLoginAt: row.last_login_at,
    })),
    pageInfo: {
      hasNextPage: backward ? before != null : more,
      hasPreviousPage: backward ? more : after != null,
      startCursor: rows.length ? seal(keys, rows[0]) : null,
      endCursor: rows.length ? seal(keys, rows.at(-1)) : null,
    },
  };
}

const app = Fastify();
app.register(mercurius, {
  schema: readFileSync(new URL('../peers.graphqls', import.meta.url), 'utf8'),
  resolvers: { Query: { users } },
  jit: 1,
});
await app.listen({ host: '127.0.0.1', port: Number(port) });
