import { Menu, Text } from '@mantine/core';

interface MenuActionProps {
  name: string;
  danger?: boolean;
  /** Why it is not possible. */
  reason: string | undefined;
  run: () => void;
}

/** Something that can be done; what may not be is there too, with the reason. */
export function MenuAction({ name, danger, reason, run }: MenuActionProps) {
  if (reason) {
    // It can be reached by keyboard, so that the reason can be read.
    return (
      <Menu.Item aria-disabled closeMenuOnClick={false} c="dimmed">
        {name}
        <Text size="xs">{reason}</Text>
      </Menu.Item>
    );
  }
  return (
    <Menu.Item onClick={run} c={danger ? 'var(--roster-bad)' : undefined}>
      {name}
    </Menu.Item>
  );
}
