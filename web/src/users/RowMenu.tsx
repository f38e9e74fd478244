import { ActionIcon, Button, Menu } from '@mantine/core';
import { IconChevronDown, IconDots } from '@tabler/icons-react';
import { useRef } from 'react';
import type { UserRowFragment } from '../api/operations';
import { MenuAction } from '../shared/MenuAction';
import { acts } from './actions';
import { actsFor, nameOf, obstacle } from './menu';
import type { Confirmation } from './ConfirmDialog';

interface RowMenuProps {
  user: UserRowFragment;
  /** There is room for a button with a name. */
  roomy?: boolean;
  edit: (user: UserRowFragment, from: HTMLElement | null) => void;
  confirm: (confirmation: Confirmation, from: HTMLElement | null) => void;
}

/** What can be done to somebody. */
export function RowMenu({ user, roomy, edit, confirm }: RowMenuProps) {
  const target = useRef<HTMLButtonElement>(null);
  return (
    <Menu position="bottom-end" width={280} withinPortal returnFocus>
      <Menu.Target>
        {roomy ? (
          <Button ref={target} variant="default" rightSection={<IconChevronDown size={16} aria-hidden />}>
            Actions
          </Button>
        ) : (
          <ActionIcon ref={target} variant="subtle" color="gray" size="lg" aria-label={`Actions for ${nameOf(user)}`}>
            <IconDots size={18} aria-hidden />
          </ActionIcon>
        )}
      </Menu.Target>
      <Menu.Dropdown>
        <MenuAction name="Edit" reason={obstacle(user, 'UPDATE')} run={() => edit(user, target.current)} />
        {actsFor(user).map((action) => (
          <MenuAction
            key={action}
            name={acts[action].name}
            danger={acts[action].takesAway}
            reason={obstacle(user, action)}
            run={() => confirm({ act: acts[action], user }, target.current)}
          />
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
