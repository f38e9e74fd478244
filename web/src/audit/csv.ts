import { changesOf, sentenceText, actor, target, type AuditEvent, kinds, type Part } from './sentences';

/** A cell that a spreadsheet takes for what it is: a text, never a formula. */
export function cell(value: string): string {
  const harmless = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}

/** Rows as RFC 4180 has them; the mark at the beginning tells spreadsheets that it is UTF-8. */
export function csv(rows: string[][]): string {
  return `\uFEFF${rows.map((row) => `${row.map(cell).join(',')}\r\n`).join('')}`;
}

const header = ['Time', 'Kind', 'What', 'Changes', 'By', 'By id', 'To', 'To id', 'IP address', 'User agent'];

/** The audit log as a table. */
export function auditRows(events: AuditEvent[]): string[][] {
  return [
    header,
    ...events.map((event) => [
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
    ]),
  ];
}

function nameOf(part: Part): string {
  return typeof part === 'string' ? part : part.name;
}

function isAboutPerson(event: AuditEvent): boolean {
  return event.targetId.startsWith('user_');
}
