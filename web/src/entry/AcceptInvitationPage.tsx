import { Button, Skeleton, Stack, Text, TextInput } from '@mantine/core';
import { type FormEvent, useMemo, useState } from 'react';
import { Link } from 'wouter';
import { useQuery } from 'urql';
import { AcceptInvitationDocument, InvitationDocument, type InvitationQuery } from '../api/operations';
import { problemOf } from '../api/problem';
import { send } from '../api/send';
import { NewPassword } from '../shared/NewPassword';
import { ErrorNote } from '../shared/Note';
import { ProblemNote } from '../shared/ProblemNote';
import { EntryFrame } from './EntryFrame';
import { useLinkToken } from './linkToken';
import { rememberOrganization } from './organization';

export default function AcceptInvitationPage() {
  const token = useLinkToken();
  const [{ data, error, fetching }, refetch] = useQuery({
    query: InvitationDocument,
    variables: useMemo(() => ({ token: token ?? '' }), [token]),
    pause: token === undefined,
    requestPolicy: 'network-only',
  });
  const [username, setUsername] = useState<string>();
  if (username) {
    return (
      <EntryFrame title="You are all set">
        <Text>
          Sign in as <b>{username}</b> with the password that you have chosen.
        </Text>
        <Button component={Link} to="/sign-in">
          Go to the sign-in
        </Button>
      </EntryFrame>
    );
  }
  if (token && fetching) {
    return (
      <EntryFrame title="Welcome">
        <Skeleton h={16} />
        <Skeleton h={16} w="60%" />
        <Skeleton h={36} mt="md" />
        <Skeleton h={36} mt="md" />
      </EntryFrame>
    );
  }
  if (error) {
    return (
      <EntryFrame title="Welcome">
        <ProblemNote problem={problemOf(error)} retry={refetch} />
      </EntryFrame>
    );
  }
  if (!token || !data?.invitation) return <DeadLink />;
  return <SetUp token={token} invitation={data.invitation} onDone={setUsername} />;
}

function DeadLink() {
  return (
    <EntryFrame title="This link no longer works">
      <Text>
        It was used already, replaced by a newer one, or is too old. Look for a later mail, or ask whoever invited you
        to send the invitation again.
      </Text>
      <Text>If you have completed the set-up before, sign in.</Text>
      <Button component={Link} to="/sign-in" variant="default">
        Go to the sign-in
      </Button>
    </EntryFrame>
  );
}

interface SetUpProps {
  token: string;
  invitation: NonNullable<InvitationQuery['invitation']>;
  onDone: (username: string) => void;
}

function SetUp({ token, invitation, onDone }: SetUpProps) {
  const [values, setValues] = useState({
    name: invitation.name ?? '',
    username: invitation.username,
    title: '',
    password: '',
  });
  const [errors, setErrors] = useState<{ field?: string; message: string }[]>([]);
  const [dead, setDead] = useState(false);
  const [busy, setBusy] = useState(false);
  if (dead) return <DeadLink />;

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setErrors([]);
    const { data, problem } = await send(AcceptInvitationDocument, { input: { token, ...values } });
    setBusy(false);
    if (problem) return setErrors([{ message: problem.message }]);
    const { user, userErrors } = data.acceptInvitation;
    if (userErrors.some((error) => error.code === 'LINK_INVALID')) return setDead(true);
    if (user) {
      rememberOrganization(invitation.organization);
      return onDone(user.username);
    }
    setErrors(userErrors.map(({ message, field }) => ({ message, field: field?.at(-1) })));
  };
  const input = (field: 'name' | 'username' | 'title') => ({
    value: values[field],
    error: errors.find((error) => error.field === field)?.message,
    onChange: (event: { currentTarget: { value: string } }) =>
      setValues({ ...values, [field]: event.currentTarget.value }),
  });

  return (
    <EntryFrame title={`Welcome to ${invitation.organizationName}`} leaveFocus>
      <Text size="sm">
        {invitation.invitedByName ? <bdi>{invitation.invitedByName} has</bdi> : 'You were'} invited{' '}
        {invitation.invitedByName && 'you '}as {invitation.roleName}, at <b>{invitation.email}</b>.
      </Text>
      <form onSubmit={submit}>
        <Stack>
          <TextInput {...input('name')} name="name" label="Your name" autoComplete="name" dir="auto" autoFocus />
          <TextInput
            {...input('username')}
            name="username"
            label="Username"
            description="To sign in with; your e-mail address works too."
            autoComplete="username"
            autoCapitalize="none"
            spellCheck={false}
          />
          <TextInput
            {...input('title')}
            name="title"
            label="Title"
            placeholder="What you do"
            autoComplete="organization-title"
            dir="auto"
          />
          <NewPassword
            label="Password"
            value={values.password}
            onChange={(password) => setValues({ ...values, password })}
            minLength={invitation.passwordMinLength}
            error={errors.find((error) => error.field === 'password')?.message}
          />
          {errors
            .filter((error) => !error.field || !(error.field in values))
            .map((error) => (
              <ErrorNote key={error.message}>{error.message}</ErrorNote>
            ))}
          <Button type="submit" loading={busy}>
            Complete the set-up
          </Button>
        </Stack>
      </form>
    </EntryFrame>
  );
}
