/* What is heard and seen of a message while one looks elsewhere: a sound, and a note of the system if that was asked for. */
import { SvelteMap } from 'svelte/reactivity';

import { t } from '../lang/words.svelte.ts';
import type { RoomId, RoomInfo, Row } from '../core/types.ts';
import type { App } from '../model/app.svelte.ts';
import { mentions, plainText } from '../model/text.ts';
import { nameOf, roomName } from './news.ts';
import { router } from './router.svelte.ts';
import { tellSeen, whatIsSeen } from './seen.svelte.ts';

const QUIET_MS = 1500;
const SAID_MAX = 200;
let audio: AudioContext | undefined;
let last = 0;

/** The note of a room: the message that it tells of. */
interface Note {
  seq: number;
  close: () => void;
}
const notes = new SvelteMap<RoomId, Note>();

/** Two short tones, soft: a jackdaw would say more. */
function sound(): void {
  audio ??= new AudioContext();
  const start = audio.currentTime;
  for (const [at, pitch] of [[0, 660], [0.09, 880]] as const) {
    const tone = audio.createOscillator();
    const gain = audio.createGain();
    tone.frequency.value = pitch;
    gain.gain.setValueAtTime(0.0001, start + at);
    gain.gain.exponentialRampToValueAtTime(0.12, start + at + 0.015);
    gain.gain.exponentialRampToValueAtTime(0.0001, start + at + 0.16);
    tone.connect(gain).connect(audio.destination);
    tone.start(start + at);
    tone.stop(start + at + 0.2);
  }
}

function note(app: App, info: RoomInfo, row: Row): void {
  if (!app.settings.notices || !('Notification' in window) || Notification.permission !== 'granted') return;
  const who = info.kind === 'group' ? `${nameOf(app, row.sender)}: ` : '';
  const title = roomName(app, info);
  const options = { body: (who + plainText(row.text)).slice(0, SAID_MAX), tag: info.room, lang: document.documentElement.lang };
  try {
    const shown = new Notification(title, options);
    const one: Note = { seq: row.seq, close: () => shown.close() };
    notes.set(info.room, one);
    shown.onclose = () => {
      if (notes.get(info.room) === one) notes.delete(info.room);
    };
    shown.onclick = () => {
      window.focus();
      router.chat(info.room);
      shown.close();
    };
  } catch {
    notes.set(info.room, { seq: row.seq, close: () => void closeByWorker(info.room) });
    void noteByWorker(title, options); // phones allow it to service workers only
  }
}

/** The worker answers a tap with the room, which is the note's tag (sw.ts). */
async function noteByWorker(title: string, options: NotificationOptions): Promise<void> {
  const registration = await navigator.serviceWorker?.getRegistration().catch(() => undefined);
  await registration?.showNotification(title, options).catch(() => undefined);
}

async function closeByWorker(tag: string): Promise<void> {
  const registration = await navigator.serviceWorker?.getRegistration().catch(() => undefined);
  for (const shown of (await registration?.getNotifications({ tag }).catch(() => undefined)) ?? []) shown.close();
}

/** What has been read, here or on another device, needs no note any more. */
export function closeRead(app: App): void {
  for (const [room, { seq, close }] of notes) {
    if ((app.rooms.get(room)?.marks.read ?? seq) < seq) continue;
    notes.delete(room);
    close();
  }
}

async function heard(app: App, info: RoomInfo, row: Row): Promise<void> {
  const called = app.me !== undefined && mentions(row.text, app.me.person.userName);
  if (!app.leads || (info.settings.muted && !called) || (app.seen && app.chat?.room === info.room)) return;
  const seen = await whatIsSeen(info.room).catch(() => undefined); // in other tabs
  if (seen?.room) return;
  const now = Date.now();
  if (app.settings.sounds && now - last > QUIET_MS) {
    last = now;
    try {
      sound();
    } catch {
      /* no sound device */
    }
  }
  if (!app.seen && !seen?.app) note(app, info, row);
}

export function announce(app: App): void {
  tellSeen(app);
  app.onHeard((info, row) => void heard(app, info, row));
  navigator.serviceWorker?.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
    if (typeof data === 'object' && data && 'show' in data && typeof data.show === 'string') router.chat(data.show);
  });
}

/** After a tap, with the reason beside it. Resolves to whether notes may be shown. */
export async function askForNotices(): Promise<boolean> {
  if (!('Notification' in window)) return false;
  return (await Notification.requestPermission()) === 'granted';
}

export function noticesBlocked(): boolean {
  return !('Notification' in window) || Notification.permission === 'denied';
}

export const noticesText = (): string => t(noticesBlocked() ? 'settings.notices_blocked' : 'settings.notices_hint');
