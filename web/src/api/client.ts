import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { retryExchange } from '@urql/exchange-retry';
import { createClient as createSocket } from 'graphql-ws';
import {
  type AnyVariables,
  cacheExchange,
  Client,
  fetchExchange,
  mapExchange,
  type OperationResult,
  subscriptionExchange,
} from 'urql';
import { createStore } from '../shared/store';
import { connection } from './connection';
import { type ViewerFragment, ViewerDocument } from './operations';
import { codeOf } from './problem';

/** Who is signed in; null: nobody; undefined: no answer has told yet. */
export const viewer = createStore<ViewerFragment | null | undefined>(undefined);

const endpoint = new URL(
  document.querySelector<HTMLMetaElement>('meta[name="roster-api"]')?.content ?? '/graphql',
  location.href,
);

// A server that does not answer for so long is not there, whatever the network says.
const patience = 10_000;

// Why a socket was closed.
const closedByPage = 1000;
const sessionEnded = 4401;

const options = { url: endpoint.href, preferGetMethod: false, fetchOptions: { credentials: 'include' } } as const;

/** What requests pass on their way to the service, and answers on their way back. */
const way = [
  mapExchange({
    onResult({ data, error, operation }) {
      const code = codeOf(error);
      if (code === 'UNAUTHENTICATED') viewer.set(null);
      else if (data && 'viewer' in data) viewer.set(data.viewer as ViewerFragment | null);
      // Pages ask who is signed in beside what they show. One that is refused
      // has not learned it, or that it is no longer what it was.
      else if (code === 'FORBIDDEN' && operation.kind !== 'subscription') {
        queueMicrotask(() => void askOnce(ViewerDocument, {}));
      }
    },
  }),
  retryExchange({
    initialDelayMs: 500,
    maxNumberAttempts: 4,
    retryIf: (error, operation) =>
      operation.kind === 'query' && (codeOf(error) === 'UNAVAILABLE' || codeOf(error) === 'UNREACHABLE'),
  }),
  fetchExchange,
];

/** Keeps no answers: what is asked of it, such as an export, may be more than there is room for. */
const forgetful = new Client({ ...options, exchanges: way });

/** Asks something that is not kept. */
export function askOnce<Data, Variables extends AnyVariables>(
  query: TypedDocumentNode<Data, Variables>,
  variables: Variables,
): Promise<OperationResult<Data, Variables>> {
  return forgetful.query(query, variables, { requestPolicy: 'network-only' }).toPromise();
}

function createClient(): Client {
  // Messages are answered in order: whoever hears a pong to this is listened to.
  let asked = false;
  let unanswered: ReturnType<typeof setTimeout> | undefined;
  const socket = createSocket({
    url: endpoint.href.replace(/^http/, 'ws'),
    retryAttempts: Infinity,
    shouldRetry: () => true,
    keepAlive: 10_000,
    on: {
      connected: (opened) => {
        const socket = opened as WebSocket;
        // Behind the messages that begin the subscriptions.
        setTimeout(() => {
          if (socket.readyState !== WebSocket.OPEN) return;
          asked = true;
          socket.send(JSON.stringify({ type: 'ping' }));
        });
      },
      ping: (received) => {
        if (received) return;
        clearTimeout(unanswered);
        unanswered = setTimeout(() => socket.terminate(), patience);
      },
      pong: (received) => {
        if (!received) return;
        clearTimeout(unanswered);
        if (!asked) return;
        asked = false;
        connection.set('live');
      },
      closed: (event) => {
        const { code } = event as CloseEvent;
        asked = false;
        clearTimeout(unanswered);
        connection.set(code === closedByPage ? 'none' : 'interrupted');
        if (code === sessionEnded && viewer.get()) void askOnce(ViewerDocument, {});
      },
    },
  });
  return new Client({
    ...options,
    exchanges: [
      cacheExchange,
      ...way,
      subscriptionExchange({
        forwardSubscription: (request) => ({
          subscribe: (sink) => ({
            unsubscribe: socket.subscribe({ ...request, query: request.query ?? '' }, sink),
          }),
        }),
      }),
    ],
  });
}

/** The client of whoever is signed in. */
export const client = createStore(createClient());

/** Somebody else is signed in, or nobody: nothing of what was seen before stays. */
export function changeViewer(next: ViewerFragment | null) {
  client.set(createClient());
  connection.set('none');
  viewer.set(next);
}
