import { useEffect, useRef, useState } from 'react';
import type { CombinedError } from 'urql';
import { type Problem, problemOf } from '../api/problem';
import { announce } from './announce';
import { csv, utf8 } from './csv';

interface Page {
  rows: string[][];
  pageInfo: { hasNextPage: boolean; endCursor: string | null };
}

interface ExportOptions {
  /** What the file is called, before the day. */
  name: string;
  /** What its lines are: events, people. */
  things: string;
  header: string[];
  /** Asks for a page. */
  fetch: (after: string | null) => Promise<{ page?: Page; error?: CombinedError }>;
}

/** Fetches a list page after page, and hands it over as a file. */
export function useExport({ name, things, header, fetch }: ExportOptions) {
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
    // Texts, and not what they were made of: there may be hundreds of thousands.
    const texts = [utf8, csv([header])];
    let lines = 0;
    for (let after: string | null = null, more = true; more; ) {
      const { page, error }: Awaited<ReturnType<typeof fetch>> = await fetch(after);
      if (running.current !== run) return;
      if (!page) {
        stop();
        if (error) setProblem(problemOf(error));
        return;
      }
      texts.push(csv(page.rows));
      lines += page.rows.length;
      after = page.pageInfo.endCursor;
      more = page.pageInfo.hasNextPage;
      setCount(lines);
    }
    stop();
    save(texts, `${name}-${new Date().toISOString().slice(0, 10)}.csv`);
    announce(`${lines.toLocaleString()} ${things} exported.`);
  };
  return { count, problem, start: () => void start(), stop };
}

function save(texts: string[], name: string) {
  const url = URL.createObjectURL(new Blob(texts, { type: 'text/csv' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The browser reads it a moment later.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
