import { Anchor, Button, Group, NumberInput, Progress, Stack, Switch, Text, TextInput } from '@mantine/core';
import { useEffect, useState } from 'react';
import { useQuery } from 'urql';
import { Link } from 'wouter';
import { type OrganizationSettingsFragment, UpdateOrganizationDocument, WithoutTwoFactorDocument } from '../api/operations';
import { send } from '../api/send';
import { announce } from '../shared/announce';
import { ConflictNote } from '../shared/ConflictNote';
import { useEdit } from '../shared/edit';
import { changed } from '../shared/merge';
import { ErrorNote, Note } from '../shared/Note';
import { ProblemNote } from '../shared/ProblemNote';
import { LifetimeField } from './LifetimeField';
import { changeInput, labels, show, type Values, valuesOf } from './values';

interface SettingsFormProps {
  /** As it is now. */
  organization: OrganizationSettingsFragment;
  /** How long invitations work where an organization has not set it, in seconds. */
  usualLifetime: number;
  /** Whether the viewer signs in with a second factor. */
  ownTwoFactor: boolean;
}

// What the service calls what the form has under another name.
const fields: Record<string, keyof Values> = { invitationLifetimeSeconds: 'lifetime' };

export function SettingsForm({ organization, usualLifetime, ownTwoFactor }: SettingsFormProps) {
  const [saved, setSaved] = useState(false);
  const { base, values, set, conflict, problem, busy, save, restart, errorAt, errorsElsewhere } = useEdit({
    opened: organization,
    valuesOf,
    send: async (base, changed, values) => {
      if (!Number.isInteger(values.seatLimit)) {
        const userErrors = [{ code: 'REQUIRED', message: 'Give a whole number.', field: ['seatLimit'] }];
        return { data: { subject: base, userErrors } };
      }
      const { data, problem } = await send(UpdateOrganizationDocument, {
        input: { ...changeInput(changed, values), expectedVersion: base.version },
      });
      if (problem) return { problem };
      const { organization, userErrors } = data.updateOrganization;
      return {
        data: {
          subject: organization,
          userErrors: userErrors.map((error) => ({
            ...error,
            field: error.field?.map((name) => fields[name] ?? name) ?? null,
          })),
        },
      };
    },
    onDone: (now) => {
      if (!now) return;
      restart(now);
      setSaved(true);
      announce('Saved.');
    },
  });
  const differs = changed(valuesOf(base), values).length > 0;
  // What others change is shown at once, unless one has begun to change something oneself.
  useEffect(() => {
    if (!differs && organization.version > base.version) restart(organization);
  });
  const edit = (change: Partial<Values>) => {
    setSaved(false);
    set(change);
  };

  const { used, limit } = organization.seats;
  return (
    <form onSubmit={save} noValidate>
      <Stack gap="lg">
        {conflict && differs && (
          <ConflictNote
            what="the organization"
            labels={labels}
            {...conflict}
            values={values}
            show={(field, value) => show(field, value, usualLifetime)}
            choose={(field, value) => edit({ [field]: value })}
          />
        )}
        <TextInput
          label={labels.name}
          value={values.name}
          onChange={(event) => edit({ name: event.currentTarget.value })}
          error={errorAt('name')}
          required
          autoComplete="off"
          dir="auto"
        />
        <div>
          <NumberInput
            label={labels.seatLimit}
            description="How many are paid for. There can be no fewer than are taken."
            value={values.seatLimit}
            onChange={(seatLimit) => edit({ seatLimit })}
            error={errorAt('seatLimit')}
            min={0}
            max={50_000}
            clampBehavior="none"
            allowDecimal={false}
            thousandSeparator=","
            styles={{ wrapper: { maxWidth: 220 } }}
            required
          />
          <Progress
            size="sm"
            mt="sm"
            maw={420}
            value={limit > 0 ? (used / limit) * 100 : 100}
            color={used >= limit ? 'red.9' : undefined}
            aria-label="CSM seats taken"
          />
          <Text size="sm" mt={4}>
            {used.toLocaleString()} of {limit.toLocaleString()} are taken.{' '}
            <Anchor component={Link} to="/users?seat=yes" inherit underline="always">
              See who takes one
            </Anchor>
          </Text>
        </div>
        <LifetimeField
          label={labels.lifetime}
          value={values.lifetime}
          usual={usualLifetime}
          onChange={(lifetime) => edit({ lifetime })}
          error={errorAt('lifetime')}
        />
        <div>
          <Switch
            label={labels.requireTwoFactor}
            description="Whoever signs in without a second factor can do nothing but set one up."
            checked={values.requireTwoFactor}
            onChange={(event) => edit({ requireTwoFactor: event.currentTarget.checked })}
            error={errorAt('requireTwoFactor')}
          />
          {values.requireTwoFactor && !base.requireTwoFactor && <Unprotected self={!ownTwoFactor} />}
        </div>
        {errorsElsewhere(['name', 'seatLimit', 'lifetime', 'requireTwoFactor']).map((message) => (
          <ErrorNote key={message}>{message}</ErrorNote>
        ))}
        {problem && <ProblemNote problem={problem} />}
        <Group>
          <Button type="submit" loading={busy} disabled={!differs}>
            Save
          </Button>
          {differs && (
            <Button variant="default" onClick={() => restart(organization)} disabled={busy}>
              Undo changes
            </Button>
          )}
          {saved && !differs && <Note tone="good">Saved.</Note>}
        </Group>
      </Stack>
    </form>
  );
}

/** Whom requiring a second factor would keep out until they have one. */
function Unprotected({ self }: { self: boolean }) {
  const [{ data }] = useQuery({ query: WithoutTwoFactorDocument, requestPolicy: 'cache-and-network' });
  const count = data?.users.totalCount;
  return (
    <Stack gap={4} mt="sm" role="status" mih={48}>
      {count === 0 && <Text size="sm">Everybody who is active has one already.</Text>}
      {count !== undefined && count > 0 && (
        <Note tone="warn">
          {count.toLocaleString()} active {count === 1 ? 'person has' : 'people have'} none yet, and must set one up before
          they go on.{' '}
          <Anchor component={Link} to="/users?2fa=no" inherit c="inherit" underline="always">
            See who
          </Anchor>
        </Note>
      )}
      {self && <Note tone="warn">You have none yourself: you are led to set it up as soon as this is saved.</Note>}
    </Stack>
  );
}
