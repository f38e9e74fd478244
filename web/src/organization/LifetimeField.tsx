import { Anchor, Group, Input, NumberInput, Select } from '@mantine/core';
import { useState } from 'react';
import { durationText } from '../shared/duration';
import { type Unit, unitOf, units } from './values';

interface LifetimeFieldProps {
  label: string;
  /** In seconds; null: what the installation has set. */
  value: number | null;
  /** What the installation has set. */
  usual: number;
  onChange: (seconds: number | null) => void;
  error?: string;
}

/** A length of time, as a number of days or hours; empty for the usual one. */
export function LifetimeField({ label, value, usual, onChange, error }: LifetimeFieldProps) {
  // One's own choice holds while one is typing.
  const [chosen, setChosen] = useState<Unit>();
  const unit = chosen ?? unitOf(value ?? usual);
  return (
    <Input.Wrapper
      label={label}
      labelElement="div"
      id="lifetime"
      description={`From an hour to 30 days; empty for ${durationText(usual)}, which the installation has set. Links that were sent already keep their end.`}
      error={error}
    >
      <Group gap="xs" mt={6}>
        <NumberInput
          aria-label={`${label}: how many`}
          aria-describedby="lifetime-description"
          value={value === null ? '' : value / unit.seconds}
          placeholder={String(usual / unit.seconds)}
          onChange={(count) => {
            setChosen(unit);
            onChange(count === '' ? null : Math.round(Number(count) * unit.seconds));
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
            if (value !== null) onChange((value / unit.seconds) * next.seconds);
          }}
          allowDeselect={false}
          w={120}
        />
        {value !== null && (
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
        )}
      </Group>
    </Input.Wrapper>
  );
}
