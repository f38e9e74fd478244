import { Anchor, Button, Stack, Text, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { Link, useSearchParams } from 'wouter';
import { RequestPasswordResetDocument } from '../api/operations';
import { send } from '../api/send';
import { announce } from '../shared/announce';
import { ErrorNote } from '../shared/Note';
import { EntryFrame } from './EntryFrame';
import { organizationOf } from './organization';
import { OrganizationNote } from './OrganizationNote';

export default function ForgottenPasswordPage() {
  const [params] = useSearchParams();
  const organization = organizationOf(params);
  const [answer, setAnswer] = useState<string>();
  const [error, setError] = useState<string>();
  const [busy, setBusy] = useState(false);

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const username = String(new FormData(event.currentTarget).get('username'));
    setBusy(true);
    setError(undefined);
    const { data, problem } = await send(RequestPasswordResetDocument, { input: { organization, username } });
    setBusy(false);
    const refusal = problem?.message ?? data?.requestPasswordReset.userErrors[0]?.message;
    if (refusal || !data) return setError(refusal);
    setAnswer(data.requestPasswordReset.message);
    announce(data.requestPasswordReset.message);
  };

  return (
    <EntryFrame title="Forgotten password" leaveFocus={!answer}>
      {answer ? (
        <Text>{answer}</Text>
      ) : (
        <form onSubmit={submit}>
          <Stack>
            <OrganizationNote organization={organization} />
            <Text size="sm">You get a mail with a link to set a new password.</Text>
            <TextInput
              name="username"
              label="Username or e-mail"
              autoComplete="username"
              autoCapitalize="none"
              spellCheck={false}
              required
              withAsterisk={false}
              autoFocus
            />
            {error && <ErrorNote>{error}</ErrorNote>}
            <Button type="submit" loading={busy}>
              Send me a link
            </Button>
          </Stack>
        </form>
      )}
      <Anchor component={Link} to="/sign-in" size="sm">
        Back to the sign-in
      </Anchor>
    </EntryFrame>
  );
}
