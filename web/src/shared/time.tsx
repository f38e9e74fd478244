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

// Making a format takes longer than writing a hundred times with it.
const formats = new Map<string, Intl.DateTimeFormat | Intl.RelativeTimeFormat>();

function once<Format extends Intl.DateTimeFormat | Intl.RelativeTimeFormat>(key: string, make: () => Format): Format {
  const format = (formats.get(key) as Format | undefined) ?? make();
  formats.set(key, format);
  return format;
}

/** The distance from now in the words of a language: "3 days ago", "in 2 hours". */
export function relativeTime(at: Date, now: Date, language?: string): string {
  const format = once(`relative ${language}`, () => new Intl.RelativeTimeFormat(language, { numeric: 'auto' }));
  const seconds = Math.round((at.getTime() - now.getTime()) / 1000);
  const [unit, size] = units.find(([, size]) => Math.abs(seconds) >= size) ?? ['second', second];
  // Less than a minute is now: a clock of another machine is not that exact.
  if (unit === 'second') return format.format(0, 'second');
  return format.format(Math.round(seconds / size), unit);
}

/** The instant in the zone and the language of whoever looks. */
export function exactTime(at: Date, language?: string, timeZone?: string): string {
  const style = { dateStyle: 'full', timeStyle: 'medium', timeZone } as const;
  return once(`exact ${language} ${timeZone}`, () => new Intl.DateTimeFormat(language, style)).format(at);
}

/** A day and a time of day, short enough for a list. */
export function shortTime(at: Date, language?: string, timeZone?: string): string {
  const style = { dateStyle: 'medium', timeStyle: 'short', timeZone } as const;
  return once(`short ${language} ${timeZone}`, () => new Intl.DateTimeFormat(language, style)).format(at);
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
