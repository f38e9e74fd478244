import type { AuditAction, AuditLineFragment, AuditPeopleFragment, Permission, UserStatus } from '../api/operations';
import { durationText } from '../shared/duration';
import { permissions } from '../shared/permissions';

/** An event, with the people in it for those who may see them. */
export type AuditEvent = AuditLineFragment & Partial<AuditPeopleFragment>;

/** A piece of a sentence: words, or the name of something, with where it is found. */
export type Part = string | { name: string; to?: string };

interface Kind {
  group: 'People' | 'Passwords and two-factor' | 'Sessions' | 'Roles and organization';
  /** What it is called in a list of kinds. */
  name: string;
  tell: (event: AuditEvent) => Part[];
}

/** What can happen, and how it is told. One that is missing here does not compile. */
export const kinds: Record<AuditAction, Kind> = {
  USER_INVITED: {
    group: 'People',
    name: 'Invited',
    tell: (event) => [actor(event), ' invited ', target(event), ' as ', role(event, 'role')],
  },
  INVITATION_RENEWED: {
    group: 'People',
    name: 'Invitation sent again',
    tell: (event) => [actor(event), ' sent ', target(event), ' a fresh invitation'],
  },
  INVITATION_ACCEPTED: {
    group: 'People',
    name: 'Set-up completed',
    tell: (event) => [target(event), ' completed the set-up'],
  },
  USER_UPDATED: {
    group: 'People',
    name: 'Changed by an administrator',
    tell: (event) => {
      const fields = changedFields(event);
      return fields.length === 1 && fields[0] === 'role'
        ? [actor(event), ' gave ', target(event), ' the role ', role(event, 'role')]
        : [actor(event), ` changed ${enumerated(fields)} of `, target(event)];
    },
  },
  PROFILE_UPDATED: {
    group: 'People',
    name: 'Own profile changed',
    tell: (event) => [target(event), ` changed ${enumerated(changedFields(event), 'their own')}`],
  },
  USER_DELETED: {
    group: 'People',
    name: 'Deleted',
    tell: (event) => [actor(event), ' deleted ', target(event)],
  },
  USER_REACTIVATED: {
    group: 'People',
    name: 'Reactivated',
    tell: (event) => [
      actor(event),
      ' reactivated ',
      target(event),
      ...(valueOf(event.after, 'status') === 'PENDING' ? [' with a fresh invitation'] : []),
    ],
  },
  PASSWORD_RESET_REQUESTED: {
    group: 'Passwords and two-factor',
    name: 'Password reset asked for',
    tell: (event) =>
      event.actorId
        ? [actor(event), ' sent ', target(event), ' a link to set a new password']
        : [actor(event), ' asked for a link to set a new password for ', target(event)],
  },
  PASSWORD_RESET_COMPLETED: {
    group: 'Passwords and two-factor',
    name: 'Password reset completed',
    tell: (event) => [target(event), ' set a new password with a link'],
  },
  PASSWORD_RESET_CANCELLED: {
    group: 'Passwords and two-factor',
    name: 'Password reset cancelled',
    tell: (event) => [actor(event), ' cancelled the password reset of ', target(event)],
  },
  PASSWORD_CHANGED: {
    group: 'Passwords and two-factor',
    name: 'Password changed',
    tell: (event) => [target(event), ' changed their own password'],
  },
  TWO_FACTOR_SETUP_STARTED: {
    group: 'Passwords and two-factor',
    name: 'Two-factor set-up begun',
    tell: (event) => [target(event), ' began to set up two-factor authentication'],
  },
  TWO_FACTOR_ENABLED: {
    group: 'Passwords and two-factor',
    name: 'Two-factor enabled',
    tell: (event) => [target(event), ' enabled two-factor authentication'],
  },
  TWO_FACTOR_REMOVED: {
    group: 'Passwords and two-factor',
    name: 'Two-factor removed',
    tell: (event) => [target(event), ' removed their own two-factor authentication'],
  },
  TWO_FACTOR_DISABLED: {
    group: 'Passwords and two-factor',
    name: 'Two-factor disabled by an administrator',
    tell: (event) => [actor(event), ' disabled two-factor authentication of ', target(event)],
  },
  RECOVERY_CODE_USED: {
    group: 'Passwords and two-factor',
    name: 'Recovery code used',
    tell: (event) => [target(event), ' proved who they are with a recovery code'],
  },
  SIGNED_IN: {
    group: 'Sessions',
    name: 'Signed in',
    tell: (event) => [target(event), ` signed in with ${method(valueOf(event.after, 'method'))}`],
  },
  SIGNED_OUT: {
    group: 'Sessions',
    name: 'Signed out',
    tell: (event) => [target(event), ' signed out'],
  },
  SESSION_REVOKED: {
    group: 'Sessions',
    name: 'Session ended',
    tell: (event) =>
      isOwn(event)
        ? [target(event), ' ended one of their own sessions']
        : [actor(event), ' ended a session of ', target(event)],
  },
  SESSIONS_REVOKED: {
    group: 'Sessions',
    name: 'Signed out everywhere',
    tell: (event) =>
      isOwn(event)
        ? [target(event), ` signed out everywhere else${ended(event)}`]
        : [actor(event), ' signed ', target(event), ` out everywhere${ended(event)}`],
  },
  ROLE_CREATED: {
    group: 'Roles and organization',
    name: 'Role added',
    tell: (event) => [actor(event), ' added the role ', role(event, 'name')],
  },
  ROLE_UPDATED: {
    group: 'Roles and organization',
    name: 'Role changed',
    tell: (event) => {
      const fields = changedFields(event);
      return fields.length === 1 && fields[0] === 'name'
        ? [actor(event), ' renamed the role ', { name: valueOf(event.before, 'name') }, ' to ', role(event, 'name')]
        : [actor(event), ` changed ${enumerated(fields)} of the role `, role(event, 'name')];
    },
  },
  ROLE_DELETED: {
    group: 'Roles and organization',
    name: 'Role deleted',
    tell: (event) => {
      const replacement = valueOf(event.after, 'replacement');
      const deleted = [actor(event), ' deleted the role ', role(event, 'name')];
      return replacement ? [...deleted, '; whoever had it got the role ', { name: replacement }] : deleted;
    },
  },
  ORGANIZATION_UPDATED: {
    group: 'Roles and organization',
    name: 'Organization changed',
    tell: (event) => [
      actor(event),
      ` changed ${enumerated(changedFields(event))} of the `,
      { name: 'organization', to: '/organization' },
    ],
  },
  ORGANIZATION_CREATED: {
    group: 'Roles and organization',
    name: 'Organization made',
    tell: (event) => ['The organization was made, with ', target(event), ' as its first administrator'],
  },
};

export const allKinds = Object.keys(kinds) as AuditAction[];

/** What has happened, as a sentence whose names can be links. */
export function sentence(event: AuditEvent): Part[] {
  return kinds[event.action].tell(event);
}

/** The sentence as text alone. */
export function sentenceText(event: AuditEvent): string {
  return sentence(event)
    .map((part) => (typeof part === 'string' ? part : part.name))
    .join('');
}

/** A field that was changed, in words; empty when it had no value. */
export interface Change {
  field: string;
  label: string;
  before: string;
  /** Undefined when all of it is gone. */
  after: string | undefined;
}

/** What was changed, with what it was and what it became. */
export function changesOf(event: AuditEvent): Change[] {
  const shown = Object.keys(fields);
  const names = [...event.before, ...event.after].map(({ field }) => field);
  return [...new Set(names)]
    .filter((field) => !told.has(field))
    .sort((a, b) => shown.indexOf(a) - shown.indexOf(b))
    .map((field) => ({
      field,
      label: labelOf(field),
      before: words(field, event.before) ?? '',
      after: words(field, event.after),
    }));
}

/** Who did it, as a name. */
export function actor(event: AuditEvent): Part {
  if (event.actor) return person(event.actor);
  if (event.actorId) return { name: `Person ${event.actorId}` };
  return event.ipAddress === null ? 'The service' : 'Somebody not signed in';
}

/** Whom or what it was done to, as a name. */
export function target(event: AuditEvent): Part {
  if (event.target?.__typename === 'User') return person(event.target);
  const email = valueOf(event.after, 'email') || valueOf(event.before, 'email');
  return { name: email || `person ${event.targetId}` };
}

function person({ id, name, email }: { id: string; name: string | null; email: string }): Part {
  return { name: name ?? email, to: `/users/${id}` };
}

/** A role by the name it had then, which stands in a field. */
function role(event: AuditEvent, field: 'name' | 'role'): Part {
  const then = valueOf(event.after, field) || valueOf(event.before, field);
  if (field === 'role') return { name: then };
  return event.target?.__typename === 'Role'
    ? { name: then || event.target.roleName, to: '/roles' }
    : { name: then || event.targetId };
}

function isOwn(event: AuditEvent): boolean {
  return event.actorId === event.targetId;
}

function ended(event: AuditEvent): string {
  const count = Number(valueOf(event.after, 'sessions'));
  return count > 0 ? `: ${count} ${count === 1 ? 'session' : 'sessions'} ended` : '';
}

function method(value: string): string {
  switch (value) {
    case 'authenticator app':
      return 'the password and a code of the authenticator app';
    case 'recovery code':
      return 'the password and a recovery code';
    default:
      return 'the password';
  }
}

type Values = AuditLineFragment['before'];

function valueOf(values: Values, field: string): string {
  return values.find((value) => value.field === field)?.value ?? '';
}

const statuses: Record<UserStatus, string> = { ACTIVE: 'Active', PENDING: 'Pending', INACTIVE: 'Inactive' };

interface Field {
  label: string;
  /** What it is called within a sentence. */
  noun: string;
  words?: (value: string) => string;
}

// In the order in which they are told.
const fields: Record<string, Field> = {
  organization: { label: 'Organization', noun: 'organization' },
  slug: { label: 'Short name', noun: 'short name' },
  name: { label: 'Name', noun: 'name' },
  description: { label: 'Description', noun: 'description' },
  email: { label: 'E-mail', noun: 'e-mail' },
  username: { label: 'Username', noun: 'username' },
  title: { label: 'Title', noun: 'title' },
  role: { label: 'Role', noun: 'role' },
  status: { label: 'Status', noun: 'status', words: (value) => statuses[value as UserStatus] ?? value },
  twoFactor: { label: 'Two-factor', noun: 'two-factor authentication', words: (value) => value || 'off' },
  permissions: {
    label: 'May',
    noun: 'permissions',
    words: (value) =>
      value
        .split(' ')
        .filter(Boolean)
        .map((permission) => permissions[permission as Permission]?.name ?? permission)
        .join(', '),
  },
  seatLimit: { label: 'Seat limit', noun: 'seat limit', words: (value) => Number(value).toLocaleString() },
  invitationLifetimeSeconds: {
    label: 'Invitation lifetime',
    noun: 'invitation lifetime',
    words: (value) => (value ? durationText(Number(value)) : 'as the installation has set'),
  },
  requireTwoFactor: { label: 'Two-factor required', noun: 'requirement of two-factor', words: (value) => value || 'off' },
};

// These stand in the sentence, or are for programs.
const told = new Set(['roleId', 'method', 'session', 'sessions', 'replacement']);

function labelOf(field: string): string {
  return fields[field]?.label ?? field;
}

/** A value in words; undefined when it is not among them. */
function words(field: string, values: Values): string | undefined {
  const found = values.find((value) => value.field === field);
  if (!found) return undefined;
  return (fields[field]?.words ?? String)(found.value);
}

function changedFields(event: AuditEvent): string[] {
  return changesOf(event).map(({ field }) => field);
}

/** "the name", "the name and the title"; nothing in particular is "something". */
function enumerated(names: string[], article = 'the'): string {
  if (names.length === 0) return 'something';
  const nouns = names.map((field) => `${article} ${fields[field]?.noun ?? field}`);
  return new Intl.ListFormat('en').format(nouns);
}
