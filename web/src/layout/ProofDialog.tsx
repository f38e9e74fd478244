import { Anchor, Button, Group, Modal, PasswordInput, Stack, Text, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { client } from '../api/client';
import { ReauthenticateDocument } from '../api/operations';
import { problemOf } from '../api/problem';
import { waiting } from '../api/proof';
import { useStore } from '../shared/store';

/** Asks in place for what an action needs: a fresh proof of who is there. */
export function ProofDialog() {
  const done = useStore(waiting);
  return (
    <Modal opened={done !== undefined} onClose={() => done?.(false)} title="Is it you?" size="sm" zIndex={400}>
      {done && <ProofForm done={done} />}
    </Modal>
  );
}

function ProofForm({ done }: { done: (proved: boolean) => void }) {
  const [byCode, setByCode] = useState(false);
  const [error, setError] = useState<string>();
  const [busy, setBusy] = useState(false);

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const proof = String(new FormData(event.currentTarget).get('proof'));
    setBusy(true);
    const { data, error } = await client
      .get()
      .mutation(ReauthenticateDocument, { input: byCode ? { code: proof } : { password: proof } })
      .toPromise();
    setBusy(false);
    const refused = error ? problemOf(error).message : data?.reauthenticate.userErrors[0]?.message;
    if (refused) setError(refused);
    else done(true);
  };

  return (
    <form onSubmit={submit}>
      <Stack>
        <Text size="sm">This needs a fresh proof of who you are. It counts for 15 minutes.</Text>
        {byCode ? (
          <TextInput
            key="code"
            name="proof"
            label="Code of your authenticator app"
            inputMode="numeric"
            autoComplete="one-time-code"
            required
            data-autofocus
            error={error}
          />
        ) : (
          <PasswordInput
            key="password"
            name="proof"
            label="Your password"
            autoComplete="current-password"
            required
            data-autofocus
            error={error}
          />
        )}
        <Anchor
          component="button"
          type="button"
          size="sm"
          onClick={() => {
            setByCode(!byCode);
            setError(undefined);
          }}
        >
          {byCode ? 'Use the password' : 'Use a code instead'}
        </Anchor>
        <Group justify="flex-end">
          <Button variant="default" onClick={() => done(false)}>
            Cancel
          </Button>
          <Button type="submit" loading={busy}>
            Continue
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
