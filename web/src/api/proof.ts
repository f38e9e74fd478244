import { createStore } from '../shared/store';

/** Who waits for a proof of identity; the layout shows the question. */
export const waiting = createStore<((proved: boolean) => void) | undefined>(undefined);

/** Asks the person to prove who they are; answers whether they did. */
export function proveIdentity(): Promise<boolean> {
  return new Promise((resolve) => {
    waiting.get()?.(false);
    waiting.set((proved) => {
      waiting.set(undefined);
      resolve(proved);
    });
  });
}
