import type { AuditAction, AuditLogQueryVariables } from '../api/operations';
import { kinds } from './sentences';

/** What the Audit log page shows. It stands in the address, so that back, reload and a sent link work. */
export interface AuditState {
  /** The id of whoever did it, or had it done to them. */
  user: string | undefined;
  kinds: AuditAction[];
  /** The first and the last day, as the viewer's calendar has them: 2026-03-01. */
  since: string | undefined;
  until: string | undefined;
  after: string | undefined;
}

export const pageSize = 50;

/** Reads an address; what makes no sense in it is left out. */
export function readState(params: URLSearchParams): AuditState {
  return {
    user: params.get('user') || undefined,
    kinds: params.getAll('kind').filter((kind): kind is AuditAction => Object.hasOwn(kinds, kind)),
    since: params.getAll('since').find(isDay),
    until: params.getAll('until').find(isDay),
    after: params.get('after') || undefined,
  };
}

/** Whether the calendar has such a day, since computers count them. */
export function isDay(text: string): boolean {
  return startOf(text) !== undefined;
}

/** Writes an address; what is not filtered is left out. */
export function writeState(state: AuditState): URLSearchParams {
  const params = new URLSearchParams();
  if (state.user) params.set('user', state.user);
  state.kinds.forEach((kind) => params.append('kind', kind));
  if (state.since) params.set('since', state.since);
  if (state.until) params.set('until', state.until);
  if (state.after) params.set('after', state.after);
  return params;
}

/** The state after a change; another list begins at its newest event. */
export function changeState(state: AuditState, change: Partial<AuditState>): AuditState {
  return { ...state, after: undefined, ...change };
}

/** When a day begins where the viewer is; undefined when there is no such day. */
function startOf(day: string, later = 0): Date | undefined {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(day);
  if (!match) return undefined;
  const [year, month, date] = match.slice(1).map(Number) as [number, number, number];
  const begins = new Date(year, month - 1, date);
  if (year < 1970 || begins.getMonth() !== month - 1 || begins.getDate() !== date) return undefined;
  return later === 0 ? begins : new Date(year, month - 1, date + later);
}

export type Filter = Pick<AuditLogQueryVariables, 'userId' | 'actions' | 'since' | 'until'>;

/** What the list is narrowed to. */
export function toFilter(state: AuditState): Filter {
  return {
    userId: state.user ?? null,
    actions: state.kinds.length > 0 ? state.kinds : null,
    since: (state.since && startOf(state.since)?.toISOString()) || null,
    // The last day counts to its end.
    until: (state.until && startOf(state.until, 1)?.toISOString()) || null,
  };
}

/** The question that the state asks, by somebody who may see people or not. */
export function toVariables(state: AuditState, people: boolean): AuditLogQueryVariables {
  return {
    ...toFilter(state),
    first: pageSize,
    after: state.after ?? null,
    people,
    named: people && state.user !== undefined,
    person: state.user ?? '',
  };
}

export function isFiltered(state: AuditState): boolean {
  return Boolean(state.user || state.kinds.length || state.since || state.until);
}
