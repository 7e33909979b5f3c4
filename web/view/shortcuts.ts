/* Keys that work everywhere. The sheet (Ctrl+/) shows SHORTCUTS and what the log and the writing line do with theirs. */
import type { App } from '../model/app.svelte.ts';
import { overlays } from './overlay.svelte.ts';
import { router } from './router.svelte.ts';

export const SHORTCUTS: { title: string; keys: [keys: string, what: string][] }[] = [
  {
    title: 'keys.anywhere',
    keys: [
      ['Ctrl+/', 'keys.sheet'],
      ['Ctrl+K', 'keys.switch'],
      ['Ctrl+F', 'keys.search'],
      ['Ctrl+Shift+F', 'keys.search_all'],
      ['Alt+N', 'keys.new'],
      ['Alt+↑ Alt+↓', 'keys.neighbour'],
      ['Alt+Shift+↑ ↓', 'keys.unread'],
      ['Esc', 'keys.back'],
    ],
  },
  {
    title: 'keys.writing',
    keys: [
      ['Enter', 'keys.send'],
      ['Shift+Enter', 'keys.break'],
      ['↑', 'keys.edit_last'],
      ['Shift+↑', 'keys.to_log'],
      ['@ Tab', 'keys.mention'],
      [':', 'keys.emoji'],
    ],
  },
  {
    title: 'keys.reading',
    keys: [
      ['↑ ↓ Home End', 'keys.move'],
      ['Enter', 'keys.menu'],
      ['R', 'keys.reply'],
      ['E', 'keys.edit'],
      ['Space', 'keys.select'],
    ],
  },
];

function go(app: App, step: -1 | 1, unread: boolean): void {
  const room = app.rooms.neighbour(app.chat?.room, step, unread);
  if (room) router.chat(room);
}

function deedOf(app: App, event: KeyboardEvent): (() => void) | undefined {
  const control = event.ctrlKey || event.metaKey;
  const { code } = event;
  if (control && !event.altKey) {
    if (code === 'KeyK' && !event.shiftKey) return () => overlays.show({ kind: 'switch' });
    if (code === 'Slash') return () => overlays.show({ kind: 'keys' });
    if (code === 'KeyF') return () => overlays.show({ kind: 'search', everywhere: event.shiftKey || !app.chat });
  }
  if (event.altKey && !control) {
    if (code === 'ArrowUp') return () => go(app, -1, event.shiftKey);
    if (code === 'ArrowDown') return () => go(app, 1, event.shiftKey);
    if (code === 'KeyN') return () => router.go('#/new');
  }
  if (event.key === 'Escape' && !overlays.open && !control && !event.altKey) {
    if (router.route.about && router.route.room) return () => router.chat(router.route.room!);
    if (router.route.side !== 'rooms' || router.route.room) return () => router.home();
  }
  return undefined;
}

export function shortcut(app: App, event: KeyboardEvent): void {
  const deed = event.defaultPrevented || event.isComposing ? undefined : deedOf(app, event);
  if (!deed) return;
  event.preventDefault();
  deed();
}
