/*
 * Which chat somebody looks at in any tab of this browser: each tab that is seen holds a lock by that name, and the browser takes it away
 * when the tab is gone, however that came about.
 */
import type { RoomId } from '../core/types.ts';
import type { App } from '../model/app.svelte.ts';

const PREFIX = 'galka seen ';

/** As long as the app is there. */
export function tellSeen(app: App): void {
  $effect(() => {
    if (!app.seen || !navigator.locks) return;
    const name = PREFIX + (app.chat?.room ?? '');
    const until = new AbortController();
    const hold = new Promise<void>((resolve) => until.signal.addEventListener('abort', () => resolve()));
    void navigator.locks.request(name, { mode: 'shared' }, () => hold).catch(() => undefined);
    return () => until.abort();
  });
}

export interface Seen {
  /** some tab of the app is */
  app: boolean;
  /** in one of them, this room */
  room: boolean;
}

export async function whatIsSeen(room: RoomId): Promise<Seen> {
  const { held = [] } = await navigator.locks.query();
  const names = held.flatMap(({ name }) => (name?.startsWith(PREFIX) ? [name] : []));
  return { app: names.length > 0, room: names.includes(PREFIX + room) };
}
