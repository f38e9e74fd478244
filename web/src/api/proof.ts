import { createStore } from '../shared/store';

/** Who waits for a proof of identity; the layout shows the question. */
export const waiting = createStore<((proved: boolean) => void) | undefined>(undefined);

let asked: Promise<boolean> | undefined;

/** Asks the person to prove who they are; answers whether they did. Several that need it at once are answered together. */
export function proveIdentity(): Promise<boolean> {
  asked ??= new Promise((resolve) => {
    waiting.set((proved) => {
      waiting.set(undefined);
      asked = undefined;
      resolve(proved);
    });
  });
  return asked;
}
