import { useQuery } from 'urql';
import { RoleHoldersDocument } from '../api/operations';
import type { Holders } from './seats';

/** Who has a role now; asked only where it matters. */
export function useHolders(roleId: string, matters: boolean): Holders | undefined {
  const [{ data }] = useQuery({
    query: RoleHoldersDocument,
    variables: { roleIds: [roleId] },
    pause: !matters,
    requestPolicy: 'cache-and-network',
  });
  if (!matters || !data) return undefined;
  return {
    active: data.active.totalCount,
    pending: data.pending.totalCount,
    available: data.organization.seats.available,
  };
}
