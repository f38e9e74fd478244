import { Button, Group, Progress, Select, Stack, Text } from '@mantine/core';
import { memo, useEffect, useReducer, useRef, useState } from 'react';
import type { SelectedFragment, UsersQuery } from '../api/operations';
import { holdChanges } from '../api/page';
import { announce } from '../shared/announce';
import { type Dialog, DialogWindow } from '../shared/dialog';
import { tellDone } from '../shared/feedback';
import { ErrorNote, Note } from '../shared/Note';
import { acts } from './actions';
import { forEach } from './each';
import { actsFor, nameOf, obstacle } from './menu';
import { changeOne, type Ended, type Fate, type SeveralKind } from './several';
import classes from './users.module.css';

/** One change of several people. */
export interface BulkChange {
  kind: SeveralKind;
  users: SelectedFragment[];
}

/** What makes sense for at least one of them. */
export function bulkNames(users: SelectedFragment[]): { kind: SeveralKind; name: string }[] {
  const statuses = new Set(users.map(({ status }) => status));
  const makesSense = new Set([...statuses].flatMap((status) => actsFor({ status, passwordReset: null })));
  return [
    ...(['RESEND_INVITATION', 'REACTIVATE'] as const)
      .filter((kind) => makesSense.has(kind))
      .map((kind) => ({ kind, name: acts[kind].name })),
    { kind: 'CHANGE_ROLE', name: 'Change role' },
    ...(makesSense.has('DELETE') ? [{ kind: 'DELETE' as const, name: acts.DELETE.name }] : []),
  ];
}

interface BulkDialogProps {
  dialog: Dialog<BulkChange>;
  roles: UsersQuery['roles'];
  /** It is over; these stay selected, to be tried again. */
  onDone: (left: SelectedFragment[]) => void;
}

export const BulkDialog = memo(function BulkDialog({ dialog, roles, onDone }: BulkDialogProps) {
  const [busy, setBusy] = useState(false);
  return (
    <DialogWindow
      dialog={dialog}
      title={({ kind, users }) => question(kind, users.length)}
      size="lg"
      // It is ended by the button that says so.
      closeOnEscape={!busy}
      closeOnClickOutside={!busy}
      withCloseButton={!busy}
    >
      {(change) => (
        <BulkForm {...change} roles={roles} busy={busy} setBusy={setBusy} close={dialog.close} onDone={onDone} />
      )}
    </DialogWindow>
  );
});

function peopleText(count: number): string {
  return count === 1 ? '1 person' : `${count.toLocaleString()} people`;
}

function question(kind: SeveralKind, count: number): string {
  const people = peopleText(count);
  switch (kind) {
    case 'RESEND_INVITATION':
      return `Send the invitation of ${people} again?`;
    case 'REACTIVATE':
      return `Reactivate ${people}?`;
    case 'CHANGE_ROLE':
      return `Change the role of ${people}`;
    case 'DELETE':
      return `Delete ${people}?`;
  }
}

const consequences: Record<SeveralKind, string> = {
  RESEND_INVITATION: 'Each gets a mail with a fresh link. The links that they have stop working.',
  REACTIVATE:
    'They have access again with the role and the password they had. Whoever never set one gets a fresh invitation.',
  CHANGE_ROLE: 'The new role counts from their next request on.',
  DELETE:
    'They are signed out everywhere at once, their links stop working, and their CSM seats become free. You find them under Inactive, and can reactivate them.',
};

// What is shown of many changes moves so often, in milliseconds.
const pace = 150;

interface BulkFormProps extends BulkChange {
  roles: UsersQuery['roles'];
  busy: boolean;
  setBusy: (busy: boolean) => void;
  close: () => void;
  onDone: (left: SelectedFragment[]) => void;
}

function BulkForm({ kind, users, roles, busy, setBusy, close, onDone }: BulkFormProps) {
  const [roleId, setRoleId] = useState<string | null>(null);
  const [, show] = useReducer((times: number) => times + 1, 0);
  const [halted, setHalted] = useState<string>();
  const ended = useRef<Map<string, Ended>>(undefined);
  const goesOn = useRef(false);
  const here = useRef(true);

  useEffect(() => {
    here.current = true;
    return () => {
      here.current = goesOn.current = false;
    };
  }, []);
  useEffect(() => {
    if (!busy) return undefined;
    const ticks = setInterval(show, pace);
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener('beforeunload', warn);
    return () => {
      clearInterval(ticks);
      window.removeEventListener('beforeunload', warn);
    };
  }, [busy]);

  const possible = users.filter((user) => obstacle(user, kind) === undefined);
  const leftOut = users.length - possible.length;

  const run = async () => {
    if (goesOn.current) return;
    goesOn.current = true;
    setBusy(true);
    const all = new Map<string, Ended>();
    ended.current = all;
    let why = 'You have stopped it.';
    const release = holdChanges();
    try {
      await forEach(
        possible,
        () => goesOn.current,
        async (user) => {
          const end = await changeOne(user, { kind, roleId }, () => goesOn.current);
          if ('problem' in end) {
            if (goesOn.current) why = end.problem.message;
            goesOn.current = false;
            return;
          }
          all.set(user.id, end);
          if (all.size % 100 === 0) announce(`${all.size.toLocaleString()} of ${possible.length.toLocaleString()}`, 'progress');
        },
      );
    } finally {
      goesOn.current = false;
      release();
      setBusy(false);
    }
    const done = [...all.values()].filter(({ fate }) => fate === undefined).length;
    const summary = `${done.toLocaleString()} done, ${(users.length - done).toLocaleString()} not.`;
    if (!here.current) return tellDone(`What you began was interrupted: ${summary}`);
    const untried = possible.length > all.size;
    setHalted(untried ? why : undefined);
    announce(untried ? `${summary} ${why}` : summary);
    onDone(possible.filter(({ id }) => all.get(id)?.fate !== undefined || !all.has(id)).map((user) => all.get(user.id)?.user ?? user));
  };

  const over = ended.current !== undefined && !busy;
  const lines = users.map((user) => line(user, kind, ended.current, over));
  // What needs to be looked at stands first.
  if (!busy) lines.sort((a, b) => a.rank - b.rank);
  const done = lines.filter(({ tone }) => tone === 'good').length;
  return (
    <Stack>
      {!ended.current && <Text size="sm">{consequences[kind]}</Text>}
      {!ended.current && leftOut > 0 && (
        <Text size="sm">
          {leftOut === users.length ? 'All' : peopleText(leftOut)} will be left out, for the reason beside the name.
        </Text>
      )}
      {kind === 'CHANGE_ROLE' && !ended.current && (
        <Select
          label="New role"
          data={roles.map((role) => ({ value: role.id, label: role.csmSeat ? `${role.name} (takes a seat)` : role.name }))}
          value={roleId}
          onChange={setRoleId}
          allowDeselect={false}
          disabled={busy}
          data-autofocus
        />
      )}
      {ended.current && (
        <Stack gap={6}>
          <Text size="sm" fw={550}>
            {over
              ? `${done.toLocaleString()} done, ${(users.length - done).toLocaleString()} not`
              : `${ended.current.size.toLocaleString()} of ${possible.length.toLocaleString()}`}
          </Text>
          {!over && (
            <Progress
              value={(100 * ended.current.size) / Math.max(1, possible.length)}
              transitionDuration={pace}
              aria-label="How many were tried"
            />
          )}
        </Stack>
      )}
      {over && halted && (
        <ErrorNote>{halted} Those who were not reached stay selected, to be tried again.</ErrorNote>
      )}
      <ul className={classes.people} aria-label="People" tabIndex={0}>
        {lines.map(({ user, tone, text }) => (
          <Line key={user.id} name={nameOf(user)} email={user.name ? user.email : undefined} tone={tone} text={text} />
        ))}
      </ul>
      <Group justify="flex-end">
        {over ? (
          // The second half of a double click has not read what became of them.
          <Button onClick={({ detail }) => detail < 2 && close()} autoFocus>
            Done
          </Button>
        ) : (
          <>
            {busy ? (
              <Button key="stop" variant="default" onClick={() => (goesOn.current = false)} autoFocus>
                Stop
              </Button>
            ) : (
              <Button variant="default" onClick={close} data-autofocus={kind === 'DELETE'}>
                Cancel
              </Button>
            )}
            <Button
              color={kind === 'DELETE' ? 'red.9' : undefined}
              onClick={run}
              loading={busy}
              disabled={possible.length === 0 || (kind === 'CHANGE_ROLE' && !roleId)}
            >
              {kind === 'CHANGE_ROLE' ? 'Change role' : acts[kind].verb}
            </Button>
          </>
        )}
      </Group>
    </Stack>
  );
}

interface LineProps {
  tone: 'good' | 'warn' | 'bad' | undefined;
  text: string;
}

/** What will become, or became, of one of them. */
function line(user: SelectedFragment, kind: SeveralKind, ended: Map<string, Ended> | undefined, over: boolean) {
  const describe = (rank: number, tone: LineProps['tone'], text = '') => ({ user, rank, tone, text });
  const reason = obstacle(user, kind);
  if (reason) return describe(over ? 2 : 0, 'warn', `Left out: ${reason}`);
  const end = ended?.get(user.id);
  if (!end) return over ? describe(1, 'warn', 'Not reached') : describe(3, undefined);
  const fate: Fate = end.fate;
  return fate === undefined ? describe(3, 'good', 'Done') : describe(0, 'bad', fate);
}

// A thousand of them: one is made anew when something has become of it.
const Line = memo(function Line({ name, email, tone, text }: LineProps & { name: string; email: string | undefined }) {
  return (
    <li>
      <bdi className="cut">
        {name} {email && <span className="quiet">{email}</span>}
      </bdi>
      {tone && <Note tone={tone}>{text}</Note>}
    </li>
  );
});
