/* To the clipboard, and say so. */
import type { App } from '../../model/app.svelte.ts';

export function copyText(app: App, text: string): void {
  const done = navigator.clipboard ? navigator.clipboard.writeText(text) : Promise.reject(new Error('no clipboard'));
  done.then(
    () => app.toasts.say('toast.copied'),
    () => app.toasts.say('toast.no_copy'),
  );
}
