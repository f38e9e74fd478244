// Holds a running server against the GraphQL over HTTP specification:
//
//   npm ci && node audit.js http://localhost:8080/graphql
//
// Every audit must be "ok": what the specification only recommends, too.
import { auditServer } from 'graphql-http';

const results = await auditServer({ url: process.argv[2] });
const failed = results.filter((result) => result.status !== 'ok');
for (const { id, name, status, reason } of failed) {
  console.log(`${status} ${id}: ${name}\n  ${reason}`);
}
console.log(`${results.length - failed.length}/${results.length} ok`);
process.exitCode = failed.length === 0 && results.length > 0 ? 0 : 1;
