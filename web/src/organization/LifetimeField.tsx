import { Anchor, Group, Input, NumberInput, Select, Text } from '@mantine/core';
import { useState } from 'react';
import { type Unit, unitOf, units } from './values';

interface LifetimeFieldProps {
  label: string;
  /** In seconds; null: what the installation has set. */
  value: number | null;
  /** What it was, to go back to. */
  was: number;
  onChange: (seconds: number | null) => void;
  error?: string;
}

/** A length of time, as a number of days or hours. */
export function LifetimeField({ label, value, was, onChange, error }: LifetimeFieldProps) {
  // One's own choice holds while one is typing.
  const [chosen, setChosen] = useState<Unit>();
  const unit = chosen ?? unitOf(value ?? was);
  if (value === null) {
    return (
      <Input.Wrapper label={label} labelElement="div" error={error}>
        <Text size="sm">
          As long as the installation has set.{' '}
          <Anchor component="button" type="button" inherit onClick={() => onChange(was)}>
            Set it here
          </Anchor>
        </Text>
      </Input.Wrapper>
    );
  }
  return (
    <Input.Wrapper
      label={label}
      labelElement="div"
      id="lifetime"
      description="From an hour to 30 days. Links that were sent already keep their end."
      error={error}
    >
      <Group gap="xs" mt={6}>
        <NumberInput
          aria-label={`${label}: how many`}
          aria-describedby="lifetime-description"
          value={value / unit.seconds}
          onChange={(count) => {
            setChosen(unit);
            onChange(Math.round(Number(count) * unit.seconds));
          }}
          min={0}
          error={error !== undefined}
          w={110}
        />
        <Select
          aria-label={`${label}: unit`}
          data={units.map(({ name }) => name)}
          value={unit.name}
          onChange={(name) => {
            const next = units.find((unit) => unit.name === name);
            if (!next) return;
            setChosen(next);
            onChange((value / unit.seconds) * next.seconds);
          }}
          allowDeselect={false}
          w={120}
        />
        <Anchor
          component="button"
          type="button"
          size="sm"
          onClick={() => {
            setChosen(undefined);
            onChange(null);
          }}
        >
          Use what the installation has set
        </Anchor>
      </Group>
    </Input.Wrapper>
  );
}
