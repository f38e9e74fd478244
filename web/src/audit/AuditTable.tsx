import { Anchor, Skeleton, Table, Text } from '@mantine/core';
import { Link } from 'wouter';
import { deviceText } from '../shared/device';
import { ExactTime } from '../shared/time';
import classes from './audit.module.css';
import { type AuditEvent, type Change, changesOf, type Part, sentence } from './sentences';

interface AuditTableProps {
  /** Undefined while they are asked for. */
  events: AuditEvent[] | undefined;
  outdated: boolean;
  label: string;
}

/** What has happened, in sentences, with what it was before and after. */
export function AuditTable({ events, outdated, label }: AuditTableProps) {
  return (
    <div className={`panel list ${classes.frame}`} data-outdated={outdated || undefined}>
      <Table className={classes.table} aria-busy={!events || outdated} aria-label={label}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th className={classes.when}>When</Table.Th>
            <Table.Th>What</Table.Th>
            <Table.Th className={classes.from}>From</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {events
            ? events.map((event) => <Row key={event.id} event={event} />)
            : Array.from({ length: 12 }, (_, row) => (
                <Table.Tr key={row}>
                  <Table.Td className={classes.when}>
                    <Skeleton h={14} my={4} />
                  </Table.Td>
                  <Table.Td>
                    <Skeleton h={14} w="60%" my={4} />
                  </Table.Td>
                  <Table.Td className={classes.from}>
                    <Skeleton h={14} my={4} />
                  </Table.Td>
                </Table.Tr>
              ))}
        </Table.Tbody>
      </Table>
    </div>
  );
}

function Row({ event }: { event: AuditEvent }) {
  const changes = changesOf(event);
  return (
    <Table.Tr>
      <Table.Td className={classes.when}>
        <ExactTime at={event.at} />
      </Table.Td>
      <Table.Td>
        <Sentence parts={sentence(event)} />
        {changes.length > 0 && (
          <ul className={classes.changes} aria-label="What was changed">
            {changes.map((change) => (
              <li key={change.field}>
                <ChangeText change={change} />
              </li>
            ))}
          </ul>
        )}
        <Text size="sm" c="dimmed" className={classes.onPhone}>
          <ExactTime at={event.at} />
          {event.userAgent && <> · {deviceText(event.userAgent)}</>}
          {event.ipAddress && <> · {event.ipAddress}</>}
        </Text>
      </Table.Td>
      <Table.Td className={classes.from}>
        {event.userAgent && (
          <span className="cut" title={event.userAgent}>
            {deviceText(event.userAgent)}
          </span>
        )}
        {event.ipAddress && (
          <Text size="sm" c="dimmed">
            {event.ipAddress}
          </Text>
        )}
        {!event.ipAddress && !event.userAgent && (
          <Text span c="dimmed" inherit>
            –
          </Text>
        )}
      </Table.Td>
    </Table.Tr>
  );
}

export function Sentence({ parts }: { parts: Part[] }) {
  return parts.map((part, index) => {
    if (typeof part === 'string') return <span key={index}>{part}</span>;
    const name = <bdi>{part.name}</bdi>;
    return part.to ? (
      <Anchor key={index} component={Link} to={part.to} inherit c="inherit" fw={600}>
        {name}
      </Anchor>
    ) : (
      <b key={index} className={classes.name}>
        {name}
      </b>
    );
  });
}

function ChangeText({ change: { label, before, after } }: { change: Change }) {
  return (
    <>
      {label}:{' '}
      {before && (
        <del className={classes.before}>
          <bdi>{before}</bdi>
        </del>
      )}
      {before && after !== undefined && <span aria-hidden> → </span>}
      {after !== undefined && <ins className={classes.after}>{after ? <bdi>{after}</bdi> : 'empty'}</ins>}
    </>
  );
}
