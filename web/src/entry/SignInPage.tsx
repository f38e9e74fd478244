import { Anchor, Button, PasswordInput, Stack, Text, TextInput } from '@mantine/core';
import { type FormEvent, useRef, useState } from 'react';
import { Link, useLocation, useSearchParams } from 'wouter';
import { changeViewer } from '../api/client';
import { LoginDocument, VerifyTwoFactorDocument, type ViewerFragment } from '../api/operations';
import { send } from '../api/send';
import { ErrorNote } from '../shared/Note';
import { EntryFrame } from './EntryFrame';
import { nextPath, organizationOf } from './organization';
import { OrganizationNote } from './OrganizationNote';

export default function SignInPage() {
  const [params] = useSearchParams();
  const [, navigate] = useLocation();
  const [challenge, setChallenge] = useState<string>();
  const [expired, setExpired] = useState<string>();
  const enter = async (viewer: ViewerFragment) => {
    changeViewer(viewer);
    const next = nextPath(params);
    // A page of its own.
    if (next === '/graphiql') location.replace(next);
    else navigate(next, { replace: true });
  };
  if (challenge) {
    return (
      <SecondFactor
        challenge={challenge}
        enter={enter}
        startAgain={(why) => {
          setExpired(why);
          setChallenge(undefined);
        }}
      />
    );
  }
  return <Password organization={organizationOf(params)} reason={expired} enter={enter} ask={setChallenge} />;
}

interface PasswordProps {
  organization: string | null;
  /** Why it has to be done again. */
  reason: string | undefined;
  enter: (viewer: ViewerFragment) => Promise<void>;
  ask: (challenge: string) => void;
}

function Password({ organization, reason, enter, ask }: PasswordProps) {
  const [error, setError] = useState(reason);
  const [busy, setBusy] = useState(false);
  const password = useRef<HTMLInputElement>(null);

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    setBusy(true);
    setError(undefined);
    const { data, problem } = await send(LoginDocument, {
      input: { organization, username: String(form.get('username')), password: String(form.get('password')) },
    });
    setBusy(false);
    const refusal = problem?.message ?? data?.login.userErrors[0]?.message;
    if (refusal || !data) {
      setError(refusal);
      password.current?.select();
      return;
    }
    if (data.login.twoFactorChallenge) ask(data.login.twoFactorChallenge.token);
    else if (data.login.viewer) await enter(data.login.viewer);
  };

  return (
    <EntryFrame title="Sign in" leaveFocus>
      <form onSubmit={submit}>
        <Stack>
          <OrganizationNote organization={organization} />
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
          <PasswordInput
            ref={password}
            name="password"
            label="Password"
            autoComplete="current-password"
            required
            withAsterisk={false}
          />
          {error && <ErrorNote>{error}</ErrorNote>}
          <Button type="submit" loading={busy}>
            Sign in
          </Button>
          <Anchor component={Link} to="/forgotten-password" size="sm">
            Forgotten your password?
          </Anchor>
        </Stack>
      </form>
    </EntryFrame>
  );
}

interface SecondFactorProps {
  challenge: string;
  enter: (viewer: ViewerFragment) => Promise<void>;
  startAgain: (why?: string) => void;
}

function SecondFactor({ challenge, enter, startAgain }: SecondFactorProps) {
  const [recovery, setRecovery] = useState(false);
  const [code, setCode] = useState('');
  const [error, setError] = useState<string>();
  const [busy, setBusy] = useState(false);

  const verify = async (code: string) => {
    if (busy) return;
    setBusy(true);
    setError(undefined);
    const { data, problem } = await send(VerifyTwoFactorDocument, { input: { challenge, code } });
    setBusy(false);
    if (data?.verifyTwoFactor.viewer) return enter(data.verifyTwoFactor.viewer);
    const refusal = data?.verifyTwoFactor.userErrors[0];
    if (refusal && refusal.code !== 'WRONG_CODE') return startAgain(refusal.message);
    setError(problem?.message ?? refusal?.message);
    setCode('');
  };
  const type = (text: string) => {
    setCode(text);
    // Pasted, filled in or typed to its end: there is nothing more to say.
    if (!recovery && /^\d{6}$/.test(text.replace(/\s/g, ''))) void verify(text);
  };

  return (
    <EntryFrame title="Second step" leaveFocus>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void verify(code);
        }}
      >
        <Stack>
          <Text size="sm">
            {recovery
              ? 'Enter one of the recovery codes that you have kept. Each works once.'
              : 'Enter the six digits that your authenticator app shows.'}
          </Text>
          <TextInput
            key={String(recovery)}
            label={recovery ? 'Recovery code' : 'Code'}
            value={code}
            onChange={(event) => type(event.currentTarget.value)}
            inputMode={recovery ? 'text' : 'numeric'}
            autoComplete={recovery ? 'off' : 'one-time-code'}
            autoCapitalize="none"
            spellCheck={false}
            required
            withAsterisk={false}
            autoFocus
          />
          {error && <ErrorNote>{error}</ErrorNote>}
          <Button type="submit" loading={busy}>
            Sign in
          </Button>
          <Anchor
            component="button"
            type="button"
            size="sm"
            ta="start"
            onClick={() => {
              setRecovery(!recovery);
              setCode('');
              setError(undefined);
            }}
          >
            {recovery ? 'Use the authenticator app' : 'Lost the device? Use a recovery code'}
          </Anchor>
          <Anchor component="button" type="button" size="sm" ta="start" onClick={() => startAgain()}>
            Sign in as somebody else
          </Anchor>
        </Stack>
      </form>
    </EntryFrame>
  );
}
