import { describe, expect, test } from 'vitest';
import type { UserRowFragment } from '../api/operations';
import { actsFor, nameOf, obstacle } from './menu';

const reset = {} as NonNullable<UserRowFragment['passwordReset']>;

describe('the menu', () => {
  test.each([
    ['ACTIVE', null, ['RESET_PASSWORD', 'DISABLE_2FA', 'REVOKE_SESSIONS', 'DELETE']],
    ['ACTIVE', reset, ['RESET_PASSWORD', 'CANCEL_PASSWORD_RESET', 'DISABLE_2FA', 'REVOKE_SESSIONS', 'DELETE']],
    ['PENDING', null, ['RESEND_INVITATION', 'DELETE']],
    ['INACTIVE', null, ['REACTIVATE']],
  ] as const)('of somebody %s has what makes sense %#', (status, passwordReset, acts) => {
    expect(actsFor({ status, passwordReset })).toEqual(acts);
  });

  test('gives the reason of the service for what is not allowed', () => {
    const user = {
      actions: [
        { action: 'UPDATE', allowed: true, reason: null },
        { action: 'DELETE', allowed: false, reason: 'You cannot delete yourself.' },
      ] as UserRowFragment['actions'],
    };
    expect(obstacle(user, 'UPDATE')).toBeUndefined();
    expect(obstacle(user, 'DELETE')).toBe('You cannot delete yourself.');
    expect(obstacle(user, 'REACTIVATE')).toBeDefined();
  });
});

test('somebody without a name is called by the address', () => {
  expect(nameOf({ name: 'Ann', email: 'ann@example.com' })).toBe('Ann');
  expect(nameOf({ name: null, email: 'ann@example.com' })).toBe('ann@example.com');
});
