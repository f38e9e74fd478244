const units: [string, number][] = [
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
];

/** A length of time in words: "7 days", "1 day 12 hours", and "24 hours" for what does not end at midnight. */
export function durationText(seconds: number): string {
  if (seconds === 86_400) return '24 hours';
  let left = seconds;
  const words: string[] = [];
  for (const [name, size] of units) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count > 0) words.push(`${count} ${name}${count === 1 ? '' : 's'}`);
  }
  return words.join(' ') || '0 seconds';
}
