import type { MailDeliveryState, UserLineFragment, UserStatus } from '../api/operations';
import { nameOf } from './menu';

export const usersHeader = [
  'Name',
  'E-mail',
  'Username',
  'Title',
  'Role',
  'Status',
  'CSM seat',
  '2FA',
  'Last sign-in',
  'First invited',
  'Deleted',
  'Invited by',
  'Link expires',
  'Mail',
  'Id',
];

const statuses: Record<UserStatus, string> = { ACTIVE: 'Active', PENDING: 'Pending', INACTIVE: 'Inactive' };
const mails: Record<MailDeliveryState, string> = { QUEUED: 'On its way', SENT: 'Sent', FAILED: 'Not delivered' };

/** The list as a table. */
export function userRows(users: UserLineFragment[]): string[][] {
  return users.map(({ invitation, ...user }) => [
    user.name ?? '',
    user.email,
    user.username,
    user.title ?? '',
    user.role.name,
    statuses[user.status],
    yesNo(user.csmSeat),
    yesNo(user.twoFactorEnabled),
    user.lastLoginAt ?? '',
    user.createdAt,
    user.deactivatedAt ?? '',
    invitation?.invitedBy ? nameOf(invitation.invitedBy) : '',
    invitation?.expiresAt ?? '',
    invitation ? [mails[invitation.delivery.state], invitation.delivery.reason].filter(Boolean).join(': ') : '',
    user.id,
  ]);
}

function yesNo(value: boolean): string {
  return value ? 'yes' : 'no';
}
