import { createStore, useStore } from '../shared/store';

const token = createStore<string | undefined>(undefined);

/** Takes the token of a link out of the address bar, before anybody can see or copy it. */
function take() {
  const found = new URLSearchParams(location.hash.slice(1)).get('token');
  if (!found) return;
  history.replaceState(history.state, '', location.pathname + location.search);
  token.set(found);
}

/** Begins before the pages are there, and goes on for links that are opened in the same window. */
export function watchLinkTokens() {
  take();
  window.addEventListener('hashchange', take);
}

/** The token of the link that was opened; undefined when there is none. */
export function useLinkToken(): string | undefined {
  return useStore(token);
}
