import { Button, Checkbox, Group, Stack, Text, Textarea, TextInput } from '@mantine/core';
import { viewer } from '../api/client';
import { CreateRoleDocument, type Permission, type RoleRowFragment, UpdateRoleDocument } from '../api/operations';
import { send } from '../api/send';
import { ConflictNote } from '../shared/ConflictNote';
import { type Dialog, DialogWindow } from '../shared/dialog';
import { useEdit } from '../shared/edit';
import { ErrorNote, Note } from '../shared/Note';
import { allPermissions, permissions } from '../shared/permissions';
import { ProblemNote } from '../shared/ProblemNote';
import { useStore } from '../shared/store';
import { people, seatForecast } from './seats';
import { useHolders } from './useHolders';
import { changeInput, chosen, createInput, labels, mayGrant, type Values, valuesOf } from './values';

interface RoleDialogProps {
  /** Of a role, or of one that is to be made. */
  dialog: Dialog<RoleRowFragment>;
  onDone: (id: string, sentence: string) => void;
}

export function RoleDialog({ dialog, onDone }: RoleDialogProps) {
  return (
    <DialogWindow dialog={dialog} title={(role) => (role.id ? <bdi>Edit {role.name}</bdi> : 'New role')} size="lg">
      {(role) => (
        <RoleForm
          opened={role}
          close={dialog.close}
          onDone={(saved) => {
            dialog.close();
            onDone(saved.id, role.id ? 'Saved.' : 'Added.');
          }}
        />
      )}
    </DialogWindow>
  );
}

interface RoleFormProps {
  opened: RoleRowFragment;
  close: () => void;
  onDone: (saved: RoleRowFragment) => void;
}

function RoleForm({ opened, close, onDone }: RoleFormProps) {
  const own = useStore(viewer)?.permissions;
  const isNew = !opened.id;
  const { base, values, set, conflict, problem, busy, save, errorAt, errorsElsewhere } = useEdit({
    opened,
    valuesOf,
    send: async (base, changed, values) => {
      const { data, problem } = isNew
        ? await send(CreateRoleDocument, { input: createInput(values) })
        : await send(UpdateRoleDocument, {
            id: base.id,
            input: { ...changeInput(changed, values), expectedVersion: base.version },
          });
      if (problem) return { problem };
      const { role, userErrors } = 'createRole' in data ? data.createRole : data.updateRole;
      return { data: { subject: role, userErrors } };
    },
    onDone: (saved) => (saved ? onDone(saved) : close()),
  });

  return (
    <form onSubmit={save} noValidate>
      <Stack>
        {conflict && (
          <ConflictNote
            what="this role"
            labels={labels}
            {...conflict}
            values={values}
            show={show}
            choose={(field, value) => set({ [field]: value })}
          />
        )}
        <TextInput
          label={labels.name}
          value={values.name}
          onChange={(event) => set({ name: event.currentTarget.value })}
          error={errorAt('name')}
          required
          autoComplete="off"
          dir="auto"
          data-autofocus
        />
        <Textarea
          label={labels.description}
          description="What the role is for, in a sentence"
          value={values.description}
          onChange={(event) => set({ description: event.currentTarget.value })}
          error={errorAt('description')}
          autosize
          minRows={1}
          maxRows={4}
          autoComplete="off"
          dir="auto"
        />
        <Checkbox.Group
          label="What people with the role may do"
          value={chosen(values)}
          onChange={(now) =>
            set(Object.fromEntries(allPermissions.map((permission) => [permission, now.includes(permission)])))
          }
        >
          <Stack gap="sm" mt="xs">
            {allPermissions.map((permission) => (
              <Checkbox
                key={permission}
                value={permission}
                label={permissions[permission].name}
                description={
                  permissions[permission].does +
                  (mayGrant(own, permission) ? '' : ' You cannot grant it: you do not have it yourself.')
                }
                disabled={!mayGrant(own, permission)}
              />
            ))}
          </Stack>
        </Checkbox.Group>
        {!isNew && <Consequences base={base} values={values} />}
        {errorsElsewhere(['name', 'description']).map((message) => (
          <ErrorNote key={message}>{message}</ErrorNote>
        ))}
        {problem && <ProblemNote problem={problem} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={close}>
            Cancel
          </Button>
          <Button type="submit" loading={busy}>
            {isNew ? 'Add role' : 'Save'}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function show(_: keyof Values, value: string | boolean): string {
  return typeof value === 'boolean' ? (value ? 'allowed' : 'not allowed') : value || 'empty';
}

/** What the change does to those who have the role. */
function Consequences({ base, values }: { base: RoleRowFragment; values: Values }) {
  const was = valuesOf(base);
  const gains: Permission[] = allPermissions.filter((permission) => values[permission] && !was[permission]);
  const loses: Permission[] = allPermissions.filter((permission) => !values[permission] && was[permission]);
  const holders = useHolders(base.id, values.CSM_SEAT !== was.CSM_SEAT && base.userCount > 0);
  if ((gains.length === 0 && loses.length === 0) || base.userCount === 0) return null;
  const seats = holders && seatForecast(was.CSM_SEAT, values.CSM_SEAT, holders);
  return (
    <Stack gap={4} role="status">
      <Text size="sm">
        {people(base.userCount)} with this role{' '}
        {[gains.length > 0 && `gain: ${names(gains)}`, loses.length > 0 && `lose: ${names(loses)}`]
          .filter(Boolean)
          .join('; ')}
        . It counts from their next request on.
      </Text>
      {seats && (seats.enough ? <Text size="sm">{seats.text}</Text> : <Note tone="warn">{seats.text}</Note>)}
    </Stack>
  );
}

function names(list: Permission[]): string {
  return list.map((permission) => permissions[permission].name).join(', ');
}
