/* The list of rooms: pinned ones first, then the latest; the archive apart. What the list counts is what calls: not what is muted. */
import type { RoomId, RoomInfo, UserId } from '../core/types.ts';
import type { Unsent } from './unsent.svelte.ts';

/** A line of one's own notes, in which nothing was written, is not worth showing (core_room_is_bare). */
function isBare(info: RoomInfo): boolean {
  return info.kind === 'self' && info.lastTime === 0 && info.queued === 0;
}

/** One's own notes before the first one. */
function unwritten(room: RoomId): RoomInfo {
  return {
    room, kind: 'self', left: false, head: 0, holeTop: 0, unread: 0, lastTime: 0, title: '', role: 'none', members: 1, queued: 0, mentions: 0,
    marks: { delivered: 0, read: 0, shown: 0 }, ticks: { from: 0, delivered: 0, read: 0 },
    settings: { mutedUntil: 0, muted: false, archived: false, pin: 0, draft: '', draftReplyTo: 0 },
  };
}

function compare(one: RoomInfo, other: RoomInfo, time: (info: RoomInfo) => number): number {
  return other.settings.pin - one.settings.pin || time(other) - time(one) || (one.room < other.room ? -1 : 1);
}

/** Is there something in it that wants to be seen? A mention does, even where the room is muted. */
export function calls(info: RoomInfo): boolean {
  return info.mentions > 0 || (info.unread > 0 && !info.settings.muted);
}

export class Rooms {
  #all = $state.raw<Map<RoomId, RoomInfo>>(new Map());
  /** false: nothing was told yet */
  known = $state(false);

  readonly #unsent: Unsent | undefined;

  constructor(unsent?: Unsent) {
    this.#unsent = unsent;
  }

  /** When something was said there last, by oneself too. */
  time = (info: RoomInfo): number => Math.max(info.lastTime, this.#unsent?.get(info.room)?.entry?.time ?? 0);

  readonly #sorted = $derived([...this.#all.values()].filter((info) => !isBare(info)).sort((one, other) => compare(one, other, this.time)));
  readonly list = $derived(this.#sorted.filter((info) => !info.settings.archived));
  readonly archived = $derived(this.#sorted.filter((info) => info.settings.archived));
  readonly all = $derived(this.#sorted);
  /** rooms that call, for the page's title and the app's badge */
  readonly calling = $derived(this.#sorted.filter(calls).length);
  readonly archivedCalling = $derived(this.archived.filter(calls).length);

  get(room: RoomId): RoomInfo | undefined {
    return this.#all.get(room);
  }

  /** All, and one's own notes among them, though nothing may have been written there yet: a place to put something. */
  withNotes(notes: RoomId): RoomInfo[] {
    return this.#sorted.some((info) => info.room === notes) ? this.#sorted : [this.#all.get(notes) ?? unwritten(notes), ...this.#sorted];
  }

  withPeer(user: UserId): RoomInfo | undefined {
    for (const info of this.#all.values()) if (info.peer?.user === user) return info;
    return undefined;
  }

  put(infos: RoomInfo[]): void {
    const next = new Map(this.#all);
    for (const info of infos) next.set(info.room, info);
    this.#all = next;
  }

  replace(infos: RoomInfo[]): void {
    this.#all = new Map(infos.map((info) => [info.room, info]));
    this.known = true;
  }

  forget(): void {
    this.#all = new Map();
    this.known = false;
  }

  /** The room above (-1) or below (1) in the list; unread: the next one that calls, round the end. */
  neighbour(room: RoomId | undefined, step: -1 | 1, unread: boolean): RoomId | undefined {
    const list = this.list;
    const at = list.findIndex((info) => info.room === room);
    if (!unread) {
      const next = at < 0 ? (step > 0 ? 0 : list.length - 1) : at + step;
      return list[next]?.room;
    }
    for (let i = 1; i <= list.length; i++) {
      const info = list[(((at < 0 ? (step > 0 ? -1 : 0) : at) + step * i) % list.length + list.length) % list.length]!;
      if (calls(info) && info.room !== room) return info.room;
    }
    return undefined;
  }

  /** A number above all that are pinned. */
  nextPin(): number {
    return Math.max(0, ...this.#sorted.map((info) => info.settings.pin)) + 1;
  }
}
