import { Button, Group, Select, Stack, Text, TextInput } from '@mantine/core';
import { memo } from 'react';
import { UpdateUserDocument, type UserRowFragment, type UsersQuery } from '../api/operations';
import { send } from '../api/send';
import { ConflictNote } from '../shared/ConflictNote';
import { type Dialog, DialogWindow } from '../shared/dialog';
import { useEdit } from '../shared/edit';
import { ErrorNote } from '../shared/Note';
import { ProblemNote } from '../shared/ProblemNote';
import { nameOf, obstacle } from './menu';
import { changes, type Values, valuesOf } from './merge';

interface EditDialogProps {
  dialog: Dialog<UserRowFragment>;
  roles: UsersQuery['roles'];
  onDone: (id: string, sentence: string) => void;
}

export const EditDialog = memo(function EditDialog({ dialog, roles, onDone }: EditDialogProps) {
  return (
    <DialogWindow dialog={dialog} title={(user) => <bdi>Edit {nameOf(user)}</bdi>}>
      {(user) => (
        <EditForm
          opened={user}
          roles={roles}
          close={dialog.close}
          onDone={(sentence) => {
            dialog.close();
            onDone(user.id, sentence);
          }}
        />
      )}
    </DialogWindow>
  );
});

const labels: Record<keyof Values, string> = { name: 'Name', username: 'Username', title: 'Title', roleId: 'Role' };

interface EditFormProps {
  /** The person as they were when the form was opened. */
  opened: UserRowFragment;
  roles: UsersQuery['roles'];
  close: () => void;
  onDone: (sentence: string) => void;
}

function EditForm({ opened, roles, close, onDone }: EditFormProps) {
  const { base, values, set, conflict, problem, busy, save, errorAt, errorsElsewhere } = useEdit({
    opened,
    valuesOf,
    send: async (base, _, values) => {
      const { data, problem } = await send(UpdateUserDocument, {
        id: base.id,
        input: { ...changes(valuesOf(base), values), expectedVersion: base.version },
      });
      if (problem) return { problem };
      return { data: { subject: data.updateUser.user, userErrors: data.updateUser.userErrors } };
    },
    onDone: (saved) => (saved ? onDone('Saved.') : close()),
  });

  const show = (field: keyof Values, value: string) =>
    (field === 'roleId' ? roles.find((role) => role.id === value)?.name : value) || 'empty';
  const input = (field: keyof Values) => ({
    label: labels[field],
    value: values[field],
    error: errorAt(field),
    disabled: obstacle(base, 'UPDATE') !== undefined,
    onChange: (event: { currentTarget: { value: string } }) => set({ [field]: event.currentTarget.value }),
  });

  const roleObstacle = obstacle(base, 'CHANGE_ROLE');
  return (
    <form onSubmit={save} noValidate>
      <Stack>
        <Text size="sm" c="dimmed">
          {base.email}
        </Text>
        {conflict && (
          <ConflictNote
            what="this person"
            otherwise={`They are ${base.status.toLowerCase()} now.`}
            labels={labels}
            {...conflict}
            values={values}
            show={show}
            choose={(field, value) => set({ [field]: value })}
          />
        )}
        <TextInput {...input('name')} autoComplete="off" data-autofocus dir="auto" />
        <TextInput {...input('username')} autoComplete="off" spellCheck={false} />
        <TextInput {...input('title')} autoComplete="off" dir="auto" />
        <Select
          label={labels.roleId}
          description={roleObstacle ?? seatHint(base, roles, values.roleId)}
          data={roles.map((role) => ({ value: role.id, label: role.name }))}
          value={values.roleId}
          onChange={(roleId) => roleId && set({ roleId })}
          allowDeselect={false}
          disabled={roleObstacle !== undefined}
          error={errorAt('roleId')}
        />
        {errorsElsewhere(['name', 'username', 'title', 'roleId']).map((message) => (
          <ErrorNote key={message}>{message}</ErrorNote>
        ))}
        {problem && <ProblemNote problem={problem} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={close}>
            Cancel
          </Button>
          <Button type="submit" loading={busy}>
            Save
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function seatHint(user: UserRowFragment, roles: UsersQuery['roles'], roleId: string): string | undefined {
  const role = roles.find((role) => role.id === roleId);
  if (!role || role.id === user.role.id || user.status === 'INACTIVE') return undefined;
  if (role.csmSeat && !user.csmSeat) return 'This role takes a CSM seat.';
  if (!role.csmSeat && user.csmSeat) return 'A CSM seat becomes free.';
  return undefined;
}
