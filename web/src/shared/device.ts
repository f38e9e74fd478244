// As user agents name them. The order matters: most browsers also claim to be
// the ones further down.
const programs: [string, string][] = [
  ['Edg/', 'Edge'],
  ['EdgA/', 'Edge'],
  ['EdgiOS/', 'Edge'],
  ['OPR/', 'Opera'],
  ['SamsungBrowser/', 'Samsung Internet'],
  ['Firefox/', 'Firefox'],
  ['FxiOS/', 'Firefox'],
  ['CriOS/', 'Chrome'],
  ['Chrome/', 'Chrome'],
  ['Safari/', 'Safari'],
];
const systems: [string, string][] = [
  ['iPhone', 'an iPhone'],
  ['iPad', 'an iPad'],
  ['Android', 'Android'],
  ['Windows', 'Windows'],
  ['Macintosh', 'a Mac'],
  ['CrOS', 'ChromeOS'],
  ['Linux', 'Linux'],
];

/** What a user agent claims to be, in words: "Firefox on Windows". What is no browser is quoted. */
export function deviceText(userAgent: string): string {
  const first = (known: [string, string][]) => known.find(([mark]) => userAgent.includes(mark))?.[1];
  const program = first(programs);
  const system = first(systems);
  return program && system ? `${program} on ${system}` : userAgent;
}
