import { Button, Skeleton, Table, Text } from '@mantine/core';
import { useEffect, useMemo, useState } from 'react';
import { RevokeSessionDocument, SessionsDocument, type SessionsQuery } from '../api/operations';
import { usePageData } from '../api/page';
import { refusalOf } from '../api/send';
import { tellDone } from './feedback';
import { ErrorNote } from './Note';
import { ProblemNote } from './ProblemNote';
import { RelativeTime } from './time';

interface SessionsProps {
  userId: string;
  /** It is known how much room they take. */
  onKnown: () => void;
}

/** Where somebody is signed in, each with a way to end it. */
export function Sessions({ userId, onKnown }: SessionsProps) {
  const { data, problem, refetch } = usePageData(
    SessionsDocument,
    useMemo(() => ({ id: userId }), [userId]),
  );
  const sessions = data?.user?.sessions;
  const known = data !== undefined || problem !== undefined;
  useEffect(() => {
    if (known) onKnown();
  }, [known, onKnown]);
  if (problem && !sessions) return <ProblemNote problem={problem} retry={refetch} />;
  if (!sessions) return <Skeleton h={96} />;
  if (sessions.length === 0) return <Text size="sm">Not signed in anywhere.</Text>;
  return (
    <div className="panel list">
      <Table aria-label="Sessions">
        <Table.Tbody>
          {sessions.map((session) => (
            <Row key={session.id} userId={userId} session={session} refetch={refetch} />
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
}

interface RowProps {
  userId: string;
  session: NonNullable<SessionsQuery['user']>['sessions'][number];
  refetch: () => void;
}

function Row({ userId, session, refetch }: RowProps) {
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<string>();
  const revoke = async () => {
    setBusy(true);
    const refused = await refusalOf(RevokeSessionDocument, { id: session.id, userId });
    setBusy(false);
    setRefusal(refused);
    if (refused) return;
    tellDone(`The session of ${session.device} was ended.`);
    refetch();
  };
  return (
    <Table.Tr>
      <Table.Td>
        <Text size="sm" fw={600} component="span">
          {session.device}
        </Text>
        <Text size="sm" c="dimmed">
          {session.ipAddress && <>{session.ipAddress} · </>}
          last used <RelativeTime at={session.lastUsedAt} /> · signed in <RelativeTime at={session.createdAt} />
        </Text>
        {refusal && <ErrorNote>{refusal}</ErrorNote>}
      </Table.Td>
      <Table.Td w={130} ta="end">
        {session.current ? (
          <Text size="sm">This one</Text>
        ) : (
          <Button
            variant="default"
            size="xs"
            loading={busy}
            onClick={revoke}
            aria-label={`End the session of ${session.device}`}
          >
            End
          </Button>
        )}
      </Table.Td>
    </Table.Tr>
  );
}
