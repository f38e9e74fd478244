import { Anchor, Button, Group, Skeleton, Stack, Text, Title } from '@mantine/core';
import { type ReactNode, useCallback, useMemo, useState } from 'react';
import { Link, useParams } from 'wouter';
import { viewer } from '../api/client';
import { PersonDocument, type PersonQuery, PersonTrailDocument, type UserRowFragment, type UserStatus } from '../api/operations';
import { usePageData } from '../api/page';
import { AuditTable } from '../audit/AuditTable';
import { PageTitle } from '../layout/PageTitle';
import { useDialog } from '../shared/dialog';
import { tellDone } from '../shared/feedback';
import { Note } from '../shared/Note';
import { ProblemNote } from '../shared/ProblemNote';
import { Sessions } from '../shared/Sessions';
import { useStore } from '../shared/store';
import { ExactTime, RelativeTime } from '../shared/time';
import { nameOf } from '../users/menu';
import { ConfirmDialog, type Confirmation } from '../users/ConfirmDialog';
import { EditDialog } from '../users/EditDialog';
import { Address, Delivery, Quiet, Reset } from '../users/notes';
import { RowMenu } from '../users/RowMenu';
import classes from './person.module.css';

const statuses: Record<UserStatus, string> = { ACTIVE: 'Active', PENDING: 'Pending', INACTIVE: 'Inactive' };

export default function PersonPage() {
  const { id = '' } = useParams();
  const who = useStore(viewer);
  const { data, problem, refetch } = usePageData(
    PersonDocument,
    useMemo(() => ({ id }), [id]),
  );
  const editing = useDialog<UserRowFragment>();
  const confirming = useDialog<Confirmation>();
  const [known, setKnown] = useState(false);
  const onKnown = useCallback(() => setKnown(true), []);
  const user = data?.user;
  const may = (permission: 'MANAGE_USERS' | 'VIEW_AUDIT_LOG') => who?.permissions.includes(permission) ?? false;

  const withSessions = (may('MANAGE_USERS') || who?.user.id === user?.id) && user?.status === 'ACTIVE';

  if (problem && !data) {
    return (
      <Stack>
        <Back />
        <PageTitle>User</PageTitle>
        <ProblemNote problem={problem} retry={refetch} />
      </Stack>
    );
  }
  if (data && !user) {
    return (
      <Stack>
        <Back />
        <PageTitle>There is nobody at this address</PageTitle>
        <Text>Look for the person on the list of users.</Text>
      </Stack>
    );
  }
  return (
    <Stack gap="lg">
      <Stack gap="xs">
        <Back />
        <Group justify="space-between" align="flex-start" wrap="nowrap" mih={36}>
          <PageTitle title={user ? nameOf(user) : 'User'}>
            {user ? <bdi>{nameOf(user)}</bdi> : <Skeleton component="span" display="inline-block" h={24} w={220} />}
          </PageTitle>
          {user && <RowMenu roomy user={user} edit={editing.open} confirm={confirming.open} />}
        </Group>
        {user?.passwordReset && <Reset reset={user.passwordReset} />}
        {user?.invitation?.expired && <Note tone="bad">The link in the invitation has expired. Send it again.</Note>}
      </Stack>
      {/* What replaces the skeleton comes all at once, so that nothing is moved by it. */}
      <Details key={user ? 'known' : 'asked'} user={user ?? undefined} />
      {user && withSessions && (
        <Section name="Sessions">
          <Sessions userId={user.id} onKnown={onKnown} />
        </Section>
      )}
      {user && may('VIEW_AUDIT_LOG') && (
        <div hidden={withSessions && !known}>
          <Section name="What has happened">
            <Trail id={user.id} />
          </Section>
        </div>
      )}
      <EditDialog
        dialog={editing}
        roles={data?.roles ?? []}
        onDone={(_, sentence) => user && tellDone(`${nameOf(user)}: ${sentence}`)}
      />
      <ConfirmDialog
        dialog={confirming}
        resetLifetime={data?.installation.passwordResetLifetimeSeconds ?? 0}
        onDone={(_, sentence) => tellDone(sentence)}
      />
    </Stack>
  );
}

function Back() {
  return (
    <Anchor component={Link} to="/users" size="sm" underline="hover">
      Users
    </Anchor>
  );
}

function Section({ name, children }: { name: string; children: ReactNode }) {
  return (
    <Stack gap="xs" component="section" aria-label={name}>
      <Title order={2} size="h4">
        {name}
      </Title>
      {children}
    </Stack>
  );
}

function Details({ user }: { user: NonNullable<PersonQuery['user']> | undefined }) {
  const detail = (name: string, value: (user: NonNullable<PersonQuery['user']>) => ReactNode) => (
    <div>
      <dt>{name}</dt>
      <dd>{user ? (value(user) ?? <Quiet>–</Quiet>) : <Skeleton h={14} w="70%" my={4} />}</dd>
    </div>
  );
  return (
    <dl className={`panel ${classes.details}`}>
      {detail('Status', (user) => statuses[user.status])}
      {detail('E-mail', (user) => <Address email={user.email} />)}
      {detail('Username', (user) => <Address email={user.username} />)}
      {detail('Title', (user) => user.title && <bdi>{user.title}</bdi>)}
      {detail('Role', (user) => user.role.name)}
      {detail('CSM seat', (user) => (user.csmSeat ? 'Yes' : 'No'))}
      {detail('Two-factor authentication', (user) => (user.twoFactorEnabled ? 'On' : 'Off'))}
      {detail('Last sign-in', (user) => (user.lastLoginAt ? <RelativeTime at={user.lastLoginAt} /> : 'never'))}
      {detail('First invited', (user) => <ExactTime at={user.createdAt} />)}
      {detail('Last changed', (user) => <ExactTime at={user.updatedAt} />)}
      {user?.deactivatedAt && detail('Deleted', () => <ExactTime at={user.deactivatedAt ?? ''} />)}
      {user?.invitation && detail('Link expires', () => <RelativeTime at={user.invitation?.expiresAt ?? ''} />)}
      {user?.invitation && detail('Mail', () => user.invitation && <Delivery delivery={user.invitation.delivery} />)}
    </dl>
  );
}

const step = 20;

/** What somebody did, and what was done to them. */
function Trail({ id }: { id: string }) {
  const [first, setFirst] = useState(step);
  const { data, outdated, problem, refetch } = usePageData(
    PersonTrailDocument,
    useMemo(() => ({ id, first }), [id, first]),
  );
  const events = data?.auditEvents;
  if (problem && !data) return <ProblemNote problem={problem} retry={refetch} />;
  if (events?.nodes.length === 0) return <Text size="sm">Nothing yet.</Text>;
  return (
    <Stack gap="sm" align="flex-start">
      <AuditTable events={events?.nodes} outdated={outdated} label="What has happened, the newest first" />
      {events?.pageInfo.hasNextPage &&
        (first < 100 ? (
          <Button variant="default" size="xs" onClick={() => setFirst(first + step)} loading={outdated}>
            Show more
          </Button>
        ) : (
          <Anchor component={Link} to={`/audit-log?user=${id}`} size="sm">
            Everything, in the audit log
          </Anchor>
        ))}
    </Stack>
  );
}
