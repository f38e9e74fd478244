import { Dialog as Theirs } from '@graphiql/react';
import { type ComponentProps, useEffect, useLayoutEffect, useRef } from 'react';

/** A dialog that gives the focus back to what has opened it: the library's loses it. */
export const Dialog = Object.assign(
  ({ children, ...rest }: ComponentProps<typeof Theirs>) => (
    <Theirs {...rest}>
      {children}
      <GivesFocusBack />
    </Theirs>
  ),
  { Close: Theirs.Close, Title: Theirs.Title, Trigger: Theirs.Trigger, Description: Theirs.Description },
);

function GivesFocusBack() {
  const from = useRef<Element>(null);
  // Before the dialog takes the focus, and when it no longer holds it.
  useLayoutEffect(() => {
    from.current = document.activeElement;
  }, []);
  useEffect(
    () => () => {
      if (from.current instanceof HTMLElement) from.current.focus();
    },
    [],
  );
  return null;
}
