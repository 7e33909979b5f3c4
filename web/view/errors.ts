/* Errors in words: those of lang/ are parts of a sentence ("Not sent: no answer in time"), and stand alone here. */
import { has, t } from '../lang/words.svelte.ts';

/** key: 'error.…' */
export function errorPart(key: string): string {
  return t(has(key) ? key : 'error.other');
}

export function errorText(key: string): string {
  const text = errorPart(key);
  return text.charAt(0).toLocaleUpperCase() + text.slice(1);
}
