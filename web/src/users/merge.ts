import type { UpdateUserInput, UserRowFragment } from '../api/operations';
import { changed } from '../shared/merge';

/** What is edited of a person. */
export interface Values {
  name: string;
  username: string;
  title: string;
  roleId: string;
}

export function valuesOf(user: Pick<UserRowFragment, 'name' | 'username' | 'title' | 'role'>): Values {
  return { name: user.name ?? '', username: user.username, title: user.title ?? '', roleId: user.role.id };
}

/** Only what differs from what was there: nothing else is sent. */
export function changes(base: Values, mine: Values): UpdateUserInput {
  return Object.fromEntries(changed(base, mine).map((field) => [field, mine[field]]));
}
