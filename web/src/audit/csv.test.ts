import { describe, expect, test } from 'vitest';
import { auditRows, cell, csv } from './csv';
import type { AuditEvent } from './sentences';

describe('a cell', () => {
  test.each([
    ['Ann Lee', 'Ann Lee'],
    ['', ''],
    ['a = b', 'a = b'],
    ['=1+1', "'=1+1"],
    ['+49 30', "'+49 30"],
    ['-1', "'-1"],
    ['@SUM(A1)', "'@SUM(A1)"],
    ['\t=1', "'\t=1"],
    ['\r=1', '"\'\r=1"'],
    ['a,b', '"a,b"'],
    ['say "hi"', '"say ""hi"""'],
    ['two\nlines', '"two\nlines"'],
    ['=HYPERLINK("http://evil.example","x")', '"\'=HYPERLINK(""http://evil.example"",""x"")"'],
    ['مها', 'مها'],
  ])('%j is written as %j', (value, written) => expect(cell(value)).toBe(written));
});

test('a table is UTF-8 with a line for each row', () => {
  expect(csv([['a', 'b'], ['=c', 'd,e']])).toBe('\uFEFFa,b\r\n\'=c,"d,e"\r\n');
});

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
  const width = rows[0]?.length;
  expect(rows.every((row) => row.length === width)).toBe(true);
  expect(rows[1]).toEqual([
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
  expect(rows[2]?.[6]).toBe('');
  const [, line] = csv(rows).split('\r\n');
  expect(line).toContain("'=Mia changed");
  expect(line).toContain(",'=cmd");
});
