import type { CodegenConfig } from '@graphql-codegen/cli';

// Types of the operations in src/**/*.graphql, from the schema that the server runs.
const config: CodegenConfig = {
  schema: '../schema.graphqls',
  documents: 'src/**/*.graphql',
  generates: {
    'src/api/operations.ts': {
      plugins: ['typescript-operations', 'typed-document-node'],
      config: {
        enumsAsTypes: true,
        onlyOperationTypes: true,
        useTypeImports: true,
        skipTypename: true,
        avoidOptionals: { field: true, object: true },
        scalars: { DateTime: 'string', ID: 'string' },
      },
    },
  },
};

export default config;
