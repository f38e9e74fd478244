import { useEffect, useState } from 'react';
import { askWho } from './ask';

/** Tells as whom the operations run, and the way back to the console. */
export function Who() {
  const [email, setEmail] = useState<string | null>();
  useEffect(() => {
    void askWho().then(setEmail, () => setEmail(undefined));
  }, []);
  return (
    <h1 className="roster-who">
      <a href="/users">Roster</a> GraphiQL
      {email && <> · signed in as {email}</>}
      {email === null && (
        <>
          {' '}
          · not signed in: <a href="/sign-in?next=/graphiql">sign in</a>
        </>
      )}
    </h1>
  );
}
