import { describe, expect, test } from 'vitest';
import { exactTime, relativeTime, shortTime } from './time';

const now = new Date('2026-03-01T12:00:00Z');
const after = (seconds: number) => new Date(now.getTime() + seconds * 1000);
const minute = 60;
const hour = 60 * minute;
const day = 24 * hour;

describe('a relative time', () => {
  test.each([
    [0, 'now'],
    [-59, 'now'],
    [59, 'now'],
    [-minute, '1 minute ago'],
    [-59 * minute, '59 minutes ago'],
    [-hour, '1 hour ago'],
    [-23 * hour, '23 hours ago'],
    [-day, 'yesterday'],
    [-3 * day, '3 days ago'],
    [-7 * day, 'last week'],
    [-30 * day, 'last month'],
    [-365 * day, 'last year'],
    [-800 * day, '2 years ago'],
    [2 * hour, 'in 2 hours'],
    [day - 1, 'in 24 hours'],
    [7 * day - 1, 'in 7 days'],
  ])('of %d seconds is "%s"', (seconds, text) => {
    expect(relativeTime(after(seconds), now, 'en')).toBe(text);
  });

  test('is in the language of whoever looks', () => {
    expect(relativeTime(after(-3 * day), now, 'de')).toBe('vor 3 Tagen');
  });
});

test('the exact time is in the zone of whoever looks', () => {
  expect(exactTime(now, 'en-GB', 'Asia/Tokyo')).toMatch(/Sunday.*1 March 2026.*21:00:00/);
  expect(shortTime(now, 'en-GB', 'America/New_York')).toBe('1 Mar 2026, 07:00');
});
