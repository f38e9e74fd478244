import { Button, Group, List, Stack, Text } from '@mantine/core';
import { memo, useState } from 'react';
import type { UserRowFragment } from '../api/operations';
import { type Dialog, DialogWindow } from '../shared/dialog';
import { ErrorNote } from '../shared/Note';
import type { Act } from './actions';
import { nameOf } from './menu';

export interface Confirmation {
  act: Act;
  user: UserRowFragment;
}

interface ConfirmDialogProps {
  dialog: Dialog<Confirmation>;
  /** For how many seconds the link of a reset works. */
  resetLifetime: number;
  /** The act was done; the sentence tells it. */
  onDone: (confirmation: Confirmation, sentence: string) => void;
}

/** Says what will happen, and does it. */
export const ConfirmDialog = memo(function ConfirmDialog({ dialog, resetLifetime, onDone }: ConfirmDialogProps) {
  return (
    <DialogWindow dialog={dialog} title={({ act, user }) => <bdi>{act.question(nameOf(user))}</bdi>}>
      {(confirmation) => (
        <Question
          {...confirmation}
          resetLifetime={resetLifetime}
          close={dialog.close}
          onDone={(sentence) => {
            dialog.close();
            onDone(confirmation, sentence);
          }}
        />
      )}
    </DialogWindow>
  );
});

interface QuestionProps extends Confirmation {
  resetLifetime: number;
  close: () => void;
  onDone: (sentence: string) => void;
}

function Question({ act, user, resetLifetime, close, onDone }: QuestionProps) {
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<string>();
  const run = async () => {
    setBusy(true);
    setRefusal(undefined);
    const refused = await act.run(user);
    setBusy(false);
    if (refused) setRefusal(refused);
    else onDone(act.done(nameOf(user)));
  };
  return (
    <Stack>
      {user.name && (
        <Text size="sm" c="dimmed">
          {user.email}
        </Text>
      )}
      <List size="sm" spacing="xs">
        {act.consequences(user, resetLifetime).map((text) => (
          <List.Item key={text}>{text}</List.Item>
        ))}
      </List>
      {refusal && <ErrorNote>{refusal}</ErrorNote>}
      <Group justify="flex-end">
        <Button variant="default" onClick={close} data-autofocus={act.takesAway}>
          Cancel
        </Button>
        <Button color={act.takesAway ? 'red.9' : undefined} onClick={run} loading={busy} data-autofocus={!act.takesAway}>
          {act.verb}
        </Button>
      </Group>
    </Stack>
  );
}
