import { changesOf, sentenceText, actor, target, type AuditEvent, kinds, type Part } from './sentences';

export const auditHeader = ['Time', 'Kind', 'What', 'Changes', 'By', 'By id', 'To', 'To id', 'IP address', 'User agent'];

/** The audit log as a table. */
export function auditRows(events: AuditEvent[]): string[][] {
  return events.map((event) => [
    event.at,
    kinds[event.action].name,
    sentenceText(event),
    changesOf(event)
      .map(({ label, before, after }) => `${label}: ${before || '–'} → ${after || '–'}`)
      .join('\n'),
    nameOf(actor(event)),
    event.actorId ?? '',
    isAboutPerson(event) ? nameOf(target(event)) : '',
    event.targetId,
    event.ipAddress ?? '',
    event.userAgent ?? '',
  ]);
}

function nameOf(part: Part): string {
  return typeof part === 'string' ? part : part.name;
}

function isAboutPerson(event: AuditEvent): boolean {
  return event.targetId.startsWith('user_');
}
