import { Alert, Button, Group, Skeleton, Stack, Text, Title } from '@mantine/core';
import { type ReactNode, useCallback, useState } from 'react';
import { AccountDocument, RevokeSessionsDocument } from '../api/operations';
import { usePageData } from '../api/page';
import { PageTitle } from '../layout/PageTitle';
import { tellDone } from '../shared/feedback';
import { ErrorNote } from '../shared/Note';
import { ProblemNote } from '../shared/ProblemNote';
import { Sessions } from '../shared/Sessions';
import { refusalOf } from '../api/send';
import classes from './account.module.css';
import { PasswordForm } from './PasswordForm';
import { ProfileForm } from './ProfileForm';
import { TwoFactor } from './TwoFactor';

const nothing = {};

export default function AccountPage() {
  const { data, problem, refetch } = usePageData(AccountDocument, nothing);
  const who = data?.viewer;
  const user = who?.user;
  const [known, setKnown] = useState(false);
  const onKnown = useCallback(() => setKnown(true), []);
  if (problem && !data) {
    return (
      <Stack>
        <PageTitle>Your account</PageTitle>
        <ProblemNote problem={problem} retry={refetch} />
      </Stack>
    );
  }
  if (!data || !user) {
    return (
      <Stack gap="xl" className={classes.page}>
        <PageTitle>Your account</PageTitle>
        <Skeleton h={360} aria-busy />
      </Stack>
    );
  }
  return (
    <Stack gap="xl" className={classes.page}>
      <PageTitle>Your account</PageTitle>
      {who.twoFactorRequired ? (
        <Alert variant="default" title="Set up two-factor authentication to go on">
          Your organization requires it of everybody. It takes a minute, and an authenticator app.
        </Alert>
      ) : (
        <>
          <Section name="Profile">
            <ProfileForm key={user.id} user={user} onDone={refetch} />
          </Section>
          <Section name="Password">
            <PasswordForm username={user.username} minLength={data.installation.passwordMinLength} />
          </Section>
        </>
      )}
      <Section name="Two-factor authentication">
        <TwoFactor enabled={user.twoFactorEnabled} onChange={refetch} />
      </Section>
      {!who.twoFactorRequired && (
        <Section name="Where you are signed in">
          <Sessions userId={user.id} onKnown={onKnown} />
          <div hidden={!known}>
            <Elsewhere userId={user.id} />
          </div>
        </Section>
      )}
    </Stack>
  );
}

function Section({ name, children }: { name: string; children: ReactNode }) {
  return (
    <Stack gap="sm" component="section" aria-label={name}>
      <Title order={2} size="h4">
        {name}
      </Title>
      {children}
    </Stack>
  );
}

function Elsewhere({ userId }: { userId: string }) {
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<string>();
  const revoke = async () => {
    setBusy(true);
    const refused = await refusalOf(RevokeSessionsDocument, { userId });
    setBusy(false);
    setRefusal(refused);
    if (!refused) tellDone('You are signed out everywhere else.');
  };
  return (
    <Group>
      <Button variant="default" loading={busy} onClick={revoke}>
        Sign out everywhere else
      </Button>
      {refusal && <ErrorNote>{refusal}</ErrorNote>}
      <Text size="sm" c="dimmed">
        Do this when you see a device that you do not know, and set a new password.
      </Text>
    </Group>
  );
}
