/* What an action that was refused or failed says, in the model's terms. */
import { EngineError } from '../core/types.ts';

/** It needs a link, and there is none. */
export function isOffline(error: unknown): boolean {
  return error instanceof EngineError && error.code === 'again';
}

/** The key of lang/ that says what it means. */
export function errorKey(error: unknown): string {
  return `error.${error instanceof EngineError ? error.code : 'unknown'}`;
}
