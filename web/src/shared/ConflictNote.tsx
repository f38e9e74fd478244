import { Alert, List, Radio, Stack, Text } from '@mantine/core';
import type { Merged } from './merge';

interface ConflictNoteProps<Values> {
  /** What was changed: "this person". */
  what: string;
  /** Said when the other one has changed nothing that is edited here. */
  otherwise?: string;
  labels: Record<keyof Values, string>;
  mine: Values;
  theirs: Values;
  merged: Merged<Values>;
  /** What the form holds now. */
  values: Values;
  show: (field: keyof Values, value: Values[keyof Values]) => string;
  choose: (field: keyof Values, value: Values[keyof Values]) => void;
}

/** What the other administrator has changed, and the choice where both have. */
export function ConflictNote<Values extends object>(props: ConflictNoteProps<Values>) {
  const { what, otherwise = '', labels, mine, theirs, merged, values, show, choose } = props;
  const { taken, clashes } = merged;
  return (
    <Alert role="alert" variant="default" title={`Somebody else has changed ${what} meanwhile`}>
      <Stack gap="sm">
        {taken.length === 0 && clashes.length === 0 && (
          <Text size="sm">{otherwise} Nothing that you edit was changed: save again.</Text>
        )}
        {taken.length > 0 && (
          <List size="sm">
            {taken.map((field) => (
              <List.Item key={String(field)}>
                {labels[field]} is now <bdi>{show(field, theirs[field])}</bdi>
              </List.Item>
            ))}
          </List>
        )}
        {clashes.map((field) => (
          <Radio.Group
            key={String(field)}
            label={`${labels[field]}: which one is right?`}
            value={values[field] === theirs[field] ? 'theirs' : values[field] === mine[field] ? 'mine' : null}
            onChange={(whose) => choose(field, whose === 'mine' ? mine[field] : theirs[field])}
          >
            <Stack gap={6} mt={6}>
              <Radio value="mine" label={`Yours: ${show(field, mine[field])}`} />
              <Radio value="theirs" label={`Theirs: ${show(field, theirs[field])}`} />
            </Stack>
          </Radio.Group>
        ))}
      </Stack>
    </Alert>
  );
}
