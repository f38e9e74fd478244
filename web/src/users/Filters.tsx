import { Button, CloseButton, Group, MultiSelect, Select, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { IconSearch } from '@tabler/icons-react';
import { memo, useEffect, useRef, useState } from 'react';
import type { UsersQuery } from '../api/operations';
import { isFiltered, longestSearch, type ListState } from './state';
import classes from './users.module.css';

interface FiltersProps {
  state: Omit<ListState, 'page'>;
  change: (change: Partial<ListState>, replace?: boolean) => void;
  roles: UsersQuery['roles'] | undefined;
}

export const Filters = memo(function Filters({ state, change, roles }: FiltersProps) {
  const [open, setOpen] = useState(false);
  const filters = state.roles.length + Number(state.seat !== undefined) + Number(state.twoFactor !== undefined);
  return (
    <Group gap="xs" align="flex-start" className={classes.filters} role="search">
      <Search search={state.search} change={change} />
      <Button
        variant="default"
        className={classes.toggle}
        aria-expanded={open}
        aria-controls="filters"
        onClick={() => setOpen(!open)}
      >
        Filters{filters > 0 && ` (${filters})`}
      </Button>
      <Group gap="xs" align="flex-start" id="filters" className={classes.folded} data-open={open || undefined}>
        <MultiSelect
          aria-label="Role"
          placeholder={state.roles.length === 0 ? 'Any role' : undefined}
          data={roles && roleChoices(roles, state.roles)}
          value={roles ? state.roles : []}
          onChange={(roles) => change({ roles })}
          clearable
          clearButtonProps={{ 'aria-label': 'Any role' }}
          // One line, however many are chosen: they stand in the list too.
          styles={{ pillsList: { flexWrap: 'nowrap', overflow: 'hidden' } }}
          w={220}
        />
        <Select
          aria-label="CSM seat"
          placeholder="Seat or none"
          data={[
            { value: 'yes', label: 'Has a seat' },
            { value: 'no', label: 'No seat' },
          ]}
          value={fromSwitch(state.seat)}
          onChange={(seat) => change({ seat: toSwitch(seat) })}
          clearable
          clearButtonProps={{ 'aria-label': 'Seat or none' }}
          w={150}
        />
        {state.tab !== 'pending' && (
          <Select
            aria-label="Two-factor authentication"
            placeholder="2FA on or off"
            data={[
              { value: 'yes', label: '2FA on' },
              { value: 'no', label: '2FA off' },
            ]}
            value={fromSwitch(state.twoFactor)}
            onChange={(twoFactor) => change({ twoFactor: toSwitch(twoFactor) })}
            clearable
            clearButtonProps={{ 'aria-label': '2FA on or off' }}
            w={150}
          />
        )}
        <Button
          variant="subtle"
          // Where there is room its place is kept, so that nothing moves.
          data-idle={!isFiltered(state) || undefined}
          onClick={() => change({ search: '', roles: [], seat: undefined, twoFactor: undefined })}
        >
          Clear
        </Button>
      </Group>
    </Group>
  );
});

/** The roles there are, and those of the address that are no more. */
function roleChoices(roles: UsersQuery['roles'], chosen: string[]) {
  const gone = chosen.filter((id) => !roles.some((role) => role.id === id));
  return [
    ...roles.map((role) => ({ value: role.id, label: role.name })),
    ...gone.map((id) => ({ value: id, label: 'A deleted role' })),
  ];
}

function fromSwitch(value: boolean | undefined): string | null {
  return value === undefined ? null : value ? 'yes' : 'no';
}

function toSwitch(value: string | null): boolean | undefined {
  return value === null ? undefined : value === 'yes';
}

/** Searches a moment after the last key. */
function Search({ search, change }: { search: string; change: FiltersProps['change'] }) {
  const [text, setText] = useState(search);
  const asked = useRef(search);
  const ask = useDebouncedCallback((search: string) => {
    asked.current = search;
    change({ search }, true);
  }, 200);
  // Another search came from elsewhere: back, a link, or Clear.
  useEffect(() => {
    if (search === asked.current) return;
    asked.current = search;
    setText(search);
  }, [search]);
  const type = (text: string) => {
    setText(text);
    ask(text.trim());
  };
  return (
    <TextInput
      type="search"
      aria-label="Search"
      placeholder="Name, e-mail, username or title"
      leftSection={<IconSearch size={16} aria-hidden />}
      rightSection={text && <CloseButton size="sm" aria-label="Clear the search" onClick={() => type('')} />}
      value={text}
      maxLength={longestSearch}
      onChange={(event) => type(event.currentTarget.value)}
      className={classes.search}
      autoComplete="off"
      spellCheck={false}
    />
  );
}
