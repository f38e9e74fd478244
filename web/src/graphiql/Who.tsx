import { useEffect, useState } from 'react';

/** Tells as whom the operations run, and the way back to the console. */
export function Who({ endpoint }: { endpoint: URL }) {
  const [email, setEmail] = useState<string | null>();
  useEffect(() => {
    void ask(endpoint).then(setEmail, () => setEmail(undefined));
  }, [endpoint]);
  return (
    <h1 className="roster-who">
      <a href="/users">Roster</a> GraphiQL
      {email && <> · signed in as {email}</>}
      {email === null && (
        <>
          {' '}
          · not signed in: <a href="/sign-in">sign in</a>, then load this page again
        </>
      )}
    </h1>
  );
}

async function ask(endpoint: URL): Promise<string | null> {
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ query: '{ viewer { user { email } } }' }),
  });
  const { data } = (await response.json()) as { data: { viewer: { user: { email: string } } | null } };
  return data.viewer?.user.email ?? null;
}
