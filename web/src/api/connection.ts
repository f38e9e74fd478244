import { createStore } from '../shared/store';

/** Whether changes of others arrive by themselves. */
export const connection = createStore<'none' | 'live' | 'interrupted'>('none');

/** Whether the browser has a network at all. */
export const online = createStore(navigator.onLine);
window.addEventListener('online', () => online.set(true));
window.addEventListener('offline', () => online.set(false));
