import { Select, Text } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useState } from 'react';
import { useQuery } from 'urql';
import { FindPeopleDocument } from '../api/operations';

interface Person {
  id: string;
  name: string | null;
  email: string;
}

interface PersonFilterProps {
  id: string | undefined;
  /** Who that is, as soon as it is known. */
  person: Person | null | undefined;
  change: (id: string | undefined) => void;
}

/** Finds one person by what is typed. */
export function PersonFilter({ id, person, change }: PersonFilterProps) {
  const [open, setOpen] = useState(false);
  const [text, setText] = useState('');
  // The name of whoever is chosen stands in the field, and is no search.
  const wanted = person && text === labelOf(person) ? '' : text.trim();
  const [search] = useDebouncedValue(wanted, 200);
  const [{ data, fetching }] = useQuery({
    query: FindPeopleDocument,
    variables: { search: search || null },
    pause: !open,
  });
  const found: Person[] = data?.users.nodes ?? [];
  const all = person && !found.some(({ id }) => id === person.id) ? [person, ...found] : found;
  const byId = new Map(all.map((one) => [one.id, one]));
  return (
    <Select
      aria-label="Person"
      placeholder="Anybody"
      data={all.map((one) => ({ value: one.id, label: labelOf(one) }))}
      // The service has searched already.
      filter={({ options }) => options}
      value={id && byId.has(id) ? id : null}
      onChange={(id) => change(id ?? undefined)}
      searchable
      searchValue={text}
      onSearchChange={setText}
      onDropdownOpen={() => setOpen(true)}
      onDropdownClose={() => setOpen(false)}
      nothingFoundMessage={fetching || search !== wanted ? 'Searching…' : 'Nobody is found'}
      renderOption={({ option }) => {
        const one = byId.get(option.value);
        return (
          <div>
            <bdi>{option.label}</bdi>
            {one?.name && (
              <Text size="xs" c="dimmed">
                {one.email}
              </Text>
            )}
          </div>
        );
      }}
      clearable
      clearButtonProps={{ 'aria-label': 'Anybody' }}
      w={240}
    />
  );
}

function labelOf({ name, email }: Person): string {
  return name ?? email;
}
