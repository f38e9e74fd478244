import { Button, Group, Text } from '@mantine/core';
import type { UserRowFragment } from '../api/operations';
import { bulkNames, type BulkChange } from './BulkDialog';
import classes from './users.module.css';

interface BulkBarProps {
  users: UserRowFragment[];
  change: (change: BulkChange) => void;
  clear: () => void;
}

/** What can be done to all who are selected. */
export function BulkBar({ users, change, clear }: BulkBarProps) {
  return (
    <Group gap="xs" className={classes.bulk} role="toolbar" aria-label="Selected people">
      <Text size="sm" fw={550} me="xs" aria-live="polite">
        {users.length} selected on this page
      </Text>
      {bulkNames(users).map(({ kind, name }) => (
        <Button
          key={kind}
          variant="default"
          c={kind === 'DELETE' ? 'var(--roster-bad)' : undefined}
          onClick={() => change({ kind, users })}
        >
          {name}
        </Button>
      ))}
      <Button variant="subtle" onClick={clear}>
        Clear selection
      </Button>
    </Group>
  );
}
