import { Group, Skeleton, Stack, Text } from '@mantine/core';
import { viewer } from '../api/client';
import { type OrganizationSettingsFragment, OrganizationSettingsDocument } from '../api/operations';
import { usePageData } from '../api/page';
import { PageTitle } from '../layout/PageTitle';
import { ProblemNote } from '../shared/ProblemNote';
import { useStore } from '../shared/store';
import classes from './organization.module.css';
import { SettingsForm } from './SettingsForm';
import { labels, show, valuesOf } from './values';

const nothing = {};

export default function OrganizationPage() {
  const { data, problem, refetch } = usePageData(OrganizationSettingsDocument, nothing);
  const mayManage = useStore(viewer)?.permissions.includes('MANAGE_ORGANIZATION') ?? false;
  return (
    <Stack gap="md" maw={720}>
      <Group className={classes.head}>
        <PageTitle>Organization</PageTitle>
      </Group>
      {problem && <ProblemNote problem={problem} retry={refetch} />}
      {!(problem && !data) && (
        <div className={`panel ${classes.sheet}`} aria-busy={!data}>
          {!data && <Loading />}
          {data && (
            <Stack gap="lg">
              {mayManage ? (
                <>
                  <div>
                    <Text size="sm" fw={600}>
                      Where people sign in
                    </Text>
                    <Text size="sm">{signInAddress(data.organization)}</Text>
                  </div>
                  <SettingsForm
                    organization={data.organization}
                    usualLifetime={data.installation.invitationLifetimeSeconds}
                    ownTwoFactor={data.viewer?.user.twoFactorEnabled ?? false}
                  />
                </>
              ) : (
                <Settings organization={data.organization} usualLifetime={data.installation.invitationLifetimeSeconds} />
              )}
            </Stack>
          )}
        </div>
      )}
    </Stack>
  );
}

function signInAddress({ slug }: OrganizationSettingsFragment): string {
  return `${location.origin}/sign-in?organization=${slug}`;
}

/** The settings for those who may not change them. */
function Settings({ organization, usualLifetime }: { organization: OrganizationSettingsFragment; usualLifetime: number }) {
  const values = valuesOf(organization);
  const { used, limit } = organization.seats;
  return (
    <>
      <dl className={classes.settings}>
        <dt>{labels.name}</dt>
        <dd dir="auto">{values.name}</dd>
        <dt>Where people sign in</dt>
        <dd>{signInAddress(organization)}</dd>
        <dt>{labels.seatLimit}</dt>
        <dd>
          {used.toLocaleString()} of {limit.toLocaleString()} are taken
        </dd>
        <dt>{labels.lifetime}</dt>
        <dd>{show('lifetime', values.lifetime, usualLifetime)}</dd>
        <dt>{labels.requireTwoFactor}</dt>
        <dd>{show('requireTwoFactor', values.requireTwoFactor, usualLifetime)}</dd>
      </dl>
      <Text size="sm" c="dimmed">
        Your role does not let you change this. Ask an administrator.
      </Text>
    </>
  );
}

function Loading() {
  return (
    <Stack gap="lg">
      {[42, 62, 116, 62, 44].map((height, index) => (
        <Skeleton key={index} h={height} />
      ))}
    </Stack>
  );
}
