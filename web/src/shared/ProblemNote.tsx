import { Alert, Button, Code, Stack, Text } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import type { Problem } from '../api/problem';

/** What went wrong with a request, and what to do. */
export function ProblemNote({ problem, retry }: { problem: Problem; retry?: () => void }) {
  const hopeless = problem.code === 'FORBIDDEN';
  return (
    <Alert
      role="alert"
      variant="default"
      icon={<IconAlertTriangle aria-hidden />}
      title={hopeless ? 'You may not see this' : 'That did not work'}
    >
      <Stack gap="xs" align="flex-start">
        <Text size="sm">{problem.message}</Text>
        {problem.requestId && (
          <Text size="sm" c="dimmed">
            Request id: <Code>{problem.requestId}</Code>
          </Text>
        )}
        {retry && !hopeless && (
          <Button size="xs" variant="default" onClick={retry}>
            Try again
          </Button>
        )}
      </Stack>
    </Alert>
  );
}
