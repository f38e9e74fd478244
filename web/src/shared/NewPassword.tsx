import { List, PasswordInput, Stack } from '@mantine/core';

interface NewPasswordProps {
  value: string;
  onChange: (value: string) => void;
  label?: string;
  /** How many characters it must have; undefined when only the service knows. */
  minLength?: number;
  error?: string;
  autoFocus?: boolean;
}

/** A field for a new password, with what makes one good in words. */
export function NewPassword({ value, onChange, label = 'New password', minLength, error, autoFocus }: NewPasswordProps) {
  const length = [...value.normalize('NFKC')].length;
  const enough = minLength !== undefined && length >= minLength;
  return (
    <Stack gap="xs">
      <PasswordInput
        name="new-password"
        label={label}
        value={value}
        onChange={(event) => onChange(event.currentTarget.value)}
        autoComplete="new-password"
        required
        withAsterisk={false}
        autoFocus={autoFocus}
        error={error}
        aria-describedby="password-rules"
      />
      <List size="sm" id="password-rules" c="dimmed">
        {minLength !== undefined && (
          <List.Item>
            At least {minLength} characters
            {length > 0 && (enough ? ': it has enough' : `: ${minLength - length} to go`)}
          </List.Item>
        )}
        <List.Item>Not a common one, and not your name or e-mail</List.Item>
        <List.Item>A few words that have nothing to do with each other are good, and easy to keep in mind</List.Item>
      </List>
    </Stack>
  );
}
