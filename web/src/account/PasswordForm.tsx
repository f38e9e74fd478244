import { Button, PasswordInput, Stack, Text } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { ChangePasswordDocument } from '../api/operations';
import { send } from '../api/send';
import { tellDone } from '../shared/feedback';
import { NewPassword } from '../shared/NewPassword';
import { ErrorNote } from '../shared/Note';
import classes from './account.module.css';

export function PasswordForm({ username, minLength }: { username: string; minLength: number }) {
  const [currentPassword, setCurrent] = useState('');
  const [newPassword, setNew] = useState('');
  const [errors, setErrors] = useState<{ message: string; field?: string }[]>([]);
  const [busy, setBusy] = useState(false);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setErrors([]);
    const { data, problem } = await send(ChangePasswordDocument, { input: { currentPassword, newPassword } });
    setBusy(false);
    if (problem) return setErrors([{ message: problem.message }]);
    const { userErrors } = data.changePassword;
    if (userErrors.length > 0) {
      return setErrors(userErrors.map(({ message, field }) => ({ message, field: field?.at(-1) })));
    }
    setCurrent('');
    setNew('');
    tellDone('Your new password is set. You are signed out everywhere else.');
  };
  const errorAt = (field: string) => errors.find((error) => error.field === field)?.message;
  return (
    <form onSubmit={submit}>
      <Stack className={classes.form}>
        {/* For password managers: whose password it is. */}
        <input type="text" name="username" autoComplete="username" value={username} readOnly hidden />
        <PasswordInput
          name="current-password"
          label="Current password"
          autoComplete="current-password"
          value={currentPassword}
          onChange={(event) => setCurrent(event.currentTarget.value)}
          required
          withAsterisk={false}
          error={errorAt('currentPassword')}
        />
        <NewPassword value={newPassword} onChange={setNew} minLength={minLength} error={errorAt('newPassword')} />
        {errors
          .filter((error) => !error.field)
          .map((error) => (
            <ErrorNote key={error.message}>{error.message}</ErrorNote>
          ))}
        <Text size="sm" c="dimmed">
          You stay signed in here, and are signed out everywhere else.
        </Text>
        <div>
          <Button type="submit" loading={busy}>
            Set the new password
          </Button>
        </div>
      </Stack>
    </form>
  );
}
