import { expect, test } from 'vitest';
import type { UserLineFragment } from '../api/operations';
import { userRows, usersHeader } from './rows';

const somebody: UserLineFragment = {
  id: 'user_1',
  name: null,
  email: 'jin@acme.example',
  username: 'jin',
  title: null,
  status: 'ACTIVE',
  role: { name: 'Viewer' },
  csmSeat: false,
  twoFactorEnabled: true,
  lastLoginAt: '2026-03-01T09:30:00.000Z',
  createdAt: '2026-01-01T00:00:00.000Z',
  deactivatedAt: null,
  invitation: null,
};

test('people become a table', () => {
  const [active, pending] = userRows([
    somebody,
    {
      ...somebody,
      status: 'PENDING',
      invitation: {
        invitedBy: { name: null, email: 'mia@acme.example' },
        expiresAt: '2026-03-08T09:30:00.000Z',
        delivery: { state: 'FAILED', reason: 'No such mailbox.' },
      },
    },
  ]);
  const cell = (row: string[] | undefined, column: string) => row?.[usersHeader.indexOf(column)];
  expect(active).toHaveLength(usersHeader.length);
  expect(pending).toHaveLength(usersHeader.length);
  expect([cell(active, 'Name'), cell(active, 'Status'), cell(active, '2FA'), cell(active, 'Mail')]).toEqual(['', 'Active', 'yes', '']);
  expect(cell(active, 'Last sign-in')).toBe('2026-03-01T09:30:00.000Z');
  expect(cell(pending, 'Invited by')).toBe('mia@acme.example');
  expect(cell(pending, 'Mail')).toBe('Not delivered: No such mailbox.');
});
