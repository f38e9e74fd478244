import { DropdownMenu as Menu } from '@graphiql/react';
import type { ComponentProps } from 'react';

/** A menu that leaves the rest of the page to whoever listens: the library's hides it, with the focus in it. */
export const DropdownMenu = Object.assign((props: ComponentProps<typeof Menu>) => <Menu modal={false} {...props} />, {
  Button: Menu.Button,
  Item: Menu.Item,
  Content: Menu.Content,
});
