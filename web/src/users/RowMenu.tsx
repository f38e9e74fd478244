import { Button, Menu } from '@mantine/core';
import { IconChevronDown } from '@tabler/icons-react';
import { useRef, useState } from 'react';
import type { UserRowFragment } from '../api/operations';
import { MenuAction } from '../shared/MenuAction';
import { acts } from './actions';
import { actsFor, nameOf, obstacle } from './menu';
import type { Confirmation } from './ConfirmDialog';
import classes from './users.module.css';

interface RowMenuProps {
  user: UserRowFragment;
  /** There is room for a button with a name. */
  roomy?: boolean;
  edit: (user: UserRowFragment, from: HTMLElement | null) => void;
  confirm: (confirmation: Confirmation, from: HTMLElement | null) => void;
}

/** What can be done to somebody. A list has many: each becomes a menu when it is first opened. */
export function RowMenu({ user, roomy = false, edit, confirm }: RowMenuProps) {
  const target = useRef<HTMLButtonElement>(null);
  const [opened, setOpened] = useState<boolean>();
  const name = `Actions for ${nameOf(user)}`;
  if (opened === undefined && !roomy) {
    return (
      <button
        type="button"
        className={classes.dots}
        aria-label={name}
        aria-haspopup="menu"
        aria-expanded={false}
        onClick={() => setOpened(true)}
      />
    );
  }
  return (
    <Menu
      position="bottom-end"
      width={280}
      withinPortal
      opened={opened ?? false}
      onChange={setOpened}
      // The button that was pressed first is another one now.
      returnFocus={false}
      onClose={() => target.current?.focus({ preventScroll: true })}
    >
      <Menu.Target>
        {roomy ? (
          <Button ref={target} variant="default" rightSection={<IconChevronDown size={16} aria-hidden />}>
            Actions
          </Button>
        ) : (
          <button type="button" ref={target} className={classes.dots} aria-label={name} />
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
