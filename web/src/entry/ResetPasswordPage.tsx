import { Button, Skeleton, Stack, Text } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { Link } from 'wouter';
import { useQuery } from 'urql';
import { CompletePasswordResetDocument, PasswordLengthDocument } from '../api/operations';
import { send } from '../api/send';
import { NewPassword } from '../shared/NewPassword';
import { ErrorNote } from '../shared/Note';
import { EntryFrame } from './EntryFrame';
import { useLinkToken } from './linkToken';
import { rememberOrganization } from './organization';

export default function ResetPasswordPage() {
  const token = useLinkToken();
  const [password, setPassword] = useState('');
  const [dead, setDead] = useState<string>();
  const [weak, setWeak] = useState<string>();
  const [error, setError] = useState<string>();
  const [username, setUsername] = useState<string>();
  const [busy, setBusy] = useState(false);
  // A page that does not learn it can do without: the service tells it then.
  const [{ data: known, fetching }] = useQuery({ query: PasswordLengthDocument, pause: token === undefined });

  if (username) {
    return (
      <EntryFrame title="Your password is set">
        <Text>You are signed out everywhere. Sign in as {username} with the new password.</Text>
        <Button component={Link} to="/sign-in">
          Go to the sign-in
        </Button>
      </EntryFrame>
    );
  }
  if (!token || dead === token) {
    return (
      <EntryFrame title="This link no longer works">
        <Text>It was used already, replaced by a newer one, or is too old. Look for a later mail, or ask for another link.</Text>
        <Button component={Link} to="/forgotten-password">
          Ask for another link
        </Button>
      </EntryFrame>
    );
  }
  if (fetching) {
    return (
      <EntryFrame title="Set a new password" leaveFocus>
        <Skeleton h={180} />
        <Skeleton h={36} />
      </EntryFrame>
    );
  }
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setWeak(undefined);
    setError(undefined);
    const { data, problem } = await send(CompletePasswordResetDocument, { input: { token, password } });
    setBusy(false);
    if (problem) return setError(problem.message);
    const { user, organization, userErrors } = data.completePasswordReset;
    if (user) {
      rememberOrganization(organization);
      return setUsername(user.username);
    }
    if (userErrors.some((error) => error.code === 'LINK_INVALID')) return setDead(token);
    setWeak(userErrors[0]?.message);
  };
  return (
    <EntryFrame title="Set a new password" leaveFocus>
      <form onSubmit={submit}>
        <Stack>
          <NewPassword
            value={password}
            onChange={setPassword}
            minLength={known?.installation.passwordMinLength}
            error={weak}
            autoFocus
          />
          {error && <ErrorNote>{error}</ErrorNote>}
          <Button type="submit" loading={busy}>
            Set the password
          </Button>
        </Stack>
      </form>
    </EntryFrame>
  );
}
