import { Button, Group, List, Select, Stack, Text } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { DeleteRoleDocument, type RoleRowFragment } from '../api/operations';
import type { Problem } from '../api/problem';
import { send } from '../api/send';
import { type Dialog, DialogWindow } from '../shared/dialog';
import { ErrorNote, Note } from '../shared/Note';
import { ProblemNote } from '../shared/ProblemNote';
import { people, seatForecast } from './seats';
import { useHolders } from './useHolders';

interface DeleteRoleDialogProps {
  dialog: Dialog<RoleRowFragment>;
  roles: RoleRowFragment[];
  onDone: (sentence: string) => void;
}

export function DeleteRoleDialog({ dialog, roles, onDone }: DeleteRoleDialogProps) {
  return (
    <DialogWindow dialog={dialog} title={(role) => <bdi>Delete the role {role.name}?</bdi>}>
      {(role) => (
        <DeleteForm
          // Somebody may be given the role while the question is open.
          role={roles.find(({ id }) => id === role.id) ?? role}
          others={roles.filter(({ id }) => id !== role.id)}
          close={dialog.close}
          onDone={(sentence) => {
            dialog.close();
            onDone(sentence);
          }}
        />
      )}
    </DialogWindow>
  );
}

interface DeleteFormProps {
  role: RoleRowFragment;
  others: RoleRowFragment[];
  close: () => void;
  onDone: (sentence: string) => void;
}

function DeleteForm({ role, others, close, onDone }: DeleteFormProps) {
  const [replacementId, setReplacementId] = useState<string | null>(null);
  const [refusal, setRefusal] = useState<{ message: string; field?: string }>();
  const [problem, setProblem] = useState<Problem>();
  const [busy, setBusy] = useState(false);
  const inUse = role.userCount > 0;
  const replacement = others.find(({ id }) => id === replacementId);
  const holders = useHolders(role.id, replacement !== undefined && replacement.csmSeat !== role.csmSeat);
  const seats = replacement && holders && seatForecast(role.csmSeat, replacement.csmSeat, holders);

  const run = async (event: FormEvent) => {
    event.preventDefault();
    if (inUse && !replacement) return setRefusal({ message: 'Choose the role that they get.', field: 'replacementRoleId' });
    setBusy(true);
    setRefusal(undefined);
    setProblem(undefined);
    const { data, problem } = await send(DeleteRoleDocument, {
      id: role.id,
      replacementRoleId: replacement?.id ?? null,
    });
    setBusy(false);
    if (problem) return setProblem(problem);
    const [refused] = data.deleteRole.userErrors;
    if (refused) return setRefusal({ message: refused.message, field: refused.field?.at(-1) });
    onDone(
      replacement
        ? `The role ${role.name} was deleted. Whoever had it is ${replacement.name} now.`
        : `The role ${role.name} was deleted.`,
    );
  };

  const atReplacement = refusal?.field === 'replacementRoleId' && inUse;
  return (
    <form onSubmit={run} noValidate>
      <Stack>
        {inUse ? (
          <>
            <Text size="sm">
              {people(role.userCount)} {role.userCount === 1 ? 'has' : 'have'} this role, the inactive ones counted. Say
              which role they get instead.
            </Text>
            <Select
              label="Role they get instead"
              placeholder="Choose a role"
              data={others.map(({ id, name, csmSeat }) => ({ value: id, label: csmSeat ? `${name} (takes a seat)` : name }))}
              value={replacementId}
              onChange={setReplacementId}
              allowDeselect={false}
              error={atReplacement ? refusal.message : undefined}
              required
              data-autofocus
            />
          </>
        ) : (
          <Text size="sm">Nobody has this role.</Text>
        )}
        <List size="sm" spacing="xs">
          {replacement && <List.Item>They are {replacement.name} from their next request on.</List.Item>}
          {seats?.enough && <List.Item>{seats.text}</List.Item>}
          <List.Item>The role cannot be brought back. You can make a new one like it.</List.Item>
        </List>
        {seats && !seats.enough && <Note tone="warn">{seats.text}</Note>}
        {refusal && !atReplacement && <ErrorNote>{refusal.message}</ErrorNote>}
        {problem && <ProblemNote problem={problem} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={close} data-autofocus={!inUse}>
            Cancel
          </Button>
          <Button type="submit" color="red.9" loading={busy}>
            Delete
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
