import { VisuallyHidden } from '@mantine/core';
import { createStore, useStore } from './store';

const said = createStore('');

// What is said stays so long before the next takes its place, in milliseconds:
// a reader that is told of both at once would speak only the last.
const pause = 1000;
let waiting: { text: string; about: string | undefined }[] = [];
let saying: ReturnType<typeof setTimeout> | undefined;

/** Says something to people who cannot see it change. Of what is about the same, only the latest is said. */
export function announce(text: string, about?: 'count' | 'selection' | 'progress') {
  waiting = waiting.filter((one) => about === undefined || one.about !== about);
  waiting.push({ text, about });
  if (saying === undefined) next();
}

function next() {
  const text = waiting.shift()?.text;
  saying = text === undefined ? undefined : setTimeout(next, pause);
  // The same text again is said only when it differs; a space is not spoken.
  if (text !== undefined) said.set(said.get() === text ? `${text} ` : text);
}

export function Announcer() {
  return (
    <VisuallyHidden role="status" aria-live="polite">
      {useStore(said)}
    </VisuallyHidden>
  );
}
