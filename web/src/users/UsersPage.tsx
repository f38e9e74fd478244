import { Anchor, Button, Group, Popover, Progress, Skeleton, Stack, Tabs, Text } from '@mantine/core';
import { IconUserPlus } from '@tabler/icons-react';
import { memo, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { Link, useSearchParams } from 'wouter';
import { askOnce } from '../api/client';
import { useMay } from '../api/may';
import { UsersDocument, UsersExportDocument, type UserRowFragment, type UsersQuery } from '../api/operations';
import { usePageData } from '../api/page';
import { PageTitle } from '../layout/PageTitle';
import { announce } from '../shared/announce';
import { useDialog } from '../shared/dialog';
import { tellDone } from '../shared/feedback';
import { ExportButton } from '../shared/ExportButton';
import { ProblemNote } from '../shared/ProblemNote';
import { useSame } from '../shared/same';
import { useExport } from '../shared/useExport';
import { BulkBar } from './BulkBar';
import { BulkDialog, type BulkChange } from './BulkDialog';
import { ConfirmDialog, type Confirmation } from './ConfirmDialog';
import { EditDialog } from './EditDialog';
import { Filters } from './Filters';
import { InviteDialog } from './InviteDialog';
import { useSelection } from './useSelection';
import { changeState, isFiltered, type ListState, readState, type Tab, toVariables, writeState } from './state';
import { userRows, usersHeader } from './rows';
import { UserTable } from './UserTable';
import classes from './users.module.css';

const none: UsersQuery['roles'] = [];

const tabs: { tab: Tab; name: string }[] = [
  { tab: 'active', name: 'Active' },
  { tab: 'pending', name: 'Pending' },
  { tab: 'inactive', name: 'Inactive' },
];

export default function UsersPage() {
  const [params, setParams] = useSearchParams();
  const state = useMemo(() => readState(params), [params]);
  const change = useCallback(
    (change: Partial<ListState>, replace = false) =>
      setParams((now) => writeState(changeState(readState(now), change)), { replace }),
    [setParams],
  );
  const variables = useMemo(() => toVariables(state), [state]);
  const { data, outdated, answered, problem, refetch } = usePageData(UsersDocument, variables);
  const mayManage = useMay()('MANAGE_USERS');

  // What another page of the list does not change is not made anew by it.
  const seats = useSame(data?.organization.seats);
  const roles = useSame(data?.roles);
  const { page: _, ...asked } = state;
  const filters = useSame(asked);

  // Another page of the list begins at its top.
  const page = state.page && Object.values(state.page)[0];
  const turned = useRef(page);
  useEffect(() => {
    if (turned.current !== page) window.scrollTo(0, 0);
    turned.current = page;
  }, [page]);

  const [feedback, setFeedback] = useState<{ id: string; text: string }>();
  useEffect(() => setFeedback(undefined), [variables]);
  const tellOnRow = useCallback((id: string, text: string) => {
    setFeedback({ id, text });
    announce(text);
  }, []);
  const tellDeed = useCallback(
    ({ act, user }: Confirmation, sentence: string) => (act.moves ? tellDone(sentence) : tellOnRow(user.id, sentence)),
    [tellOnRow],
  );

  // Whoever was on this page is not any more: the list goes on at its beginning.
  const emptied = !outdated && state.page !== undefined && data?.users.nodes.length === 0 && data.users.totalCount > 0;
  useEffect(() => {
    if (emptied) change({}, true);
  }, [emptied, change]);

  const inviting = useDialog<true>();
  const editing = useDialog<UserRowFragment>();
  const confirming = useDialog<Confirmation>();
  const changing = useDialog<BulkChange>();

  const count = data?.users.totalCount;
  useEffect(() => {
    if (count !== undefined && !outdated) announce(peopleText(count), 'count');
  }, [count, outdated, variables]);

  const exporting = useExport({
    name: `users-${state.tab}`,
    things: 'people',
    header: usersHeader,
    fetch: async (after) => {
      const { first, last, before, ...filter } = variables;
      const { data, error } = await askOnce(UsersExportDocument, { ...filter, after });
      return { error, page: data && { rows: userRows(data.users.nodes), pageInfo: data.users.pageInfo } };
    },
  });

  // People of another tab are not shown under this one while it is asked for.
  const shown = data?.users.nodes.every((user) => user.status === variables.status) ? data.users.nodes : undefined;
  const selection = useSelection(variables, shown);
  const selecting = mayManage && selection.people.length > 0;
  const clear = () => {
    selection.become([]);
    document.querySelector<HTMLElement>('thead input')?.focus({ preventScroll: true });
  };

  return (
    <Stack gap="md" className="fill">
      <Group justify="space-between" gap="sm" className={classes.head}>
        <PageTitle>Users</PageTitle>
        {!(problem && !data) && <Seats seats={seats} />}
        {!(problem && !data) && <ExportButton brief exporting={exporting} disabled={!data || count === 0} />}
        {mayManage && (
          <Button leftSection={<IconUserPlus size={18} aria-hidden />} onClick={() => inviting.open(true)}>
            New users
          </Button>
        )}
      </Group>
      {exporting.problem && <ProblemNote problem={exporting.problem} retry={exporting.start} />}
      <Tabs value={state.tab} onChange={(tab) => tab && change({ tab: tab as Tab })} keepMounted={false}>
        <Tabs.List>
          {tabs.map(({ tab, name }) => (
            <Tabs.Tab key={tab} value={tab} className={classes.tab}>
              <span className={classes.label}>
                <span>{name}</span> {data && <span>{data.organization.userCounts[tab].toLocaleString()}</span>}
              </span>
            </Tabs.Tab>
          ))}
        </Tabs.List>
        {tabs.map(({ tab }) => (
          <Tabs.Panel key={tab} value={tab} pt="md">
            <Stack gap="sm">
              <Filters state={filters} change={change} roles={roles} />
              {selecting && (
                <BulkBar
                  selection={selection}
                  total={count ?? 0}
                  here={shown?.filter(({ id }) => selection.ids.includes(id)).length ?? 0}
                  change={changing.open}
                  clear={clear}
                />
              )}
              {selection.problem && <ProblemNote problem={selection.problem} retry={selection.selectAll} />}
              {problem && <ProblemNote problem={problem} retry={refetch} />}
              {!(problem && !data) && (
                <UserTable
                  state={state}
                  users={shown}
                  outdated={outdated}
                  answered={answered}
                  selectable={mayManage}
                  selected={selection.ids}
                  select={selection.select}
                  sort={(sort) => change({ sort })}
                  feedback={feedback}
                  edit={editing.open}
                  confirm={confirming.open}
                />
              )}
              {shown?.length === 0 && !problem && (
                <Nobody state={state} change={change} mayManage={mayManage} invite={() => inviting.open(true)} />
              )}
            </Stack>
          </Tabs.Panel>
        ))}
      </Tabs>
      {data && <Pages users={data.users} change={change} selecting={selecting} />}

      <InviteDialog dialog={inviting} roles={roles ?? none} />
      <EditDialog dialog={editing} roles={roles ?? none} onDone={tellOnRow} />
      <ConfirmDialog
        dialog={confirming}
        resetLifetime={data?.installation.passwordResetLifetimeSeconds ?? 0}
        onDone={tellDeed}
      />
      <BulkDialog dialog={changing} roles={roles ?? none} onDone={selection.become} />
    </Stack>
  );
}

const Seats = memo(function Seats({ seats }: { seats: UsersQuery['organization']['seats'] | undefined }) {
  if (!seats) return <Skeleton className={classes.seats} />;
  return (
    <div className={classes.seats}>
      <Group justify="space-between" gap="md" wrap="nowrap">
        <Text size="sm">
          {seats.used.toLocaleString()} of {seats.limit.toLocaleString()} CSM seats taken
        </Text>
        {seats.available > 0 ? (
          <Text size="sm" c="dimmed">
            {seats.available.toLocaleString()} free
          </Text>
        ) : (
          <NoSeats />
        )}
      </Group>
      <Progress
        size="sm"
        value={seats.limit > 0 ? (seats.used / seats.limit) * 100 : 100}
        color={seats.available === 0 ? 'red.9' : undefined}
        aria-label="CSM seats taken"
      />
    </div>
  );
});

function NoSeats() {
  const mayRaise = useMay()('MANAGE_ORGANIZATION');
  return (
    <Popover width={300} withArrow shadow="md" trapFocus>
      <Popover.Target>
        <Anchor component="button" size="sm" c="var(--roster-bad)">
          None free
        </Anchor>
      </Popover.Target>
      <Popover.Dropdown>
        <Text size="sm">
          To free a seat, delete{' '}
          <Anchor component={Link} to="/users?seat=yes" inherit>
            somebody who has one
          </Anchor>{' '}
          or give them another role. Or{' '}
          {mayRaise ? (
            <Anchor component={Link} to="/organization" inherit>
              raise the limit
            </Anchor>
          ) : (
            'ask an administrator to raise the limit'
          )}
          .
        </Text>
      </Popover.Dropdown>
    </Popover>
  );
}

interface NobodyProps {
  state: ListState;
  change: (change: Partial<ListState>) => void;
  mayManage: boolean;
  invite: () => void;
}

function Nobody({ state, change, mayManage, invite }: NobodyProps) {
  if (isFiltered(state)) {
    return (
      <Stack align="center" py="xl" gap="xs">
        <Text>Nobody here matches.</Text>
        <Button
          variant="default"
          onClick={() => change({ search: '', roles: [], seat: undefined, twoFactor: undefined })}
        >
          Clear search and filters
        </Button>
      </Stack>
    );
  }
  const texts: Record<Tab, string> = {
    active: 'Nobody has completed the set-up yet.',
    pending: 'Everybody who was invited has completed the set-up.',
    inactive: 'Nobody was deleted.',
  };
  return (
    <Stack align="center" py="xl" gap="xs">
      <Text>{texts[state.tab]}</Text>
      {mayManage && state.tab !== 'inactive' && (
        <Button variant="default" onClick={invite}>
          Invite somebody
        </Button>
      )}
    </Stack>
  );
}

function peopleText(count: number): string {
  return `${count.toLocaleString()} ${count === 1 ? 'person' : 'people'}`;
}

interface PagesProps {
  users: UsersQuery['users'];
  change: (change: Partial<ListState>) => void;
  selecting: boolean;
}

function Pages({ users, change, selecting }: PagesProps) {
  const { pageInfo, totalCount } = users;
  const { startCursor, endCursor } = pageInfo;
  return (
    <Group justify="space-between" wrap="nowrap" component="nav" aria-label="Pages of the list" className="pager" data-selecting={selecting || undefined}>
      <Text size="sm" c="dimmed">
        {peopleText(totalCount)}
      </Text>
      {(pageInfo.hasNextPage || pageInfo.hasPreviousPage) && (
        <Group gap="xs" wrap="nowrap">
          <Button variant="default" size="xs" disabled={!pageInfo.hasPreviousPage} onClick={() => change({})}>
            First
          </Button>
          <Button
            variant="default"
            size="xs"
            disabled={!pageInfo.hasPreviousPage || !startCursor}
            onClick={() => startCursor && change({ page: { before: startCursor } })}
          >
            Previous
          </Button>
          <Button
            variant="default"
            size="xs"
            disabled={!pageInfo.hasNextPage || !endCursor}
            onClick={() => endCursor && change({ page: { after: endCursor } })}
          >
            Next
          </Button>
        </Group>
      )}
    </Group>
  );
}
