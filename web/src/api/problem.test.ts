import { CombinedError } from 'urql';
import { describe, expect, test } from 'vitest';
import { codeOf, problemOf } from './problem';

const refused = (message: string, extensions: Record<string, unknown>) =>
  new CombinedError({ graphQLErrors: [{ message, extensions }] });

describe('a problem', () => {
  test('is told in the words of the service', () => {
    expect(problemOf(refused('Too many tries. Try again in 4 minutes.', { code: 'RATE_LIMITED', retryAfterSeconds: 240 }))).toEqual({
      code: 'RATE_LIMITED',
      message: 'Too many tries. Try again in 4 minutes.',
      requestId: undefined,
    });
  });

  test('that is a fault has a number for the operator', () => {
    expect(problemOf(refused('Something went wrong.', { code: 'INTERNAL', requestId: 'R-1' })).requestId).toBe('R-1');
  });

  test.each([
    ['no network', new CombinedError({ networkError: new Error('Failed to fetch') })],
    ['an answer of somebody else', new CombinedError({ graphQLErrors: [{ message: '<html>' }] })],
  ])('with %s is one of the way', (_, error) => {
    expect(problemOf(error)).toMatchObject({ code: 'UNREACHABLE' });
  });

  test('has a code only when there is one', () => {
    expect(codeOf(undefined)).toBeUndefined();
    expect(codeOf(refused('Sign in first.', { code: 'UNAUTHENTICATED' }))).toBe('UNAUTHENTICATED');
  });
});
