import { describe, expect, test } from 'vitest';
import { changeState, isFiltered, readState, toVariables, writeState } from './state';

const read = (address: string) => readState(new URLSearchParams(address));
const usual = read('');

describe('the address', () => {
  test.each([
    '',
    'tab=pending',
    'tab=inactive&search=ann+lee&role=role_1&role=role_2&seat=yes&2fa=no&sort=-lastLogin&after=abc',
    'sort=-name&before=xyz',
    'tab=pending&sort=name',
  ])('says the same after it was read and written: %s', (address) => {
    expect(writeState(read(address)).toString()).toBe(address);
  });

  test.each([
    'tab=everybody',
    'seat=perhaps',
    '2fa=on',
    'sort=shoesize',
    'sort=toString',
    'sort=-',
    'after=',
    'role=',
  ])('leaves out what makes no sense: %s', (address) => {
    expect(writeState(read(address)).toString()).toBe('');
  });

  test('keeps a search within what the service takes', () => {
    expect(read(`search=${'x'.repeat(500)}`).search).toHaveLength(200);
  });
});

describe('a change', () => {
  test('begins at the first page', () => {
    expect(changeState(read('after=abc&seat=yes'), { search: 'ann' })).toEqual(read('seat=yes&search=ann'));
  });

  test('may be of the page alone', () => {
    expect(changeState(usual, { page: { after: 'abc' } })).toEqual(read('after=abc'));
  });

  test('of the tab keeps the filters and takes the order that is usual there', () => {
    expect(changeState(read('search=ann&sort=-lastLogin'), { tab: 'pending' })).toEqual(read('tab=pending&search=ann'));
  });
});

describe('the question', () => {
  test('is about the tab, in its usual order', () => {
    expect(toVariables(usual)).toMatchObject({
      status: 'ACTIVE',
      search: null,
      roleIds: null,
      csmSeat: null,
      orderBy: { field: 'NAME', direction: 'ASC' },
      first: 50,
      after: null,
    });
    expect(toVariables(read('tab=pending')).orderBy).toEqual({ field: 'CREATED_AT', direction: 'DESC' });
  });

  test('goes backwards from a cursor', () => {
    const asked = toVariables(read('before=xyz'));
    expect(asked).toMatchObject({ last: 50, before: 'xyz' });
    expect(asked.first).toBeUndefined();
  });

  test('tells "no" from "any"', () => {
    expect(toVariables(read('seat=no&2fa=yes'))).toMatchObject({ csmSeat: false, twoFactorEnabled: true });
    expect(isFiltered(read('seat=no'))).toBe(true);
    expect(isFiltered(read('tab=inactive&sort=-name&after=abc'))).toBe(false);
  });
});
