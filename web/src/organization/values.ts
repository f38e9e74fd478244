import type { OrganizationSettingsFragment, UpdateOrganizationInput } from '../api/operations';
import { durationText } from '../shared/duration';

/** What is edited of the organization. */
export interface Values {
  name: string;
  /** A text while it is being typed. */
  seatLimit: number | string;
  /** In seconds; null: what the installation has set. */
  lifetime: number | null;
  requireTwoFactor: boolean;
}

export const labels: Record<keyof Values, string> = {
  name: 'Name',
  seatLimit: 'CSM seats',
  lifetime: 'Links of invitations work for',
  requireTwoFactor: 'Require two-factor authentication',
};

export function valuesOf(organization: OrganizationSettingsFragment): Values {
  return {
    name: organization.name,
    seatLimit: organization.seats.limit,
    lifetime: organization.ownInvitationLifetimeSeconds,
    requireTwoFactor: organization.requireTwoFactor,
  };
}

/** Only what was changed. */
export function changeInput(changed: (keyof Values)[], values: Values): UpdateOrganizationInput {
  return {
    ...(changed.includes('name') && { name: values.name }),
    ...(changed.includes('seatLimit') && { seatLimit: Number(values.seatLimit) }),
    ...(changed.includes('lifetime') && { invitationLifetimeSeconds: values.lifetime }),
    ...(changed.includes('requireTwoFactor') && { requireTwoFactor: values.requireTwoFactor }),
  };
}

/** A value in words; usual is the lifetime that the installation has set, in seconds. */
export function show(field: keyof Values, value: Values[keyof Values], usual: number): string {
  switch (field) {
    case 'lifetime':
      return value === null ? `${durationText(usual)}, as the installation has set` : durationText(Number(value));
    case 'requireTwoFactor':
      return value ? 'on' : 'off';
    default:
      return String(value);
  }
}

export const units = [
  { name: 'days', seconds: 86_400 },
  { name: 'hours', seconds: 3600 },
  { name: 'minutes', seconds: 60 },
] as const;
export type Unit = (typeof units)[number];

/** The largest unit that tells a length of time in whole numbers. */
export function unitOf(seconds: number): Unit {
  return units.find((unit) => seconds % unit.seconds === 0) ?? units[2];
}
