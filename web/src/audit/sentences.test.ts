import { readFileSync } from 'node:fs';
import { buildSchema, type GraphQLEnumType } from 'graphql';
import { describe, expect, test } from 'vitest';
import type { AuditAction } from '../api/operations';
import { allKinds, type AuditEvent, changesOf, kinds, sentence, sentenceText } from './sentences';

const mia = { id: 'user_1', name: 'Mia Ruiz', email: 'mia@acme.example' };
const jin = { id: 'user_2', name: 'Jin Moreno', email: 'jin@acme.example' };

function values(of: Record<string, string> = {}) {
  return Object.entries(of).map(([field, value]) => ({ field, value }));
}

interface Happening extends Partial<Omit<AuditEvent, 'before' | 'after'>> {
  before?: Record<string, string>;
  after?: Record<string, string>;
}

/** Something that Mia did to Jin, unless it is said otherwise. */
function event(action: AuditAction, { before, after, ...rest }: Happening = {}): AuditEvent {
  return {
    id: 'evt_1',
    action,
    at: '2026-03-01T09:30:00.000Z',
    actorId: mia.id,
    targetId: jin.id,
    ipAddress: '192.0.2.1',
    userAgent: null,
    actor: mia,
    target: { __typename: 'User', ...jin },
    before: values(before),
    after: values(after),
    ...rest,
  };
}

const nobody = { actor: null, actorId: null };
const itself = { actor: null, actorId: null, ipAddress: null };
const own = { actor: jin, actorId: jin.id };
const role = { target: { __typename: 'Role', roleName: 'Assistant' } as const, targetId: 'role_1' };
const goneRole = { target: null, targetId: 'role_1' };
const organization = { target: { __typename: 'Organization' } as const, targetId: 'org_1' };

const told: Record<AuditAction, [AuditEvent, string][]> = {
  USER_INVITED: [
    [event('USER_INVITED', { after: { email: jin.email, role: 'Viewer' } }), 'Mia Ruiz invited Jin Moreno as Viewer'],
  ],
  INVITATION_RENEWED: [
    [event('INVITATION_RENEWED'), 'Mia Ruiz sent Jin Moreno a fresh invitation'],
    [event('INVITATION_RENEWED', itself), 'The service sent Jin Moreno a fresh invitation'],
  ],
  INVITATION_ACCEPTED: [[event('INVITATION_ACCEPTED', own), 'Jin Moreno completed the set-up']],
  USER_UPDATED: [
    [
      event('USER_UPDATED', {
        before: { role: 'User Manager', roleId: 'role_1' },
        after: { role: 'Viewer', roleId: 'role_2' },
      }),
      'Mia Ruiz gave Jin Moreno the role Viewer',
    ],
    [
      event('USER_UPDATED', { before: { title: '' }, after: { title: 'Head of Support' } }),
      'Mia Ruiz changed the title of Jin Moreno',
    ],
    [
      event('USER_UPDATED', {
        before: { username: 'jin', title: '', role: 'A', roleId: 'role_1' },
        after: { username: 'jm', title: 'Head', role: 'B', roleId: 'role_2' },
      }),
      'Mia Ruiz changed the username, the title, and the role of Jin Moreno',
    ],
  ],
  PROFILE_UPDATED: [
    [event('PROFILE_UPDATED', { ...own, before: { name: '' }, after: { name: 'Jin' } }), 'Jin Moreno changed their own name'],
  ],
  USER_DELETED: [[event('USER_DELETED'), 'Mia Ruiz deleted Jin Moreno']],
  USER_REACTIVATED: [
    [event('USER_REACTIVATED', { after: { status: 'ACTIVE' } }), 'Mia Ruiz reactivated Jin Moreno'],
    [event('USER_REACTIVATED', { after: { status: 'PENDING' } }), 'Mia Ruiz reactivated Jin Moreno with a fresh invitation'],
  ],
  PASSWORD_RESET_REQUESTED: [
    [event('PASSWORD_RESET_REQUESTED'), 'Mia Ruiz sent Jin Moreno a link to set a new password'],
    [event('PASSWORD_RESET_REQUESTED', nobody), 'Somebody not signed in asked for a link to set a new password for Jin Moreno'],
  ],
  PASSWORD_RESET_COMPLETED: [[event('PASSWORD_RESET_COMPLETED', nobody), 'Jin Moreno set a new password with a link']],
  PASSWORD_RESET_CANCELLED: [[event('PASSWORD_RESET_CANCELLED'), 'Mia Ruiz cancelled the password reset of Jin Moreno']],
  PASSWORD_CHANGED: [[event('PASSWORD_CHANGED', own), 'Jin Moreno changed their own password']],
  TWO_FACTOR_SETUP_STARTED: [
    [event('TWO_FACTOR_SETUP_STARTED', own), 'Jin Moreno began to set up two-factor authentication'],
  ],
  TWO_FACTOR_ENABLED: [[event('TWO_FACTOR_ENABLED', own), 'Jin Moreno enabled two-factor authentication']],
  TWO_FACTOR_REMOVED: [[event('TWO_FACTOR_REMOVED', own), 'Jin Moreno removed their own two-factor authentication']],
  TWO_FACTOR_DISABLED: [[event('TWO_FACTOR_DISABLED'), 'Mia Ruiz disabled two-factor authentication of Jin Moreno']],
  RECOVERY_CODE_USED: [[event('RECOVERY_CODE_USED', own), 'Jin Moreno proved who they are with a recovery code']],
  SIGNED_IN: [
    [event('SIGNED_IN', { ...own, after: { method: 'password' } }), 'Jin Moreno signed in with the password'],
    [
      event('SIGNED_IN', { ...own, after: { method: 'recovery code' } }),
      'Jin Moreno signed in with the password and a recovery code',
    ],
    [
      event('SIGNED_IN', { ...own, after: { method: 'authenticator app' } }),
      'Jin Moreno signed in with the password and a code of the authenticator app',
    ],
  ],
  SIGNED_OUT: [[event('SIGNED_OUT', own), 'Jin Moreno signed out']],
  SESSION_REVOKED: [
    [event('SESSION_REVOKED', { after: { session: 's' } }), 'Mia Ruiz ended a session of Jin Moreno'],
    [event('SESSION_REVOKED', own), 'Jin Moreno ended one of their own sessions'],
  ],
  SESSIONS_REVOKED: [
    [event('SESSIONS_REVOKED', { after: { sessions: '1' } }), 'Mia Ruiz signed Jin Moreno out everywhere: 1 session ended'],
    [event('SESSIONS_REVOKED', { ...own, after: { sessions: '3' } }), 'Jin Moreno signed out everywhere else: 3 sessions ended'],
  ],
  ROLE_CREATED: [[event('ROLE_CREATED', { ...role, after: { name: 'Helper' } }), 'Mia Ruiz added the role Helper']],
  ROLE_UPDATED: [
    [
      event('ROLE_UPDATED', { ...role, before: { name: 'Helper' }, after: { name: 'Assistant' } }),
      'Mia Ruiz renamed the role Helper to Assistant',
    ],
    [
      event('ROLE_UPDATED', { ...role, before: { permissions: '' }, after: { permissions: 'VIEW_USERS' } }),
      'Mia Ruiz changed the permissions of the role Assistant',
    ],
  ],
  ROLE_DELETED: [
    [event('ROLE_DELETED', { ...goneRole, before: { name: 'Helper' } }), 'Mia Ruiz deleted the role Helper'],
    [
      event('ROLE_DELETED', { ...goneRole, before: { name: 'Helper' }, after: { replacement: 'Viewer' } }),
      'Mia Ruiz deleted the role Helper; whoever had it got the role Viewer',
    ],
  ],
  ORGANIZATION_UPDATED: [
    [
      event('ORGANIZATION_UPDATED', { ...organization, before: { seatLimit: '5' }, after: { seatLimit: '9' } }),
      'Mia Ruiz changed the seat limit of the organization',
    ],
  ],
  ORGANIZATION_CREATED: [
    [event('ORGANIZATION_CREATED', itself), 'The organization was made, with Jin Moreno as its first administrator'],
  ],
};

describe('a sentence', () => {
  for (const [happened, text] of Object.values(told).flat()) {
    test(text, () => expect(sentenceText(happened)).toBe(text));
  }

  test('is there for everything that can happen', () => {
    const schema = buildSchema(readFileSync(new URL('../../../schema.graphqls', import.meta.url), 'utf8'));
    const actions = (schema.getType('AuditAction') as GraphQLEnumType).getValues().map(({ name }) => name);
    expect([...allKinds].sort()).toEqual(actions.sort());
    expect(Object.keys(told).sort()).toEqual(actions);
    expect(new Set(allKinds.map((kind) => kinds[kind].name)).size).toBe(actions.length);
  });

  test('links who did it, and whom it was done to', () => {
    expect(sentence(event('USER_DELETED'))).toEqual([
      { name: 'Mia Ruiz', to: '/users/user_1' },
      ' deleted ',
      { name: 'Jin Moreno', to: '/users/user_2' },
    ]);
  });

  test('calls people without a name by their address', () => {
    expect(sentenceText(event('USER_DELETED', { actor: { ...mia, name: null } }))).toBe('mia@acme.example deleted Jin Moreno');
  });

  test('names nobody to those who may not see people', () => {
    const unseen = { actor: undefined, target: undefined };
    expect(sentenceText(event('USER_DELETED', unseen))).toBe('Person user_1 deleted person user_2');
    expect(sentence(event('ROLE_CREATED', { ...unseen, targetId: 'role_1', after: { name: 'Helper' } }))).toContainEqual({
      name: 'Helper',
    });
  });
});

describe('what was changed', () => {
  test('is told with what it was, in words', () => {
    const happened = event('ROLE_UPDATED', {
      ...role,
      before: { permissions: 'VIEW_USERS', description: '' },
      after: { permissions: 'VIEW_USERS CSM_SEAT', description: 'Helps' },
    });
    expect(changesOf(happened)).toEqual([
      { field: 'description', label: 'Description', before: '', after: 'Helps' },
      { field: 'permissions', label: 'May', before: 'See people', after: 'See people, CSM seat' },
    ]);
  });

  test.each([
    ['status', 'ACTIVE', 'Active'],
    ['twoFactor', '', 'off'],
    ['twoFactor', 'on', 'on'],
    ['requireTwoFactor', '', 'off'],
    ['invitationLifetimeSeconds', '', 'as the installation has set'],
    ['invitationLifetimeSeconds', '129600', '1 day 12 hours'],
    ['permissions', 'FLY VIEW_USERS', 'FLY, See people'],
    ['title', '', ''],
    ['somethingNew', 'x', 'x'],
  ])('%s %j is %j', (field, value, text) => {
    expect(changesOf(event('USER_UPDATED', { after: { [field]: value } }))[0]?.after).toBe(text);
  });

  test('tells what is gone from what became empty', () => {
    const gone = event('ROLE_DELETED', { before: { name: 'Helper' }, after: { replacement: 'Viewer' } });
    expect(changesOf(gone)).toEqual([{ field: 'name', label: 'Name', before: 'Helper', after: undefined }]);
    const emptied = event('USER_UPDATED', { before: { title: 'Head' }, after: { title: '' } });
    expect(changesOf(emptied)).toEqual([{ field: 'title', label: 'Title', before: 'Head', after: '' }]);
  });

  test('leaves out what the sentence says, and what is for programs', () => {
    const happened = event('USER_UPDATED', { before: { roleId: 'a' }, after: { roleId: 'b', method: 'c', sessions: '1' } });
    expect(changesOf(happened)).toEqual([]);
  });
});
