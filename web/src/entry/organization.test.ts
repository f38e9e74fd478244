import { expect, test } from 'vitest';
import { nextPath } from './organization';

test.each([
  ['/users?tab=pending', '/users?tab=pending'],
  ['/users/user_1', '/users/user_1'],
  ['', '/users'],
  ['//evil.example', '/users'],
  ['/\\evil.example', '/users'],
  ['https://evil.example', '/users'],
  ['javascript:alert(1)', '/users'],
])('after signing in, %j leads to %s', (next, path) => {
  expect(nextPath(new URLSearchParams({ next }))).toBe(path);
});
