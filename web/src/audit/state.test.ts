import { describe, expect, test } from 'vitest';
import { changeState, isDay, isFiltered, readState, toFilter, toVariables, writeState } from './state';

const read = (query: string) => readState(new URLSearchParams(query));

describe('the address of the audit log', () => {
  test.each(['', 'user=user_1', 'kind=SIGNED_IN&kind=USER_DELETED', 'since=2026-03-01&until=2026-03-31', 'user=user_1&after=abc'])(
    'is written as it was read: %j',
    (query) => expect(writeState(read(query)).toString()).toBe(query),
  );

  test('what makes no sense is left out', () => {
    expect(writeState(read('kind=FLOWN&kind=toString&since=yesterday&until=2026-02-30&user=')).toString()).toBe('');
  });

  test('another filter begins at the newest', () => {
    expect(changeState(read('after=abc&user=user_1'), { kinds: ['SIGNED_IN'] })).toMatchObject({
      after: undefined,
      user: 'user_1',
    });
  });
});

test.each([
  ['2026-02-28', true],
  ['2024-02-29', true],
  ['2026-02-29', false],
  ['0026-02-28', false],
  ['2026-2-8', false],
  ['2026-13-01', false],
])('%s is a day: %s', (text, is) => expect(isDay(text)).toBe(is));

describe('the question', () => {
  test('a day begins and ends where the viewer is', () => {
    const { since, until } = toFilter(read('since=2026-03-01&until=2026-03-01'));
    expect(since).toBe(new Date(2026, 2, 1).toISOString());
    expect(until).toBe(new Date(2026, 2, 2).toISOString());
  });

  test('nothing is asked of what is not filtered', () => {
    expect(toFilter(read(''))).toEqual({ userId: null, actions: null, since: null, until: null });
    expect(isFiltered(read('after=abc'))).toBe(false);
    expect(isFiltered(read('since=2026-03-01'))).toBe(true);
  });

  test('people are asked for only by those who may see them', () => {
    expect(toVariables(read('user=user_1'), true)).toMatchObject({ people: true, named: true, person: 'user_1' });
    expect(toVariables(read('user=user_1'), false)).toMatchObject({ people: false, named: false, userId: 'user_1' });
  });
});
