import { describe, expect, test } from 'vitest';
import type { InviteOutcome } from '../api/operations';
import { forecast, leftToMend, mailCount, outcomes, troubles, type Verdict, without } from './invitations';

const verdict = (outcome: InviteOutcome, input: string): Verdict => ({ input, email: null, outcome, message: outcome });
const list = [
  verdict('INVITED', 'Ann Lee <ann@example.com>'),
  verdict('INVALID_ADDRESS', 'bob@example..com'),
  verdict('RENEWED', 'cy@example.com'),
  verdict('ALREADY_ACTIVE', 'di@example.com'),
  verdict('DUPLICATE', 'CY@example.com'),
  verdict('NO_SEAT_AVAILABLE', 'ed@example.com'),
];

describe('verdicts', () => {
  test('tell who gets a mail, and who does not', () => {
    expect(mailCount(list)).toBe(2);
    expect(troubles(list).map(({ outcome }) => outcome)).toEqual([
      'INVALID_ADDRESS',
      'ALREADY_ACTIVE',
      'DUPLICATE',
      'NO_SEAT_AVAILABLE',
    ]);
  });

  test('tell a reason once, however many it concerns', () => {
    const many = Array.from({ length: 100 }, (_, i) => verdict('NO_SEAT_AVAILABLE', `n${i}@example.com`));
    const [reason, ...others] = troubles(many);
    expect(reason?.addresses).toHaveLength(100);
    expect(others).toEqual([]);
  });

  test('leave in the box what can be mended, as it was typed', () => {
    expect(leftToMend(list)).toBe('bob@example..com\ned@example.com');
    expect(leftToMend(list.slice(0, 1))).toBe('');
  });

  test('can be taken off one by one', () => {
    expect(without(list.slice(0, 3), 1)).toBe('Ann Lee <ann@example.com>\ncy@example.com');
  });

  test.each(Object.entries(outcomes))('%s says in words what its colour says', (_, { verdict }) => {
    expect(verdict).toMatch(/^[a-z]/);
  });
});

describe('the forecast', () => {
  test.each([
    [list, 0, 3, '2 of 6 get a mail.'],
    [list.slice(0, 1), 0, 3, '1 gets a mail.'],
    [list.slice(0, 2), 1, 1, '1 of 2 gets a mail. 1 of 1 free CSM seat will be taken.'],
    [list.slice(0, 1), 1, 3, '1 gets a mail. 1 of 3 free CSM seats will be taken.'],
  ])('is a sentence %#', (verdicts, needed, available, text) => {
    expect(forecast(verdicts, { needed, available })).toBe(text);
  });
});
