import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import type { OperationResult } from 'urql';
import { askOnce } from '../api/client';
import { SelectUsersDocument, type SelectUsersQuery, type SelectedFragment, type UsersQueryVariables } from '../api/operations';
import { type Problem, problemOf } from '../api/problem';
import { announce } from '../shared/announce';
import { mostSelected } from './several';

// The most that a page may have.
const pageSize = 100;

type People = ReadonlyMap<string, SelectedFragment>;
const nobody: People = new Map();

export interface Selection {
  /** Whoever is selected, as last seen. */
  people: SelectedFragment[];
  ids: string[];
  /** Selects these of the people of the page, and leaves those of other pages as they are. */
  select: (ids: string[]) => void;
  /** Selects these and nobody else. */
  become: (people: readonly SelectedFragment[]) => void;
  /** Selects all who match, up to the bound. */
  selectAll: () => void;
  stop: () => void;
  /** How many are found so far; undefined when nobody is looked for. */
  gathered: number | undefined;
  problem: Problem | undefined;
}

/** Who is selected of those that match; turning the page and sorting keep them, another list is another choice. */
export function useSelection(variables: UsersQueryVariables, shown: readonly SelectedFragment[] | undefined): Selection {
  const [chosen, setChosen] = useState({ question: '', people: nobody });
  const [gathered, setGathered] = useState<number>();
  const [problem, setProblem] = useState<Problem>();
  const { status, search, roleIds, csmSeat, twoFactorEnabled, orderBy } = variables;
  const question = JSON.stringify([status, search, roleIds, csmSeat, twoFactorEnabled]);
  const people = chosen.question === question ? chosen.people : nobody;

  const running = useRef<symbol>(undefined);
  const stop = useCallback(() => {
    running.current = undefined;
    setGathered(undefined);
  }, []);
  const become = (next: readonly SelectedFragment[]) => {
    if (next.length > mostSelected) announce(`No more than ${mostSelected.toLocaleString()} can be selected at a time.`);
    setChosen({ question, people: new Map(next.slice(0, mostSelected).map((user) => [user.id, user])) });
  };
  useEffect(() => {
    setChosen((now) => (now.question === question ? now : { question, people: nobody }));
    setProblem(undefined);
    return stop;
  }, [question, stop]);

  // What is known of whoever is on the page is what the page shows.
  const now = useMemo(() => {
    const fresh = shown?.filter((user) => people.has(user.id) && people.get(user.id) !== user) ?? [];
    return fresh.length > 0 ? new Map([...people, ...fresh.map((user) => [user.id, user] as const)]) : people;
  }, [people, shown]);
  useEffect(() => {
    if (now !== people) setChosen({ question, people: now });
  }, [now, people, question]);

  const count = now.size;
  const before = useRef(0);
  useEffect(() => {
    if (count !== before.current && count > 0) announce(`${count.toLocaleString()} selected`, 'selection');
    before.current = count;
  }, [count]);

  const selectAll = async () => {
    const run = Symbol();
    running.current = run;
    setProblem(undefined);
    // Whoever changes places while the pages are turned may be met twice.
    const found = new Map<string, SelectedFragment>();
    for (let after: string | null = null, more = true; more && found.size < mostSelected; ) {
      setGathered(found.size);
      const first = Math.min(pageSize, mostSelected - found.size);
      const filter = { status, search, roleIds, csmSeat, twoFactorEnabled, orderBy };
      const answer: OperationResult<SelectUsersQuery> = await askOnce(SelectUsersDocument, { ...filter, first, after });
      const { data, error } = answer;
      if (running.current !== run) return;
      if (error || !data) {
        stop();
        if (error) setProblem(problemOf(error));
        return;
      }
      const { nodes, pageInfo } = data.users;
      nodes.forEach((user) => found.set(user.id, user));
      after = pageInfo.endCursor;
      more = pageInfo.hasNextPage;
    }
    stop();
    become([...found.values()]);
  };

  return {
    people: useMemo(() => [...now.values()], [now]),
    ids: useMemo(() => [...now.keys()], [now]),
    select: (ids) => {
      const known = new Map([...(shown ?? []).map((user) => [user.id, user] as const), ...now]);
      become(ids.flatMap((id) => known.get(id) ?? []));
    },
    become,
    selectAll: () => void selectAll(),
    stop,
    gathered,
    problem,
  };
}
