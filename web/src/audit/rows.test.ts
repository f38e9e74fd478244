import { expect, test } from 'vitest';
import { csv } from '../shared/csv';
import { auditHeader, auditRows } from './rows';
import type { AuditEvent } from './sentences';

test('the audit log becomes a table', () => {
  const event: AuditEvent = {
    id: 'evt_1',
    action: 'USER_UPDATED',
    at: '2026-03-01T09:30:00.000Z',
    actorId: 'user_1',
    targetId: 'user_2',
    ipAddress: '192.0.2.1',
    userAgent: '=cmd',
    actor: { id: 'user_1', name: '=Mia', email: 'mia@acme.example' },
    target: { __typename: 'User', id: 'user_2', name: null, email: 'jin@acme.example' },
    before: [{ field: 'title', value: '' }],
    after: [{ field: 'title', value: 'Head' }],
  };
  const rows = auditRows([
    event,
    { ...event, action: 'ROLE_DELETED', targetId: 'role_1', target: null, actor: null, actorId: null, userAgent: null },
  ]);
  expect(rows.every((row) => row.length === auditHeader.length)).toBe(true);
  expect(rows[0]).toEqual([
    '2026-03-01T09:30:00.000Z',
    'Changed by an administrator',
    '=Mia changed the title of jin@acme.example',
    'Title: – → Head',
    '=Mia',
    'user_1',
    'jin@acme.example',
    'user_2',
    '192.0.2.1',
    '=cmd',
  ]);
  expect(rows[1]?.[6]).toBe('');
  const [line] = csv(rows).split('\r\n');
  expect(line).toContain("'=Mia changed");
  expect(line).toContain(",'=cmd");
});
