const key = 'roster-organization';

/** The organization that a link named, or the one that it named the last time; null: the first. */
export function organizationOf(params: URLSearchParams): string | null {
  const named = params.get('organization');
  if (named) localStorage.setItem(key, named);
  return named ?? localStorage.getItem(key);
}

/** The organization that whoever opened a link will sign in to; null: the first. */
export function rememberOrganization(organization: string | null) {
  if (organization) localStorage.setItem(key, organization);
  else forgetOrganization();
}

export function forgetOrganization() {
  localStorage.removeItem(key);
}

/** Where to go after signing in: a path of this console and nowhere else. */
export function nextPath(params: URLSearchParams): string {
  const next = params.get('next') ?? '';
  return /^\/(?![/\\])/.test(next) ? next : '/users';
}
