import type { Permission } from '../api/operations';

/** What each permission is called, and what it lets people do, in the order in which they are listed. */
export const permissions: Record<Permission, { name: string; does: string }> = {
  VIEW_USERS: { name: 'See people', does: 'See who has access, the roles and the seats.' },
  MANAGE_USERS: {
    name: 'Manage people',
    does: 'Invite, change, delete and reactivate people whose role grants no more than their own.',
  },
  MANAGE_ROLES: { name: 'Manage roles', does: 'Create, change and delete roles.' },
  MANAGE_ORGANIZATION: { name: 'Manage organization', does: 'Change the organization’s name and settings.' },
  VIEW_AUDIT_LOG: { name: 'Read audit log', does: 'Read who did what, when and from where.' },
  CSM_SEAT: { name: 'CSM seat', does: 'Be assigned accounts and manage them. Each active or pending person takes a CSM seat.' },
};

export const allPermissions = Object.keys(permissions) as Permission[];
