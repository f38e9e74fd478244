import type { InviteOutcome } from '../api/operations';

export interface Verdict {
  input: string;
  email: string | null;
  outcome: InviteOutcome;
  message: string;
}

type Tone = 'good' | 'warn' | 'bad';

/** How an outcome reads on a chip, and whether the address stays in the box to be mended. */
export const outcomes: Record<InviteOutcome, { tone: Tone; verdict: string; mend: boolean }> = {
  INVITED: { tone: 'good', verdict: 'new', mend: false },
  RENEWED: { tone: 'good', verdict: 'gets a fresh link', mend: false },
  ALREADY_ACTIVE: { tone: 'warn', verdict: 'already here', mend: false },
  INACTIVE: { tone: 'warn', verdict: 'was deleted', mend: false },
  DUPLICATE: { tone: 'warn', verdict: 'twice in the list', mend: false },
  INVALID_ADDRESS: { tone: 'bad', verdict: 'not an address', mend: true },
  NO_SEAT_AVAILABLE: { tone: 'bad', verdict: 'no seat left', mend: true },
  TAKEN: { tone: 'bad', verdict: 'taken', mend: true },
  ROLE_ESCALATION: { tone: 'bad', verdict: 'not yours to invite', mend: true },
};

function isGood({ outcome }: Verdict): boolean {
  return outcomes[outcome].tone === 'good';
}

/** How many get a mail. */
export function mailCount(verdicts: Verdict[]): number {
  return verdicts.filter(isGood).length;
}

/** Why some get no mail: each reason once, with those whom it concerns. */
export function troubles(verdicts: Verdict[]): { outcome: InviteOutcome; message: string; addresses: string[] }[] {
  const reasons = new Map<string, ReturnType<typeof troubles>[number]>();
  for (const { outcome, message, email, input } of verdicts.filter((verdict) => !isGood(verdict))) {
    const reason = reasons.get(message) ?? { outcome, message, addresses: [] };
    reason.addresses.push(email ?? input);
    reasons.set(message, reason);
  }
  return [...reasons.values()];
}

/** What stays in the box after sending: what can be mended, one on a line. */
export function leftToMend(verdicts: Verdict[]): string {
  return verdicts
    .filter(({ outcome }) => outcomes[outcome].mend)
    .map(({ input }) => input)
    .join('\n');
}

/** The box without one of its addresses. */
export function without(verdicts: Verdict[], index: number): string {
  return verdicts
    .filter((_, i) => i !== index)
    .map(({ input }) => input)
    .join('\n');
}

/** What sending would do, in a sentence. */
export function forecast(verdicts: Verdict[], seats: { needed: number; available: number }): string {
  const mails = mailCount(verdicts);
  const of = verdicts.length === mails ? '' : ` of ${verdicts.length}`;
  const first = mails === 1 ? `1${of} gets a mail.` : `${mails}${of} get a mail.`;
  if (seats.needed === 0) return first;
  return `${first} ${seats.needed} of ${seats.available} free CSM ${seats.available === 1 ? 'seat' : 'seats'} will be taken.`;
}
