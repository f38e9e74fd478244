import { readFileSync } from 'node:fs';
import { buildSchema, parse, validate } from 'graphql';
import { expect, test } from 'vitest';
import { examples } from './examples';

const schema = buildSchema(readFileSync(new URL('../../../schema.graphqls', import.meta.url), 'utf8'));

test.each(examples)('$title is what the schema allows', ({ query, variables = () => ({}) }) => {
  const document = parse(query);
  expect(validate(schema, document)).toEqual([]);
  const asked = document.definitions.flatMap((definition) =>
    definition.kind === 'OperationDefinition' ? (definition.variableDefinitions ?? []) : [],
  );
  expect(new Set(Object.keys(variables({})))).toEqual(new Set(asked.map(({ variable }) => variable.name.value)));
});
