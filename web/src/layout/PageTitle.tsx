import { Title } from '@mantine/core';
import { useEffect, useRef, type ReactNode } from 'react';

let opened = false;

interface PageTitleProps {
  children: ReactNode;
  /** What the window is called, when the heading is more than a text. */
  title?: string;
  /** The page itself says what has the focus. */
  leaveFocus?: boolean;
}

/** The heading of a page; takes the focus when one has come from another page. */
export function PageTitle({ children, title, leaveFocus = false }: PageTitleProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  const text = title ?? (typeof children === 'string' ? children : '');
  useEffect(() => {
    document.title = `${text} · Roster`;
  }, [text]);
  useEffect(() => {
    if (opened && !leaveFocus) heading.current?.focus({ preventScroll: true });
    opened = true;
  }, [leaveFocus]);
  return (
    <Title order={1} size="h2" ref={heading} tabIndex={-1}>
      {children}
    </Title>
  );
}
