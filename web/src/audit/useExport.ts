import { useEffect, useRef, useState } from 'react';
import { client } from '../api/client';
import { AuditExportDocument } from '../api/operations';
import { type Problem, problemOf } from '../api/problem';
import { announce } from '../shared/announce';
import { auditRows, csv } from './csv';
import type { AuditEvent } from './sentences';
import type { Filter } from './state';

/** Fetches all that is filtered, page after page, and hands it over as a file. */
export function useExport(filter: Filter, people: boolean) {
  /** How many are fetched so far; undefined when nothing is on its way. */
  const [count, setCount] = useState<number>();
  const [problem, setProblem] = useState<Problem>();
  const running = useRef<symbol>(undefined);
  const stop = () => {
    running.current = undefined;
    setCount(undefined);
  };
  useEffect(() => () => void (running.current = undefined), []);

  const start = async () => {
    const run = Symbol();
    running.current = run;
    setProblem(undefined);
    setCount(0);
    const events: AuditEvent[] = [];
    for (let after: string | null = null, more = true; more; ) {
      const { data, error } = await client
        .get()
        .query(AuditExportDocument, { ...filter, people, after }, { requestPolicy: 'network-only' })
        .toPromise();
      if (running.current !== run) return;
      if (error || !data) {
        stop();
        if (error) setProblem(problemOf(error));
        return;
      }
      const page: { hasNextPage: boolean; endCursor: string | null } = data.auditEvents.pageInfo;
      events.push(...data.auditEvents.nodes);
      after = page.endCursor;
      more = page.hasNextPage;
      setCount(events.length);
    }
    stop();
    save(csv(auditRows(events)), `audit-log-${new Date().toISOString().slice(0, 10)}.csv`);
    announce(`${events.length.toLocaleString()} events exported.`);
  };
  return { count, problem, start, stop };
}

function save(text: string, name: string) {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/csv' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The browser reads it a moment later.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
