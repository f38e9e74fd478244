import type { UserOrderField, UsersQueryVariables, UserStatus } from '../api/operations';

/** What the Users page shows. It stands in the address, so that back, reload and a sent link work. */
export interface ListState {
  tab: Tab;
  search: string;
  roles: string[];
  seat: boolean | undefined;
  twoFactor: boolean | undefined;
  sort: Sort;
  page: { after: string } | { before: string } | undefined;
}

export type Tab = 'active' | 'pending' | 'inactive';
export interface Sort {
  field: SortField;
  descending: boolean;
}
export type SortField = 'name' | 'username' | 'role' | 'lastLogin' | 'invited';

const statuses: Record<Tab, UserStatus> = { active: 'ACTIVE', pending: 'PENDING', inactive: 'INACTIVE' };
const fields: Record<SortField, UserOrderField> = {
  name: 'NAME',
  username: 'USERNAME',
  role: 'ROLE',
  lastLogin: 'LAST_LOGIN_AT',
  invited: 'CREATED_AT',
};

export const pageSize = 50;
/** As many characters as the service looks at. */
export const longestSearch = 200;

/** By name; those who are invited have often given none yet, so there the latest first. */
export function usualSort(tab: Tab): Sort {
  return tab === 'pending' ? { field: 'invited', descending: true } : { field: 'name', descending: false };
}

/** Reads an address; what makes no sense in it is left out. */
export function readState(params: URLSearchParams): ListState {
  const tab = params.get('tab');
  const known: Tab = tab === 'pending' || tab === 'inactive' ? tab : 'active';
  const after = params.get('after');
  const before = params.get('before');
  return {
    tab: known,
    search: (params.get('search') ?? '').slice(0, longestSearch),
    roles: params.getAll('role').filter(Boolean),
    seat: readSwitch(params.get('seat')),
    twoFactor: readSwitch(params.get('2fa')),
    sort: readSort(params.get('sort')) ?? usualSort(known),
    page: after ? { after } : before ? { before } : undefined,
  };
}

function readSwitch(value: string | null): boolean | undefined {
  return value === 'yes' ? true : value === 'no' ? false : undefined;
}

function readSort(value: string | null): Sort | undefined {
  const field = value?.replace(/^-/, '');
  return field && Object.hasOwn(fields, field)
    ? { field: field as SortField, descending: value?.startsWith('-') ?? false }
    : undefined;
}

/** Writes an address; what is as usual is left out. */
export function writeState(state: ListState): URLSearchParams {
  const params = new URLSearchParams();
  if (state.tab !== 'active') params.set('tab', state.tab);
  if (state.search) params.set('search', state.search);
  state.roles.forEach((role) => params.append('role', role));
  if (state.seat !== undefined) params.set('seat', state.seat ? 'yes' : 'no');
  if (state.twoFactor !== undefined) params.set('2fa', state.twoFactor ? 'yes' : 'no');
  const usual = usualSort(state.tab);
  if (state.sort.field !== usual.field || state.sort.descending !== usual.descending) {
    params.set('sort', (state.sort.descending ? '-' : '') + state.sort.field);
  }
  for (const [name, cursor] of Object.entries(state.page ?? {})) params.set(name, cursor);
  return params;
}

/** The state after a change; any other list begins at its first page. */
export function changeState(state: ListState, change: Partial<ListState>): ListState {
  const tab = change.tab ?? state.tab;
  const sort = tab === state.tab ? state.sort : usualSort(tab);
  return { ...state, sort, page: undefined, ...change };
}

/** The question that the state asks the service. */
export function toVariables(state: ListState): UsersQueryVariables {
  const page = state.page;
  return {
    status: statuses[state.tab],
    search: state.search || null,
    roleIds: state.roles.length > 0 ? state.roles : null,
    csmSeat: state.seat ?? null,
    twoFactorEnabled: state.twoFactor ?? null,
    orderBy: { field: fields[state.sort.field], direction: state.sort.descending ? 'DESC' : 'ASC' },
    ...(page && 'before' in page
      ? { last: pageSize, before: page.before }
      : { first: pageSize, after: page?.after ?? null }),
  };
}

/** Whether fewer people than the tab has may be shown. */
export function isFiltered(state: Omit<ListState, 'page'>): boolean {
  return Boolean(state.search || state.roles.length || state.seat !== undefined || state.twoFactor !== undefined);
}
