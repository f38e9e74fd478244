import { describe, expect, test } from 'vitest';
import type { Permission } from '../api/operations';
import { merge } from '../shared/merge';
import { changeInput, createInput, newRole, undeletable, untouchable, valuesOf } from './values';

const viewer = valuesOf({ name: 'Viewer', description: null, permissions: ['VIEW_USERS'] });

describe('what is sent of a role', () => {
  test('only what was changed, and permissions as a whole', () => {
    expect(changeInput(['name'], { ...viewer, name: 'Reader' })).toEqual({ name: 'Reader' });
    expect(changeInput(['description'], { ...viewer, description: 'x' })).toEqual({ description: 'x' });
    expect(changeInput(['CSM_SEAT'], { ...viewer, CSM_SEAT: true })).toEqual({ permissions: ['VIEW_USERS', 'CSM_SEAT'] });
  });

  test('all of a new one', () => {
    expect(createInput({ ...valuesOf(newRole), name: 'Helper' })).toEqual({
      name: 'Helper',
      description: null,
      permissions: [],
    });
  });

  test('two people who change different permissions do not clash', () => {
    const merged = merge(viewer, { ...viewer, CSM_SEAT: true }, { ...viewer, VIEW_AUDIT_LOG: true });
    expect(merged).toMatchObject({ taken: ['VIEW_AUDIT_LOG'], clashes: [] });
    expect(merged.values).toMatchObject({ CSM_SEAT: true, VIEW_AUDIT_LOG: true });
  });
});

describe('who may touch a role', () => {
  const roles: Permission[] = ['VIEW_USERS', 'MANAGE_ROLES'];
  test.each<[Permission[] | undefined, Permission[], boolean]>([
    [roles, ['VIEW_USERS'], true],
    [roles, ['VIEW_USERS', 'CSM_SEAT'], true],
    [roles, ['MANAGE_USERS'], false],
    [['VIEW_USERS'], ['VIEW_USERS'], false],
    [undefined, [], false],
  ])('%j of %j: %s', (own, permissions, may) => {
    expect(untouchable(own, { permissions }) === undefined).toBe(may);
  });

  test('what was made with the organization stays', () => {
    expect(undeletable(roles, { permissions: [], builtIn: true })).toMatch(/stays/);
    expect(undeletable(roles, { permissions: [], builtIn: false })).toBeUndefined();
  });
});
