import { Modal, type ModalProps } from '@mantine/core';
import { useCallback, useEffect, useMemo, useRef, useState, type ReactNode } from 'react';

/** A dialog about something, that gives the focus back to where it was opened. */
export interface Dialog<Subject> {
  subject: Subject | undefined;
  opened: boolean;
  open: (subject: Subject, from?: HTMLElement | null) => void;
  close: () => void;
  /** The dialog is gone from the screen. */
  left: () => void;
}

export function useDialog<Subject>(): Dialog<Subject> {
  const [subject, setSubject] = useState<Subject>();
  const [opened, setOpened] = useState(false);
  const opener = useRef<Element | null>(null);
  const open = useCallback((next: Subject, from?: HTMLElement | null) => {
    opener.current = from ?? document.activeElement;
    setSubject(next);
    setOpened(true);
  }, []);
  const close = useCallback(() => setOpened(false), []);
  const left = useCallback(() => {
    setSubject(undefined);
    if (opener.current instanceof HTMLElement) giveFocus(opener.current);
  }, []);
  return useMemo(() => ({ subject, opened, open, close, left }), [subject, opened, open, close, left]);
}

/**
 * Gives the focus to an element, and to the heading of the page when the element
 * is gone: a row goes with what was done to it, a moment before or after.
 */
function giveFocus(to: HTMLElement) {
  const begin = () => document.querySelector('h1')?.focus({ preventScroll: true });
  if (!to.isConnected) {
    begin();
    return;
  }
  to.focus({ preventScroll: true });
  const observer = new MutationObserver(() => {
    if (to.isConnected && document.activeElement === to) return;
    observer.disconnect();
    if (document.activeElement === document.body) begin();
  });
  observer.observe(document.body, { childList: true, subtree: true });
}

interface DialogWindowProps<Subject> extends Omit<ModalProps, 'opened' | 'onClose' | 'children' | 'title'> {
  dialog: Dialog<Subject>;
  title: (subject: Subject) => ReactNode;
  children: (subject: Subject) => ReactNode;
}

export function DialogWindow<Subject>({ dialog, title, children, ...rest }: DialogWindowProps<Subject>) {
  const { subject, opened, close } = dialog;
  const { closeOnEscape = true } = rest;
  // Whoever goes back leaves what was open.
  useEffect(() => {
    if (!opened || !closeOnEscape) return undefined;
    window.addEventListener('popstate', close);
    return () => window.removeEventListener('popstate', close);
  }, [opened, closeOnEscape, close]);
  return (
    <Modal
      {...rest}
      opened={dialog.opened}
      onClose={dialog.close}
      onExitTransitionEnd={dialog.left}
      returnFocus={false}
      title={subject !== undefined && title(subject)}
    >
      {subject !== undefined && children(subject)}
    </Modal>
  );
}
