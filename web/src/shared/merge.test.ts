import { describe, expect, test } from 'vitest';
import { changed, merge } from './merge';

const base = { name: 'Jin', title: '', seats: 5 };

describe('two changes of the same thing', () => {
  test('of different fields are both kept', () => {
    expect(merge(base, { ...base, name: 'Jin M.' }, { ...base, title: 'Head' })).toEqual({
      values: { name: 'Jin M.', title: 'Head', seats: 5 },
      taken: ['title'],
      clashes: [],
    });
  });

  test('of one field to different values leave one’s own, and ask', () => {
    expect(merge(base, { ...base, seats: 6 }, { ...base, seats: 7 })).toEqual({
      values: { ...base, seats: 6 },
      taken: [],
      clashes: ['seats'],
    });
  });

  test('to the same value are one', () => {
    const both = { ...base, seats: 6 };
    expect(merge(base, both, both)).toEqual({ values: both, taken: [], clashes: [] });
  });
});

test('only what differs is changed', () => {
  expect(changed(base, { ...base, title: 'Head' })).toEqual(['title']);
  expect(changed(base, { ...base })).toEqual([]);
});
