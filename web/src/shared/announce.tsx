import { VisuallyHidden } from '@mantine/core';
import { createStore, useStore } from './store';

const said = createStore('');

/** Says something to people who cannot see it change. */
export function announce(text: string) {
  // The same text again is said only when it differs; a space is not spoken.
  said.set(said.get() === text ? `${text} ` : text);
}

export function Announcer() {
  return (
    <VisuallyHidden role="status" aria-live="polite">
      {useStore(said)}
    </VisuallyHidden>
  );
}
