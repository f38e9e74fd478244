import { Button, CloseButton, Menu, Text } from '@mantine/core';
import { IconChevronDown } from '@tabler/icons-react';
import { useEffect, useRef } from 'react';
import { bulkNames, type BulkChange } from './BulkDialog';
import { mostSelected } from './several';
import type { Selection } from './useSelection';
import classes from './users.module.css';

interface BulkBarProps {
  selection: Selection;
  /** How many match. */
  total: number;
  /** How many of the selected are on the page. */
  here: number;
  change: (change: BulkChange, from?: HTMLElement | null) => void;
  clear: () => void;
}

/** Who is selected, and what can be done to all of them. */
export function BulkBar({ selection, total, here, change, clear }: BulkBarProps) {
  const { people, gathered } = selection;
  const bar = useRef<HTMLDivElement>(null);
  const menu = useRef<HTMLButtonElement>(null);
  const all = Math.min(total, mostSelected);
  const mayHaveMore = people.length < all;

  // The button that was pressed goes when all are selected.
  const gathering = gathered !== undefined;
  const before = useRef(gathering);
  useEffect(() => {
    if (before.current && !gathering && document.activeElement === document.body) bar.current?.focus();
    before.current = gathering;
  }, [gathering]);

  const names = bulkNames(people);
  return (
    <div className={classes.bulk}>
      <div ref={bar} role="toolbar" aria-label="Selected people" tabIndex={-1} className={classes.bar}>
        <div className={classes.chosen}>
          <Text size="sm" fw={550} component="span">
            {people.length.toLocaleString()} selected
          </Text>
          {here < people.length && (
            <Text size="sm" c="dimmed" component="span" className={classes.here}>
              {here === 0 ? 'none' : here.toLocaleString()} on this page
            </Text>
          )}
          {gathering ? (
            <button type="button" className={classes.more} onClick={selection.stop}>
              Stop, {gathered.toLocaleString()} found
            </button>
          ) : (
            mayHaveMore && (
              <button type="button" className={classes.more} onClick={selection.selectAll}>
                {total > all ? `Select the first ${all.toLocaleString()}` : `Select all ${all.toLocaleString()}`}
              </button>
            )
          )}
        </div>
        <div className={classes.acts}>
          {names.map(({ kind, name }) => (
            <Button
              key={kind}
              variant="default"
              size="xs"
              c={kind === 'DELETE' ? 'var(--roster-bad)' : undefined}
              onClick={() => change({ kind, users: people })}
            >
              {name}
            </Button>
          ))}
          <Button variant="subtle" size="xs" onClick={clear}>
            Clear selection
          </Button>
        </div>
        <div className={classes.actsOnPhone}>
          <Menu position="top-end" width={220} returnFocus={false}>
            <Menu.Target>
              <Button ref={menu} variant="default" size="xs" rightSection={<IconChevronDown size={14} aria-hidden />}>
                Change
              </Button>
            </Menu.Target>
            <Menu.Dropdown>
              {names.map(({ kind, name }) => (
                <Menu.Item
                  key={kind}
                  c={kind === 'DELETE' ? 'var(--roster-bad)' : undefined}
                  onClick={() => change({ kind, users: people }, menu.current)}
                >
                  {name}
                </Menu.Item>
              ))}
            </Menu.Dropdown>
          </Menu>
          <CloseButton aria-label="Clear selection" onClick={clear} />
        </div>
      </div>
    </div>
  );
}
