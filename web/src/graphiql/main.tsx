import 'graphiql/style.css';
import './graphiql.css';
import { HISTORY_PLUGIN } from '@graphiql/plugin-history';
import { createGraphiQLFetcher } from '@graphiql/toolkit';
import { GraphiQL } from 'graphiql';
import { createClient } from 'graphql-ws';
import EditorWorker from 'monaco-editor/esm/vs/editor/editor.worker.js?worker';
import JsonWorker from 'monaco-editor/esm/vs/language/json/json.worker.js?worker';
import GraphQLWorker from 'monaco-graphql/esm/graphql.worker.js?worker';
import type {} from 'monaco-editor';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { endpoint } from './ask';
import { editorTheme, FollowColours } from './colours';
import { examples } from './examples';
import { EXAMPLES_PLUGIN } from './ExamplesPlugin';
import { Who } from './Who';

// The editors work beside the page, in files of the same server.
window.MonacoEnvironment = {
  getWorker(_, label) {
    switch (label) {
      case 'json':
        return new JsonWorker();
      case 'graphql':
        return new GraphQLWorker();
      default:
        return new EditorWorker();
    }
  },
};

// The session is the page's own: its cookie goes along. A mistake in an
// operation is an answer like others, and no failure of which browsers complain.
const fetcher = createGraphiQLFetcher({
  url: endpoint.href,
  headers: { accept: 'application/json' },
  enableIncrementalDelivery: false,
  wsClient: createClient({ url: endpoint.href.replace(/^http/, 'ws') }),
});

const [first] = examples;

const root = document.getElementById('graphiql');
if (!root) throw new Error('The page has no #graphiql.');
createRoot(root).render(
  <StrictMode>
    <GraphiQL
      fetcher={fetcher}
      plugins={[HISTORY_PLUGIN, EXAMPLES_PLUGIN]}
      visiblePlugin={EXAMPLES_PLUGIN}
      defaultQuery={first.query}
      defaultEditorToolsVisibility="variables"
      editorTheme={editorTheme}
      inputValueDeprecation
      schemaDescription
      shouldPersistHeaders={false}
    >
      <GraphiQL.Logo>
        <Who />
      </GraphiQL.Logo>
      <FollowColours />
    </GraphiQL>
  </StrictMode>,
);
