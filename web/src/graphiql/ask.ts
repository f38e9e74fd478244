import type { Known } from './examples';

/** Where the API is. */
export const endpoint = new URL('/graphql', location.href);

/** Asks what this page itself wants to know; undefined when that is refused. */
async function ask<Data>(query: string): Promise<Data | undefined> {
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ query }),
  });
  return ((await response.json()) as { data?: Data | null }).data ?? undefined;
}

/** The address of whoever is signed in; null: nobody is. */
export async function askWho(): Promise<string | null> {
  const data = await ask<{ viewer: { user: { email: string } } | null }>('{ viewer { user { email } } }');
  return data?.viewer?.user.email ?? null;
}

interface ExamplesData {
  viewer: { user: NonNullable<Known['me']> } | null;
  roles: { id: string; csmSeat: boolean; permissions: string[] }[];
  users: { nodes: { id: string }[] };
}

/** What examples can be run with here. */
export async function askKnown(): Promise<Known> {
  const data = await ask<ExamplesData>(`{
    viewer { user { id title version } }
    roles { id csmSeat permissions }
    users(status: INACTIVE, first: 1) { nodes { id } }
  }`);
  // The role that gives the least.
  const role = data?.roles.filter(({ csmSeat }) => !csmSeat).sort((a, b) => a.permissions.length - b.permissions.length)[0];
  return { me: data?.viewer?.user, roleId: role?.id, inactiveId: data?.users.nodes[0]?.id };
}
