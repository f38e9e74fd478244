import type { UserAction, UserRowFragment } from '../api/operations';

/** What somebody is called. */
export function nameOf(user: { name: string | null; email: string }): string {
  return user.name ?? user.email;
}

/** What is done to one person after a word of confirmation. */
export type ActName = Exclude<UserAction, 'UPDATE' | 'CHANGE_ROLE'>;

/** What makes sense for somebody, in the order of the menu. Whether it is allowed is another matter. */
export function actsFor(user: Pick<UserRowFragment, 'status' | 'passwordReset'>): ActName[] {
  switch (user.status) {
    case 'ACTIVE':
      return [
        'RESET_PASSWORD',
        ...(user.passwordReset ? (['CANCEL_PASSWORD_RESET'] as const) : []),
        'DISABLE_2FA',
        'REVOKE_SESSIONS',
        'DELETE',
      ];
    case 'PENDING':
      return ['RESEND_INVITATION', 'DELETE'];
    case 'INACTIVE':
      return ['REACTIVATE'];
  }
}

/** Why the viewer may not do something to somebody; undefined when they may. */
export function obstacle(user: Pick<UserRowFragment, 'actions'>, action: UserAction): string | undefined {
  const state = user.actions.find((one) => one.action === action);
  if (!state) return 'This is not possible here.';
  return state.allowed ? undefined : (state.reason ?? 'This is not allowed.');
}
