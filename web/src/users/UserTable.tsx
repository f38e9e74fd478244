import { Skeleton, Table, UnstyledButton } from '@mantine/core';
import { IconArrowDown, IconArrowsSort, IconArrowUp } from '@tabler/icons-react';
import { createColumnHelper, flexRender, getCoreRowModel, type RowData, useReactTable } from '@tanstack/react-table';
import { useEffect, useMemo, useRef, type InputHTMLAttributes, type MouseEvent, type ReactNode } from 'react';
import { useLocation } from 'wouter';
import type { UserRowFragment } from '../api/operations';
import { Note } from '../shared/Note';
import { RelativeTime } from '../shared/time';
import { nameOf } from './menu';
import type { Confirmation } from './ConfirmDialog';
import { Address, Delivery, Quiet, Reset } from './notes';
import { RowMenu } from './RowMenu';
import type { ListState, Sort, SortField } from './state';
import classes from './users.module.css';

interface UserTableProps {
  state: ListState;
  /** Undefined while they are asked for. */
  users: UserRowFragment[] | undefined;
  outdated: boolean;
  /** Which question they answer. */
  answered: number | undefined;
  selectable: boolean;
  selected: string[];
  select: (ids: string[]) => void;
  sort: (sort: Sort) => void;
  /** What was just done to somebody, told on their row. */
  feedback: { id: string; text: string } | undefined;
  edit: (user: UserRowFragment, from: HTMLElement | null) => void;
  confirm: (confirmation: Confirmation, from: HTMLElement | null) => void;
}

declare module '@tanstack/react-table' {
  interface ColumnMeta<TData extends RowData, TValue> {
    sort?: SortField;
    className?: string;
  }
  interface TableMeta<TData extends RowData> extends Pick<UserTableProps, 'feedback' | 'edit' | 'confirm'> {}
}

const column = createColumnHelper<UserRowFragment>();
const nobody: UserRowFragment[] = [];

export function UserTable(props: UserTableProps) {
  const { state, users, outdated, answered, selectable, selected, select, sort, feedback, edit, confirm } = props;
  const columns = useMemo(
    () => [
      column.display({
        id: 'select',
        meta: { className: classes.tick },
        header: ({ table }) => (
          <Tick
            aria-label="Select everybody on this page"
            checked={table.getIsAllPageRowsSelected()}
            some={table.getIsSomePageRowsSelected()}
            onChange={table.getToggleAllPageRowsSelectedHandler()}
          />
        ),
        cell: ({ row }) => (
          <Tick
            aria-label={`Select ${nameOf(row.original)}`}
            checked={row.getIsSelected()}
            onChange={row.getToggleSelectedHandler()}
          />
        ),
      }),
      column.display({
        id: 'name',
        header: 'Name',
        meta: { sort: 'name', className: classes.person },
        cell: ({ row, table }) => (
          <Person user={row.original} feedback={table.options.meta?.feedback} />
        ),
      }),
      column.display({
        id: 'username',
        header: 'Username',
        meta: { sort: 'username', className: classes.username },
        cell: ({ row: { original: user } }) =>
          user.username === user.email ? <Quiet>Same as e-mail</Quiet> : <Cut text={user.username} />,
      }),
      column.display({
        id: 'title',
        header: 'Title',
        meta: { className: classes.title },
        cell: ({ row }) => <Cut text={row.original.title} />,
      }),
      column.display({
        id: 'role',
        header: 'Role',
        meta: { sort: 'role', className: classes.role },
        cell: ({ row }) => <Cut text={row.original.role.name} />,
      }),
      column.display({
        id: 'seat',
        header: 'CSM seat',
        meta: { className: classes.short },
        cell: ({ row }) => (row.original.csmSeat ? 'Yes' : <Quiet>No</Quiet>),
      }),
      column.display({
        id: 'twoFactor',
        header: '2FA',
        meta: { className: classes.short },
        cell: ({ row }) => (row.original.twoFactorEnabled ? 'On' : <Quiet>Off</Quiet>),
      }),
      column.display({
        id: 'lastLogin',
        header: 'Last sign-in',
        meta: { sort: 'lastLogin', className: classes.when },
        cell: ({ row: { original: user } }) =>
          user.lastLoginAt ? <RelativeTime at={user.lastLoginAt} /> : <Quiet>never</Quiet>,
      }),
      column.display({
        id: 'invited',
        header: 'Invited',
        meta: { sort: 'invited', className: classes.invited },
        cell: ({ row: { original: user } }) => user.invitation && <Invited invitation={user.invitation} />,
      }),
      column.display({
        id: 'expires',
        header: 'Link expires',
        meta: { className: classes.when },
        cell: ({ row: { original: user } }) =>
          user.invitation &&
          (user.invitation.expired ? (
            <Note tone="bad">
              expired <RelativeTime at={user.invitation.expiresAt} />
            </Note>
          ) : (
            <RelativeTime at={user.invitation.expiresAt} />
          )),
      }),
      column.display({
        id: 'delivery',
        header: 'Mail',
        meta: { className: classes.delivery },
        cell: ({ row: { original: user } }) => user.invitation && <Delivery delivery={user.invitation.delivery} />,
      }),
      column.display({
        id: 'menu',
        meta: { className: classes.menu },
        header: () => <span className={classes.hidden}>Actions</span>,
        cell: ({ row, table }) => table.options.meta && <RowMenu user={row.original} {...table.options.meta} />,
      }),
    ],
    [],
  );
  const pending = state.tab === 'pending';
  const table = useReactTable({
    data: users ?? nobody,
    columns,
    getRowId: (user) => user.id,
    getCoreRowModel: getCoreRowModel(),
    manualSorting: true,
    meta: { feedback, edit, confirm },
    state: {
      rowSelection: useMemo(() => Object.fromEntries(selected.map((id) => [id, true])), [selected]),
      columnVisibility: useMemo(
        () => ({
          select: selectable,
          twoFactor: !pending,
          lastLogin: !pending,
          invited: pending,
          expires: pending,
          delivery: pending,
        }),
        [selectable, pending],
      ),
    },
    onRowSelectionChange: (update) => {
      const now = Object.fromEntries(selected.map((id) => [id, true]));
      select(Object.keys(typeof update === 'function' ? update(now) : update));
    },
  });

  // The table follows the links of its rows: each by itself would listen to the address.
  const [, navigate] = useLocation();
  const follow = (event: MouseEvent) => {
    const link = (event.target as Element).closest('a');
    if (!link || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    navigate(link.pathname);
  };

  // Hundreds of cells: made anew only when what they show has changed, and of
  // plain elements, so that a page turns at once.
  const rows = useMemo(
    () =>
      table.getRowModel().rows.map((row) => (
        <tr key={row.id} data-selected={row.getIsSelected() || undefined}>
          {row.getVisibleCells().map((cell) => (
            <td key={cell.id} className={cell.column.columnDef.meta?.className}>
              {flexRender(cell.column.columnDef.cell, cell.getContext())}
            </td>
          ))}
        </tr>
      )),
    // What the table makes its rows of.
    [table, users, selected, selectable, pending, feedback, edit, confirm],
  );

  return (
    <div className={`panel ${classes.frame}`} data-tab={state.tab} data-outdated={outdated || undefined} onClick={follow}>
      <Table className={classes.table} aria-busy={!users || outdated} aria-label={`People, ${state.tab}`}>
        <Table.Thead>
          {table.getHeaderGroups().map((group) => (
            <Table.Tr key={group.id}>
              {group.headers.map((header) => {
                const { meta } = header.column.columnDef;
                const content = flexRender(header.column.columnDef.header, header.getContext());
                return (
                  <Table.Th key={header.id} className={meta?.className} aria-sort={ariaSort(meta?.sort, state.sort)}>
                    {meta?.sort ? (
                      <SortButton field={meta.sort} now={state.sort} sort={sort}>
                        {content}
                      </SortButton>
                    ) : (
                      content
                    )}
                  </Table.Th>
                );
              })}
            </Table.Tr>
          ))}
        </Table.Thead>
        {/* Another list is not the same one with its rows moved. */}
        <Table.Tbody key={answered}>
          {users
            ? rows
            : Array.from({ length: 12 }, (_, row) => (
                <tr key={row}>
                  {table.getVisibleLeafColumns().map((column) => (
                    <td key={column.id} className={column.columnDef.meta?.className}>
                      {column.id === 'select' || column.id === 'menu' ? null : <Skeleton h={14} my={13} />}
                    </td>
                  ))}
                </tr>
              ))}
        </Table.Tbody>
      </Table>
    </div>
  );
}

function ariaSort(field: SortField | undefined, now: Sort) {
  if (!field) return undefined;
  if (field !== now.field) return 'none';
  return now.descending ? 'descending' : 'ascending';
}

interface SortButtonProps {
  field: SortField;
  now: Sort;
  sort: (sort: Sort) => void;
  children: ReactNode;
}

function SortButton({ field, now, sort, children }: SortButtonProps) {
  const active = now.field === field;
  const Icon = !active ? IconArrowsSort : now.descending ? IconArrowDown : IconArrowUp;
  // What is a time is asked for from the latest on.
  const descending = active ? !now.descending : field === 'lastLogin' || field === 'invited';
  return (
    <UnstyledButton className={classes.sort} data-active={active || undefined} onClick={() => sort({ field, descending })}>
      {children}
      <Icon size={14} aria-hidden />
    </UnstyledButton>
  );
}

interface TickProps extends InputHTMLAttributes<HTMLInputElement> {
  /** Some of many are selected. */
  some?: boolean;
}

function Tick({ some = false, ...rest }: TickProps) {
  const box = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (box.current) box.current.indeterminate = some;
  }, [some]);
  return <input type="checkbox" ref={box} className={classes.box} {...rest} />;
}

function Cut({ text }: { text: string | null }) {
  if (!text) return <Quiet>–</Quiet>;
  return (
    <bdi className="clamp" title={text}>
      {text}
    </bdi>
  );
}

function Person({ user, feedback }: { user: UserRowFragment; feedback: UserTableProps['feedback'] }) {
  return (
    <>
      <a href={`/users/${user.id}`} className={`clamp ${classes.name}`} title={nameOf(user)}>
        {user.name ? <bdi>{user.name}</bdi> : <Address email={user.email} />}
      </a>
      {user.name && (
        <bdi className="cut quiet" title={user.email}>
          {user.email}
        </bdi>
      )}
      <div className={`quiet ${classes.onPhone}`}>
        <bdi>{user.role.name}</bdi>
        {user.status !== 'PENDING' && (
          <>
            {' · '}
            <span className="whole">{user.lastLoginAt ? <RelativeTime at={user.lastLoginAt} /> : 'never signed in'}</span>
          </>
        )}
      </div>
      {user.invitation && (
        <div className={classes.onPhone}>
          {user.invitation.expired ? (
            <Note tone="bad">
              Link expired <RelativeTime at={user.invitation.expiresAt} />
            </Note>
          ) : (
            <Quiet>
              Link expires <RelativeTime at={user.invitation.expiresAt} />
            </Quiet>
          )}
          {user.invitation.delivery.state !== 'SENT' && <Delivery delivery={user.invitation.delivery} />}
        </div>
      )}
      {user.passwordReset && <Reset reset={user.passwordReset} />}
      {feedback?.id === user.id && <Note tone="good">{feedback.text}</Note>}
    </>
  );
}

function Invited({ invitation }: { invitation: NonNullable<UserRowFragment['invitation']> }) {
  const by = invitation.invitedBy;
  return (
    <>
      <RelativeTime at={invitation.invitedAt} />
      {by && (
        <span className="cut quiet" title={by.email}>
          by <bdi>{nameOf(by)}</bdi>
        </span>
      )}
    </>
  );
}
