import type { CreateRoleInput, Permission, RoleRowFragment, UpdateRoleInput } from '../api/operations';
import { allPermissions, permissions } from '../shared/permissions';

/** What is edited of a role. Each permission stands for itself: two people who change different ones don't clash. */
export type Values = { name: string; description: string } & Record<Permission, boolean>;

/** A role that is not there yet. */
export const newRole: RoleRowFragment = {
  id: '',
  name: '',
  description: null,
  permissions: [],
  csmSeat: false,
  builtIn: false,
  userCount: 0,
  version: 0,
};

export const labels: Record<keyof Values, string> = {
  name: 'Name',
  description: 'Description',
  VIEW_USERS: permissions.VIEW_USERS.name,
  MANAGE_USERS: permissions.MANAGE_USERS.name,
  MANAGE_ROLES: permissions.MANAGE_ROLES.name,
  MANAGE_ORGANIZATION: permissions.MANAGE_ORGANIZATION.name,
  VIEW_AUDIT_LOG: permissions.VIEW_AUDIT_LOG.name,
  CSM_SEAT: permissions.CSM_SEAT.name,
};

export function valuesOf(role: Pick<RoleRowFragment, 'name' | 'description' | 'permissions'>): Values {
  const has = (permission: Permission) => role.permissions.includes(permission);
  return {
    name: role.name,
    description: role.description ?? '',
    VIEW_USERS: has('VIEW_USERS'),
    MANAGE_USERS: has('MANAGE_USERS'),
    MANAGE_ROLES: has('MANAGE_ROLES'),
    MANAGE_ORGANIZATION: has('MANAGE_ORGANIZATION'),
    VIEW_AUDIT_LOG: has('VIEW_AUDIT_LOG'),
    CSM_SEAT: has('CSM_SEAT'),
  };
}

/** All that the values let people do. */
export function chosen(values: Values): Permission[] {
  return allPermissions.filter((permission) => values[permission]);
}

/** Only what was changed; permissions are sent as a whole. */
export function changeInput(changed: (keyof Values)[], values: Values): UpdateRoleInput {
  return {
    ...(changed.includes('name') && { name: values.name }),
    ...(changed.includes('description') && { description: values.description }),
    ...(allPermissions.some((permission) => changed.includes(permission)) && { permissions: chosen(values) }),
  };
}

export function createInput(values: Values): CreateRoleInput {
  return { name: values.name, description: values.description || null, permissions: chosen(values) };
}

type Own = readonly Permission[] | undefined;

/** Whether somebody may grant a permission: they have it, or it is bought. */
export function mayGrant(own: Own, permission: Permission): boolean {
  return permission === 'CSM_SEAT' || (own?.includes(permission) ?? false);
}

/** Why somebody with these permissions may not touch the role; undefined when they may. */
export function untouchable(own: Own, role: Pick<RoleRowFragment, 'permissions'>): string | undefined {
  if (!own?.includes('MANAGE_ROLES')) return 'Your role does not let you change roles.';
  return role.permissions.every((permission) => mayGrant(own, permission))
    ? undefined
    : 'This role grants more than yours.';
}

/** Why the role cannot be deleted; undefined when it can. */
export function undeletable(own: Own, role: Pick<RoleRowFragment, 'permissions' | 'builtIn'>): string | undefined {
  return role.builtIn
    ? 'This role was made with the organization and stays. You can change it.'
    : untouchable(own, role);
}
