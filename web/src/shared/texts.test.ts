import { expect, test } from 'vitest';
import { deviceText } from './device';
import { durationText } from './duration';

test.each([
  [604_800, '7 days'],
  [129_600, '1 day 12 hours'],
  [86_400, '24 hours'],
  [3600, '1 hour'],
  [5400, '1 hour 30 minutes'],
  [61, '1 minute 1 second'],
  [0, '0 seconds'],
])('%d seconds are %s', (seconds, text) => expect(durationText(seconds)).toBe(text));

test.each([
  ['Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', 'Firefox on Linux'],
  [
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0',
    'Edge on Windows',
  ],
  [
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1',
    'Safari on an iPhone',
  ],
  ['curl/8.14.1', 'curl/8.14.1'],
])('%s is %s', (userAgent, text) => expect(deviceText(userAgent)).toBe(text));
