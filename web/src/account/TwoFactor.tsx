import { Anchor, Button, Code, CopyButton, Group, Stack, Text, TextInput } from '@mantine/core';
import { type FormEvent, type ReactNode, useEffect, useRef, useState } from 'react';
import {
  ConfirmTwoFactorSetupDocument,
  RemoveTwoFactorDocument,
  StartTwoFactorSetupDocument,
  type StartTwoFactorSetupMutation,
} from '../api/operations';
import { send } from '../api/send';
import { tellDone } from '../shared/feedback';
import { ErrorNote, Note } from '../shared/Note';
import classes from './account.module.css';

type Setup = StartTwoFactorSetupMutation['startTwoFactorSetup'];

export function TwoFactor({ enabled, onChange }: { enabled: boolean; onChange: () => void }) {
  const [setup, setSetup] = useState<Setup>();
  const [removing, setRemoving] = useState(false);
  const [codes, setCodes] = useState<string[]>();
  const [error, setError] = useState<string>();

  const start = async () => {
    setError(undefined);
    const { data, problem } = await send(StartTwoFactorSetupDocument, {});
    const refusal = problem?.message ?? data?.startTwoFactorSetup.userErrors[0]?.message;
    if (refusal) setError(refusal);
    else setSetup(data?.startTwoFactorSetup);
  };
  const confirm = async (code: string) => {
    const { data, problem } = await send(ConfirmTwoFactorSetupDocument, { code });
    const refusal = problem?.message ?? data?.confirmTwoFactorSetup.userErrors[0]?.message;
    if (refusal) return refusal;
    setSetup(undefined);
    setCodes(data?.confirmTwoFactorSetup.recoveryCodes ?? []);
    return undefined;
  };
  const remove = async (code: string) => {
    const { data, problem } = await send(RemoveTwoFactorDocument, { code });
    const refusal = problem?.message ?? data?.removeTwoFactor.userErrors[0]?.message;
    if (refusal) return refusal;
    setRemoving(false);
    tellDone('Two-factor authentication is off. You are signed out everywhere else.');
    onChange();
    return undefined;
  };

  if (codes) {
    return (
      <RecoveryCodes
        codes={codes}
        done={() => {
          setCodes(undefined);
          onChange();
        }}
      />
    );
  }
  if (setup) {
    return (
      <CodeForm verb="Turn on" check={confirm} cancel={() => setSetup(undefined)}>
        <Text size="sm">
          Scan this with an authenticator app, or type the secret into it. Then enter the six digits that it shows.
        </Text>
        {setup.qrCode && <img src={setup.qrCode} alt="QR code of the secret below" className={classes.qr} width={200} height={200} />}
        <Text size="sm">
          Secret: <Code>{setup.secret}</Code>
        </Text>
        {setup.otpauthUri && (
          <Anchor href={setup.otpauthUri} size="sm">
            Open the authenticator app of this device
          </Anchor>
        )}
      </CodeForm>
    );
  }
  if (removing) {
    return (
      <CodeForm verb="Turn off" danger recovery check={remove} cancel={() => setRemoving(false)}>
        <Text size="sm">
          From then on your password alone is enough to sign in. You are signed out everywhere else, and told by mail.
        </Text>
      </CodeForm>
    );
  }
  return (
    <Stack align="flex-start" gap="sm">
      {enabled ? (
        <>
          <Note tone="good">On: signing in asks for a code of your authenticator app.</Note>
          <Button variant="default" onClick={() => setRemoving(true)}>
            Turn off
          </Button>
        </>
      ) : (
        <>
          <Text size="sm">Off: your password alone is enough to sign in.</Text>
          <Button onClick={start}>Set up</Button>
        </>
      )}
      {error && <ErrorNote>{error}</ErrorNote>}
    </Stack>
  );
}

interface CodeFormProps {
  verb: string;
  danger?: boolean;
  /** A recovery code will do too. */
  recovery?: boolean;
  /** Answers why the code was refused. */
  check: (code: string) => Promise<string | undefined>;
  cancel: () => void;
  children: ReactNode;
}

function CodeForm({ verb, danger, recovery, check, cancel, children }: CodeFormProps) {
  const [error, setError] = useState<string>();
  const [busy, setBusy] = useState(false);
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const code = String(new FormData(event.currentTarget).get('code'));
    setBusy(true);
    setError(await check(code));
    setBusy(false);
  };
  return (
    <form onSubmit={submit}>
      <Stack className={classes.form}>
        {children}
        <TextInput
          name="code"
          label={recovery ? 'Code, or a recovery code' : 'Code'}
          inputMode={recovery ? 'text' : 'numeric'}
          autoComplete="one-time-code"
          autoCapitalize="none"
          spellCheck={false}
          required
          withAsterisk={false}
          autoFocus
          error={error}
        />
        <Group>
          <Button type="submit" loading={busy} color={danger ? 'red.9' : undefined}>
            {verb}
          </Button>
          <Button variant="default" onClick={cancel}>
            Cancel
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

/** The codes for the day the device is lost; they are never shown again. */
function RecoveryCodes({ codes, done }: { codes: string[]; done: () => void }) {
  const heading = useRef<HTMLDivElement>(null);
  useEffect(() => heading.current?.focus(), []);
  const text = codes.join('\n') + '\n';
  const download = () => {
    const address = URL.createObjectURL(new Blob([text], { type: 'text/plain' }));
    const link = document.createElement('a');
    link.href = address;
    link.download = 'roster-recovery-codes.txt';
    link.click();
    URL.revokeObjectURL(address);
  };
  return (
    <Stack gap="sm" ref={heading} tabIndex={-1}>
      <Note tone="good">Two-factor authentication is on. You are signed out everywhere else.</Note>
      <Text size="sm">
        Keep these recovery codes where you find them without your device. Each lets you in once, and they are shown only
        now.
      </Text>
      <ul className={`panel ${classes.codes}`} aria-label="Recovery codes">
        {codes.map((code) => (
          <li key={code}>
            <Code>{code}</Code>
          </li>
        ))}
      </ul>
      <Group>
        {/* Browsers let pages copy under https and on this machine only. */}
        {navigator.clipboard && (
          <CopyButton value={text}>
            {({ copied, copy }) => (
              <Button variant="default" onClick={copy}>
                {copied ? 'Copied' : 'Copy'}
              </Button>
            )}
          </CopyButton>
        )}
        <Button variant="default" onClick={download}>
          Download
        </Button>
        <Button onClick={done}>I have kept them</Button>
      </Group>
    </Stack>
  );
}
