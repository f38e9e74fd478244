// Fails when what a first visit loads is larger than it may be: the entry with
// all that it imports, and the page of people, compressed.
import { readFileSync, rmSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const limit = 250_000;
const dist = new URL('../dist/', import.meta.url);
const manifest = JSON.parse(readFileSync(new URL('.vite/manifest.json', dist), 'utf8'));

// Only this script reads it.
rmSync(new URL('.vite', dist), { recursive: true });

const files = new Set();
function add(name) {
  const chunk = manifest[name];
  if (files.has(chunk.file)) return;
  files.add(chunk.file);
  chunk.css?.forEach((file) => files.add(file));
  chunk.imports?.forEach(add);
}
add('index.html');
add('src/users/UsersPage.tsx');

let total = 0;
for (const file of [...files, 'index.html']) {
  const size = gzipSync(readFileSync(new URL(file, dist))).length;
  total += size;
  console.log(`${String(size).padStart(8)}  ${file}`);
}
console.log(`${String(total).padStart(8)}  first load of the Users page, of at most ${limit}`);
if (total > limit) process.exit(1);
