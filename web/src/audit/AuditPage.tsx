import { Button, Group, MultiSelect, Stack, Text, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { useSearchParams } from 'wouter';
import { askOnce } from '../api/client';
import { useMay } from '../api/may';
import { type AuditAction, AuditExportDocument, AuditLogDocument, type AuditLogQuery } from '../api/operations';
import { usePageData } from '../api/page';
import { PageTitle } from '../layout/PageTitle';
import { announce } from '../shared/announce';
import { ExportButton } from '../shared/ExportButton';
import { ProblemNote } from '../shared/ProblemNote';
import { useExport } from '../shared/useExport';
import classes from './audit.module.css';
import { AuditTable } from './AuditTable';
import { PersonFilter } from './PersonFilter';
import { auditHeader, auditRows } from './rows';
import { allKinds, kinds } from './sentences';
import { type AuditState, changeState, isDay, isFiltered, readState, toFilter, toVariables, writeState } from './state';

// As many as the service counts.
const mostCounted = 10_000;

export default function AuditPage() {
  const [params, setParams] = useSearchParams();
  const state = useMemo(() => readState(params), [params]);
  const change = useCallback(
    (change: Partial<AuditState>) => setParams((now) => writeState(changeState(readState(now), change))),
    [setParams],
  );
  const people = useMay()('VIEW_USERS');
  const variables = useMemo(() => toVariables(state, people), [state, people]);
  const { data, outdated, problem, refetch } = usePageData(AuditLogDocument, variables);
  const exporting = useExport({
    name: 'audit-log',
    things: 'events',
    header: auditHeader,
    fetch: async (after) => {
      const { data, error } = await askOnce(AuditExportDocument, { ...toFilter(state), people, after });
      const events = data?.auditEvents;
      return { error, page: events && { rows: auditRows(events.nodes), pageInfo: events.pageInfo } };
    },
  });

  useEffect(() => {
    window.scrollTo(0, 0);
  }, [state.after]);

  const count = data?.auditEvents.totalCount;
  useEffect(() => {
    if (count !== undefined && !outdated) announce(`${counted(count)} events`, 'count');
  }, [count, outdated, variables]);

  return (
    <Stack gap="md" className="fill">
      <Group justify="space-between" gap="sm" className={classes.head}>
        <PageTitle>Audit log</PageTitle>
        {!(problem && !data) && (
          <ExportButton exporting={exporting} disabled={!data || count === 0} />
        )}
      </Group>
      {exporting.problem && <ProblemNote problem={exporting.problem} retry={exporting.start} />}
      <Stack gap="sm">
        {!(problem?.code === 'FORBIDDEN' && !data) && (
          <Filters state={state} change={change} people={people} person={data?.person} />
        )}
        {problem && <ProblemNote problem={problem} retry={refetch} />}
        {!(problem && !data) && (
          <AuditTable events={data?.auditEvents.nodes} outdated={outdated} label="What has happened, the newest first" />
        )}
        {data?.auditEvents.nodes.length === 0 && !problem && <Nothing state={state} change={change} />}
      </Stack>
      {data && <Pages events={data.auditEvents} state={state} change={change} />}
    </Stack>
  );
}

function counted(count: number): string {
  return count === mostCounted ? `${mostCounted.toLocaleString()} or more` : count.toLocaleString();
}

const nothing: Partial<AuditState> = { user: undefined, kinds: [], since: undefined, until: undefined };

const kindChoices = [...new Set(allKinds.map((kind) => kinds[kind].group))].map((group) => ({
  group,
  items: allKinds.filter((kind) => kinds[kind].group === group).map((kind) => ({ value: kind, label: kinds[kind].name })),
}));

interface FiltersProps {
  state: AuditState;
  change: (change: Partial<AuditState>) => void;
  people: boolean;
  person: AuditLogQuery['person'];
}

function Filters({ state, change, people, person }: FiltersProps) {
  const [open, setOpen] = useState(false);
  const count = [state.user, state.since, state.until].filter(Boolean).length + state.kinds.length;
  return (
    <div role="search">
      <Button
        variant="default"
        className={classes.toggle}
        aria-expanded={open}
        aria-controls="filters"
        onClick={() => setOpen(!open)}
        mb="xs"
      >
        Filters{count > 0 && ` (${count})`}
      </Button>
      <Group gap="xs" align="flex-start" id="filters" className={classes.folded} data-open={open || undefined}>
        {people && <PersonFilter id={state.user} person={person} change={(user) => change({ user })} />}
        <MultiSelect
          aria-label="Kind"
          placeholder={state.kinds.length === 0 ? 'Anything' : undefined}
          data={kindChoices}
          value={state.kinds}
          onChange={(kinds) => change({ kinds: kinds as AuditAction[] })}
          searchable
          clearable
          clearButtonProps={{ 'aria-label': 'Anything' }}
          w={300}
        />
        <Day label="From" value={state.since} max={state.until} change={(since) => change({ since })} />
        <Day label="To" value={state.until} min={state.since} change={(until) => change({ until })} />
        <Button
          variant="subtle"
          // Where there is room its place is kept, so that nothing moves.
          data-idle={!isFiltered(state) || undefined}
          onClick={() => change(nothing)}
        >
          Clear
        </Button>
      </Group>
    </div>
  );
}

interface DayProps {
  label: string;
  value: string | undefined;
  min?: string;
  max?: string;
  change: (day: string | undefined) => void;
}

/** A day, asked for a moment after it is whole. */
function Day({ label, value = '', min, max, change }: DayProps) {
  const [text, setText] = useState(value);
  const asked = useRef(value);
  const ask = useDebouncedCallback((day: string) => {
    asked.current = day;
    change(day || undefined);
  }, 500);
  // Another day came from elsewhere: back, a link, or Clear.
  useEffect(() => {
    if (value === asked.current) return;
    asked.current = value;
    setText(value);
  }, [value]);
  return (
    <TextInput
      type="date"
      leftSection={
        <Text span size="sm" c="dimmed" ps="sm" me="auto" aria-hidden>
          {label}
        </Text>
      }
      leftSectionWidth={label === 'To' ? 38 : 54}
      leftSectionPointerEvents="none"
      aria-label={`${label} day`}
      value={text}
      min={min}
      max={max}
      onChange={(event) => {
        const day = event.currentTarget.value;
        setText(day);
        // A year that is being typed is a year long ago.
        if (day === '' || isDay(day)) ask(day);
      }}
      className={classes.day}
    />
  );
}

interface PartProps {
  state: AuditState;
  change: (change: Partial<AuditState>) => void;
}

function Nothing({ state, change }: PartProps) {
  return (
    <Stack align="center" py="xl" gap="xs">
      <Text>{isFiltered(state) ? 'Nothing that has happened matches.' : 'Nothing has happened yet.'}</Text>
      {isFiltered(state) && (
        <Button variant="default" onClick={() => change(nothing)}>
          Clear filters
        </Button>
      )}
    </Stack>
  );
}

function Pages({ events: { pageInfo, totalCount }, state, change }: PartProps & { events: AuditLogQuery['auditEvents'] }) {
  const { hasNextPage, endCursor } = pageInfo;
  return (
    <Group justify="space-between" wrap="nowrap" component="nav" aria-label="Pages of the list" className="pager">
      <Text size="sm" c="dimmed">
        {counted(totalCount)} {totalCount === 1 ? 'event' : 'events'}
      </Text>
      {(hasNextPage || state.after) && (
        <Group gap="xs" wrap="nowrap">
          <Button variant="default" size="xs" disabled={!state.after} onClick={() => change({})}>
            Newest
          </Button>
          <Button
            variant="default"
            size="xs"
            disabled={!hasNextPage || !endCursor}
            onClick={() => endCursor && change({ after: endCursor })}
          >
            Older
          </Button>
        </Group>
      )}
    </Group>
  );
}
