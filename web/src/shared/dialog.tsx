import { Modal, type ModalProps } from '@mantine/core';
import { useCallback, useRef, useState, type ReactNode } from 'react';

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
  return {
    subject,
    opened,
    open,
    close: () => setOpened(false),
    left: () => {
      setSubject(undefined);
      // A row may be gone with what was done to it.
      const back = opener.current?.isConnected ? opener.current : document.querySelector('h1');
      if (back instanceof HTMLElement) back.focus({ preventScroll: true });
    },
  };
}

interface DialogWindowProps<Subject> extends Omit<ModalProps, 'opened' | 'onClose' | 'children' | 'title'> {
  dialog: Dialog<Subject>;
  title: (subject: Subject) => ReactNode;
  children: (subject: Subject) => ReactNode;
}

export function DialogWindow<Subject>({ dialog, title, children, ...rest }: DialogWindowProps<Subject>) {
  const { subject } = dialog;
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
