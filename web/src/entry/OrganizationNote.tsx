import { Anchor, Text } from '@mantine/core';
import { useLocation } from 'wouter';
import { forgetOrganization } from './organization';

/** Which organization somebody is about to enter, when it is not the first. */
export function OrganizationNote({ organization }: { organization: string | null }) {
  const [, navigate] = useLocation();
  if (!organization) return null;
  return (
    <Text size="sm">
      Organization: <b>{organization}</b>{' '}
      <Anchor
        component="button"
        type="button"
        inherit
        onClick={() => {
          forgetOrganization();
          navigate('/sign-in', { replace: true });
        }}
      >
        Use another
      </Anchor>
    </Text>
  );
}
