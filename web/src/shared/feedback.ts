import { notifications } from '@mantine/notifications';

/** Tells that something was done, to the eye and to the ear: a notification is an alert. */
export function tellDone(message: string) {
  notifications.show({ message, closeButtonProps: { 'aria-label': 'Close this message' } });
}
