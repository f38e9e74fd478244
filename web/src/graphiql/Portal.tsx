import { Portal as Elsewhere } from '@radix-ui/react-portal';
import type { ComponentProps } from 'react';

/** Where menus and tooltips are: within the page's main part, as all that it has to say. */
export function Portal(props: ComponentProps<typeof Elsewhere>) {
  return <Elsewhere {...props} container={document.getElementById('graphiql')} />;
}
