import { useStore } from '../shared/store';
import { viewer } from './client';
import type { Permission } from './operations';

const key = 'roster-permissions';

// What whoever was here the last time might do: until an answer tells who is
// there now, a page is laid out for them, so that nothing moves then.
const before = localStorage.getItem(key)?.split(' ') as Permission[] | undefined;

viewer.subscribe(() => {
  const who = viewer.get();
  // Whoever has to set up a second factor may do nothing else.
  if (who) localStorage.setItem(key, who.twoFactorRequired ? '' : who.permissions.join(' '));
  else localStorage.removeItem(key);
});

/** Whether the viewer may do something, as far as it is known. */
export function useMay(): (permission: Permission) => boolean {
  const who = useStore(viewer);
  const permissions = who === undefined ? before : who?.twoFactorRequired ? [] : who?.permissions;
  return (permission) => permissions?.includes(permission) ?? false;
}
