import { readdirSync, readFileSync } from 'node:fs';
import { type DocumentNode, type FieldNode, type FragmentDefinitionNode, Kind, parse, visit } from 'graphql';
import { expect, test } from 'vitest';

const src = new URL('../', import.meta.url);
const paths = readdirSync(src, { recursive: true, encoding: 'utf8' });
const read = (path: string) => readFileSync(new URL(path, src), 'utf8');
const folderOf = (path: string) => path.slice(0, path.lastIndexOf('/'));

const documents = paths
  .filter((path) => path.endsWith('.graphql'))
  .flatMap((path) => (parse(read(path)) as DocumentNode).definitions.map((definition) => ({ folder: folderOf(path), definition })));
const sources = paths.filter((path) => /\.tsx?$/.test(path) && !/\.test\.ts$|operations\.ts$/.test(path));

/** What the folders read, all of it as one text; what is shared reads for everybody. */
function textOf(folders: Set<string>): string {
  return sources
    .filter((path) => folders.has(folderOf(path)) || /^(shared|api|layout)\//.test(path))
    .map(read)
    .join('\n');
}

/** The folders whose code is given what a fragment selects. */
function foldersWith(fragment: string, home: string): Set<string> {
  const spread = documents.filter(({ definition }) => JSON.stringify(definition).includes(`"value":"${fragment}"`));
  const typed = sources.filter((path) => read(path).includes(`${fragment}Fragment`));
  return new Set([home, ...spread.map(({ folder }) => folder), ...typed.map(folderOf)]);
}

test.each(
  documents.flatMap(({ folder, definition }) =>
    definition.kind === Kind.OPERATION_DEFINITION || definition.kind === Kind.FRAGMENT_DEFINITION
      ? [{ name: definition.name?.value ?? '', folder, definition }]
      : [],
  ),
)('$name asks for nothing that nobody reads', ({ name, folder, definition }) => {
  const fragment = definition.kind === Kind.FRAGMENT_DEFINITION;
  const text = textOf(fragment ? foldersWith(name, folder) : new Set([folder]));
  const unread: string[] = [];
  visit(definition as FragmentDefinitionNode, {
    Field(node: FieldNode) {
      const field = (node.alias ?? node.name).value;
      // What answers the operation as a whole.
      if (!fragment && definition.selectionSet.selections.includes(node)) return;
      // By the type of what a change answers, the cache knows which lists to ask for again.
      if (!fragment && definition.operation === 'mutation' && field === 'id') return;
      // An event says only that something has changed, and types are for the cache.
      if (field === 'kind' || field === '__typename') return;
      if (!new RegExp(`[.?{,(\\s]${field}\\b(?!\\s*=)`).test(text)) unread.push(field);
    },
  });
  expect(unread).toEqual([]);
});
