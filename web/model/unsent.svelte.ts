/*
 * Of each room what the list shows instead of its newest row: the last own message that the server does not have, one that was refused
 * before one that waits. Read from the storage when the room's line says that something is there; one read a room at a time.
 */
import type { Engine, EngineEvent, OutboxEntry, RoomId, RoomInfo } from '../core/types.ts';
import { ALTERING } from './items.ts';

export interface Waiting {
  /** undefined: only changes of messages wait, or were refused */
  entry: OutboxEntry | undefined;
  failed: boolean;
}

/** What the list says of an outbox; undefined: nothing. */
export function waitingOf(outbox: OutboxEntry[]): Waiting | undefined {
  if (outbox.length === 0) return undefined;
  const said = outbox.filter(({ operation }) => !ALTERING.has(operation.kind));
  return { entry: said.findLast(({ state }) => state === 'failed') ?? said.at(-1), failed: outbox.some(({ state }) => state === 'failed') };
}

export class Unsent {
  #rooms = $state.raw<ReadonlyMap<RoomId, Waiting>>(new Map());
  readonly #engine: Engine;
  /** rooms that are being read; true: and are to be read again */
  readonly #reading = new Map<RoomId, boolean>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  get(room: RoomId): Waiting | undefined {
    return this.#rooms.get(room);
  }

  /** Lines that are another now: what was sent is told by them, too, after its row. */
  look(infos: RoomInfo[]): void {
    for (const { room, queued } of infos) if (queued > 0 || this.#rooms.has(room)) void this.#read(room);
  }

  take(event: EngineEvent): void {
    if (event.kind === 'outbox' && event.state !== 'sent') void this.#read(event.room);
  }

  forget(): void {
    this.#rooms = new Map();
  }

  async #read(room: RoomId): Promise<void> {
    if (this.#reading.has(room)) {
      this.#reading.set(room, true);
      return;
    }
    try {
      do {
        this.#reading.set(room, false);
        this.#put(room, waitingOf(await this.#engine.outbox(room)));
      } while (this.#reading.get(room));
    } catch {
      /* the storage does not answer: the line stays as it is, the open chat says why */
    } finally {
      this.#reading.delete(room);
    }
  }

  #put(room: RoomId, waiting: Waiting | undefined): void {
    if (!waiting && !this.#rooms.has(room)) return;
    const next = new Map(this.#rooms);
    if (waiting) next.set(room, waiting);
    else next.delete(room);
    this.#rooms = next;
  }
}
