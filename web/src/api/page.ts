import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { useCallback, useEffect, useMemo, useRef } from 'react';
import { type AnyVariables, createRequest, useQuery, useSubscription } from 'urql';
import { createStore, useStore } from '../shared/store';
import { connection, online } from './connection';
import { useMay } from './may';
import { UserChangedDocument } from './operations';
import { type Problem, problemOf } from './problem';

/** Moves when something that pages show has changed, here or elsewhere. */
const changes = createStore(0);

// Many changes at once, such as an invitation of a hundred, are fetched as one.
const settle = 250;
let pending: ReturnType<typeof setTimeout> | undefined;

let holding = 0;

function changed() {
  if (holding > 0) return;
  pending ??= setTimeout(() => {
    pending = undefined;
    changes.set(changes.get() + 1);
  }, settle);
}

/** Has pages wait while many changes are made one after the other, and look once behind them all. */
export function holdChanges(): () => void {
  holding++;
  return () => {
    holding--;
    changed();
  };
}

// What was asked for before changes began to arrive, or before there was a
// network again, may have missed one: it is asked for again, once.
function caughtUp() {
  if (connection.get() === 'live' && online.get()) changes.set(changes.get() + 1);
}
connection.subscribe(caughtUp);
online.subscribe(caughtUp);

/** Listens to what others change: beside the first question, and not behind its answer. */
export function useLiveChanges() {
  const may = useMay();
  useSubscription({ query: UserChangedDocument, pause: !may('VIEW_USERS') }, (_, change) => {
    changed();
    return change;
  });
}

export interface PageData<Data> {
  data: Data | undefined;
  /** The data answer an earlier question; the answer to this one is on its way. */
  outdated: boolean;
  /** Differs from one question to another; lists that answer the same one are the same list. */
  answered: number | undefined;
  problem: Problem | undefined;
  refetch: () => void;
}

/** What a page shows: at once what is known, then what is so now, and again after each change. */
export function usePageData<Data, Variables extends AnyVariables>(
  query: TypedDocumentNode<Data, Variables>,
  variables: Variables,
  pause = false,
): PageData<Data> {
  const [{ data, error, fetching, stale, operation }, execute] = useQuery({
    query,
    variables,
    pause,
    requestPolicy: 'cache-and-network',
  } as Parameters<typeof useQuery<Data, Variables>>[0]);
  const { key } = useMemo(() => createRequest(query, variables), [query, variables]);
  const refetch = useCallback(() => execute({ requestPolicy: 'network-only' }), [execute]);
  const tick = useStore(changes);
  const seen = useRef(tick);
  // An answer that is on its way may be older than the change: ask behind it.
  const busy = fetching || stale;
  useEffect(() => {
    if (seen.current === tick || pause || busy) return;
    seen.current = tick;
    refetch();
  }, [tick, pause, busy, refetch]);
  return {
    data,
    outdated: data !== undefined && operation?.key !== key,
    answered: operation?.key,
    problem: error && problemOf(error),
    refetch,
  };
}
