import { Button, Stack, Text, TextInput } from '@mantine/core';
import { type AccountQuery, UpdateProfileDocument } from '../api/operations';
import { send } from '../api/send';
import { useEdit } from '../shared/edit';
import { tellDone } from '../shared/feedback';
import { ErrorNote } from '../shared/Note';
import { ProblemNote } from '../shared/ProblemNote';
import classes from './account.module.css';

type Profile = Pick<NonNullable<AccountQuery['viewer']>['user'], 'id' | 'name' | 'username' | 'title'>;

function valuesOf({ name, username, title }: Profile) {
  return { name: name ?? '', username, title: title ?? '' };
}

interface ProfileFormProps {
  user: NonNullable<AccountQuery['viewer']>['user'];
  onDone: () => void;
}

export function ProfileForm({ user, onDone }: ProfileFormProps) {
  const edit = useEdit({
    opened: user as Profile,
    valuesOf,
    send: async (_, changed, values) => {
      const input = Object.fromEntries(changed.map((field) => [field, values[field]]));
      const { data, problem } = await send(UpdateProfileDocument, { input });
      if (problem) return { problem };
      return { data: { subject: data.updateProfile.user, userErrors: data.updateProfile.userErrors } };
    },
    onDone: (saved) => {
      if (!saved) return;
      edit.restart(saved);
      tellDone('Your profile is saved.');
      onDone();
    },
  });
  const input = (field: 'name' | 'username' | 'title') => ({
    value: edit.values[field],
    error: edit.errorAt(field),
    onChange: (event: { currentTarget: { value: string } }) => edit.set({ [field]: event.currentTarget.value }),
  });
  return (
    <form onSubmit={edit.save} noValidate>
      <Stack className={classes.form}>
        <Text size="sm" c="dimmed">
          {user.email}, {user.role.name}
        </Text>
        <TextInput {...input('name')} label="Name" autoComplete="name" dir="auto" />
        <TextInput
          {...input('username')}
          label="Username"
          description="To sign in with; your e-mail address works too."
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
        />
        <TextInput {...input('title')} label="Title" autoComplete="organization-title" dir="auto" />
        {edit.errorsElsewhere(['name', 'username', 'title']).map((message) => (
          <ErrorNote key={message}>{message}</ErrorNote>
        ))}
        {edit.problem && <ProblemNote problem={edit.problem} />}
        <div>
          <Button type="submit" loading={edit.busy}>
            Save the profile
          </Button>
        </div>
      </Stack>
    </form>
  );
}
