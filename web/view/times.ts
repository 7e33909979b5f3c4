/* Times in words, by Intl, in the language of the app: "now", "5 min", "14:02", "Tue", "3 Nov". */
import { currentLanguage, t } from '../lang/words.svelte.ts';
import { DAY, HOUR, MINUTE } from '../model/clock.ts';

const formats = new Map<string, Intl.DateTimeFormat>();

function format(time: number, name: string, options: Intl.DateTimeFormatOptions): string {
  const key = `${currentLanguage()} ${name}`;
  let found = formats.get(key);
  if (!found) formats.set(key, (found = new Intl.DateTimeFormat(currentLanguage() === 'en' ? 'en-GB' : 'ru', options)));
  return found.format(time);
}

function startOfDay(time: number): number {
  return new Date(time).setHours(0, 0, 0, 0);
}

/** Whole days from then to now, by the calendar. */
function daysAgo(time: number, now: number): number {
  return Math.round((startOfDay(now) - startOfDay(time)) / DAY);
}

export function clock(time: number): string {
  return format(time, 'clock', { hour: '2-digit', minute: '2-digit' });
}

/** For the list: as short as can be. */
export function when(time: number, now: number): string {
  const days = daysAgo(time, now);
  if (time > now - MINUTE) return t('time.now');
  if (time > now - HOUR) return t('time.minutes', { n: Math.floor((now - time) / MINUTE) });
  if (days <= 0) return clock(time);
  if (days < 7) return format(time, 'weekday', { weekday: 'short' });
  return sameYear(time, now) ? format(time, 'short', { day: 'numeric', month: 'short' }) : format(time, 'old', { day: '2-digit', month: '2-digit', year: '2-digit' });
}

function sameYear(time: number, now: number): boolean {
  return new Date(time).getFullYear() === new Date(now).getFullYear();
}

/** Within a sentence. */
function plainDay(time: number, now: number): string {
  const days = daysAgo(time, now);
  if (days <= 0) return t('time.today').toLocaleLowerCase();
  if (days === 1) return t('time.yesterday').toLocaleLowerCase();
  return days < 7 ? format(time, 'long weekday', { weekday: 'long' }) : sameYear(time, now) ? format(time, 'day', { day: 'numeric', month: 'long' }) : format(time, 'date', { day: 'numeric', month: 'long', year: 'numeric' });
}

/** For the line between days. */
export function day(time: number, now: number): string {
  const said = plainDay(time, now);
  return said.charAt(0).toLocaleUpperCase() + said.slice(1);
}

export function moment(time: number, now: number): string {
  return t('time.moment', { day: plainDay(time, now), clock: clock(time) });
}

export function full(time: number): string {
  return format(time, 'full', { dateStyle: 'long', timeStyle: 'short' });
}

export function seen(time: number, now: number): string {
  const minutes = Math.floor((now - time) / MINUTE);
  if (minutes < 1) return t('status.seen_now');
  if (minutes < 60) return t('status.seen_minutes', { n: minutes });
  return t('status.seen_at', { when: moment(time, now) });
}
