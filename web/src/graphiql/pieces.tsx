// What GraphiQL and its panes are made of, with pieces of ours in place of
// those that keep people out. vite.graphiql.config.ts hands it to them.
import { UnStyledButton as Button } from '@graphiql/react';
import type { ComponentProps } from 'react';

export * from '@graphiql/react';
export { Dialog } from './Dialog';
export { Tab, Tabs } from './Tabs';

/** What stands on a button is its name; the history would call all that it has «Set active». */
export function UnStyledButton({ 'aria-label': label, ...props }: ComponentProps<typeof Button>) {
  return <Button aria-label={typeof props.children === 'string' ? undefined : label} {...props} />;
}
