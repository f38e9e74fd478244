import { createStore, useStore } from './store';

const second = 1;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

// The largest unit that a distance reaches is the one it is told in.
const units: [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 365 * day],
  ['month', 30 * day],
  ['week', 7 * day],
  ['day', day],
  ['hour', hour],
  ['minute', minute],
];

/** The distance from now in the words of a language: "3 days ago", "in 2 hours". */
export function relativeTime(at: Date, now: Date, language?: string): string {
  const format = new Intl.RelativeTimeFormat(language, { numeric: 'auto' });
  const seconds = Math.round((at.getTime() - now.getTime()) / 1000);
  const [unit, size] = units.find(([, size]) => Math.abs(seconds) >= size) ?? ['second', second];
  // Less than a minute is now: a clock of another machine is not that exact.
  if (unit === 'second') return format.format(0, 'second');
  return format.format(Math.round(seconds / size), unit);
}

/** The instant in the zone and the language of whoever looks. */
export function exactTime(at: Date, language?: string, timeZone?: string): string {
  return new Intl.DateTimeFormat(language, {
    dateStyle: 'full',
    timeStyle: 'medium',
    timeZone,
  }).format(at);
}

/** A day and a time of day, short enough for a list. */
export function shortTime(at: Date, language?: string, timeZone?: string): string {
  return new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short', timeZone }).format(at);
}

const now = createStore(new Date());
setInterval(() => now.set(new Date()), 30_000);

/** How long ago, or how soon; the exact time stands behind it. */
export function RelativeTime({ at }: { at: string }) {
  const current = useStore(now);
  const date = new Date(at);
  return (
    <time dateTime={at} title={exactTime(date)} lang={navigator.language}>
      {relativeTime(date, current)}
    </time>
  );
}

export function ExactTime({ at }: { at: string }) {
  const date = new Date(at);
  return (
    <time dateTime={at} title={exactTime(date)} lang={navigator.language}>
      {shortTime(date)}
    </time>
  );
}
