import { Button, Group, Select, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import { UpdateUserDocument, type UserRowFragment, type UsersQuery } from '../api/operations';
import { type Refusal, refusalOf } from '../api/send';
import { announce } from '../shared/announce';
import { type Dialog, DialogWindow } from '../shared/dialog';
import { Note } from '../shared/Note';
import { acts } from './actions';
import { actsFor, nameOf, obstacle } from './menu';
import classes from './users.module.css';

type BulkKind = 'RESEND_INVITATION' | 'REACTIVATE' | 'CHANGE_ROLE' | 'DELETE';

/** One change of several people. */
export interface BulkChange {
  kind: BulkKind;
  users: UserRowFragment[];
}

/** What makes sense for at least one of them. */
export function bulkNames(users: UserRowFragment[]): { kind: BulkKind; name: string }[] {
  const makesSense = new Set(users.flatMap((user) => actsFor(user)));
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
  onDone: () => void;
}

export function BulkDialog({ dialog, roles, onDone }: BulkDialogProps) {
  return (
    <DialogWindow dialog={dialog} title={({ kind, users }) => question(kind, users.length)} size="lg">
      {(change) => <BulkForm {...change} roles={roles} close={dialog.close} onDone={onDone} />}
    </DialogWindow>
  );
}

function question(kind: BulkKind, count: number): string {
  const people = count === 1 ? '1 person' : `${count} people`;
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

const consequences: Record<BulkKind, string> = {
  RESEND_INVITATION: 'Each gets a mail with a fresh link. The links that they have stop working.',
  REACTIVATE:
    'They have access again with the role and the password they had. Whoever never set one gets a fresh invitation.',
  CHANGE_ROLE: 'The new role counts from their next request on.',
  DELETE:
    'They are signed out everywhere at once, their links stop working, and their CSM seats become free. You find them under Inactive, and can reactivate them.',
};

interface BulkFormProps extends BulkChange {
  roles: UsersQuery['roles'];
  close: () => void;
  onDone: () => void;
}

function BulkForm({ kind, users, roles, close, onDone }: BulkFormProps) {
  const [roleId, setRoleId] = useState<string | null>(null);
  const [results, setResults] = useState<Map<string, Refusal>>();
  const [busy, setBusy] = useState(false);
  const possible = users.filter((user) => obstacle(user, kind) === undefined);

  const run = async () => {
    setBusy(true);
    const done = new Map<string, Refusal>();
    // One after the other: each is answered, and the service is not flooded.
    for (const user of possible) {
      done.set(
        user.id,
        kind === 'CHANGE_ROLE'
          ? await refusalOf(UpdateUserDocument, { id: user.id, input: { roleId, expectedVersion: user.version } })
          : await acts[kind].run(user),
      );
      setResults(new Map(done));
    }
    setBusy(false);
    onDone();
    const refused = [...done.values()].filter(Boolean).length;
    announce(`${done.size - refused} done, ${users.length - done.size + refused} not.`);
  };

  const over = results !== undefined && !busy;
  return (
    <Stack>
      {!results && <Text size="sm">{consequences[kind]}</Text>}
      {kind === 'CHANGE_ROLE' && !results && (
        <Select
          label="New role"
          data={roles.map((role) => ({ value: role.id, label: role.csmSeat ? `${role.name} (takes a seat)` : role.name }))}
          value={roleId}
          onChange={setRoleId}
          allowDeselect={false}
          data-autofocus
        />
      )}
      <ul className={classes.people} aria-label="People" tabIndex={0}>
        {users.map((user) => (
          <li key={user.id}>
            <bdi className="cut">{nameOf(user)}</bdi>
            <Fate obstacle={obstacle(user, kind)} results={results} id={user.id} />
          </li>
        ))}
      </ul>
      <Group justify="flex-end">
        {over ? (
          <Button onClick={close} autoFocus>
            Done
          </Button>
        ) : (
          <>
            <Button variant="default" onClick={close} disabled={busy} data-autofocus={kind === 'DELETE'}>
              Cancel
            </Button>
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

interface FateProps {
  id: string;
  obstacle: Refusal;
  results: Map<string, Refusal> | undefined;
}

/** What will become, or became, of one of them. */
function Fate({ id, obstacle, results }: FateProps) {
  if (obstacle) return <Note tone="warn">Left out: {obstacle}</Note>;
  if (!results?.has(id)) return null;
  const refusal = results.get(id);
  return refusal ? <Note tone="bad">{refusal}</Note> : <Note tone="good">Done</Note>;
}
