/* The app, for every component: put there by App.svelte. */
import { getContext, setContext } from 'svelte';

import type { App } from '../model/app.svelte.ts';

const KEY = Symbol('app');

export function giveApp(app: App): void {
  setContext(KEY, app);
}

export function useApp(): App {
  return getContext<App>(KEY);
}
