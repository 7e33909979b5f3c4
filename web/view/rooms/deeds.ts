/* What one does to a room as a whole; each says what it did, and how to take it back. */
import type { RoomInfo } from '../../core/types.ts';
import type { App } from '../../model/app.svelte.ts';
import { HOUR } from '../../model/clock.ts';

export const MUTES = [
  { key: 'mute.hour', ms: HOUR },
  { key: 'mute.night', ms: 8 * HOUR },
  { key: 'mute.week', ms: 7 * 24 * HOUR },
  { key: 'mute.ever', ms: Infinity },
];

export function pinRoom(app: App, info: RoomInfo): void {
  const on = info.settings.pin === 0;
  app.toasts.watch(app.engine.setRoom(info.room, 'pin', on ? `${app.rooms.nextPin()}` : ''));
}

export function archiveRoom(app: App, info: RoomInfo): void {
  const set = (on: boolean) => app.engine.setRoom(info.room, 'archive', on ? `${Math.max(info.lastTime, 1)}` : '');
  const on = !info.settings.archived;
  set(on).then(
    () => app.toasts.say(on ? 'toast.archived' : 'toast.unarchived', {}, { key: 'undo', run: () => app.toasts.watch(set(!on)) }),
    (error: unknown) => app.toasts.fail(error),
  );
}

/** ms: for how long; 0: no longer. */
export function muteRoom(app: App, info: RoomInfo, ms: number): void {
  const value = ms === 0 ? '' : ms === Infinity ? 'forever' : `${Math.round(app.clock.now() + ms)}`;
  app.toasts.watch(app.engine.setRoom(info.room, 'mute', value));
}

export function markRead(app: App, info: RoomInfo): void {
  app.engine.read(info.room, info.head);
}
