/* Searching for words: at once in what this device holds, a moment later on the server, which has everything; said which is which. */
import type { Engine, Hit, Place, RoomId } from '../core/types.ts';
import type { Clock } from './clock.ts';
import { isOffline } from './errors.ts';
import { bytesOf, SEARCH_BYTES_MAX } from './text.ts';

const HERE_MS = 60;
const SERVER_MS = 350;
const HERE_MAX = 50;
export const SEARCH_LETTERS_MIN = 2;

export class Search {
  text = $state('');
  /** undefined: everywhere */
  room = $state.raw<RoomId | undefined>();
  here = $state.raw<Hit[]>([]);
  #server = $state.raw<Hit[]>([]);
  hereState = $state.raw<'idle' | 'busy' | 'done'>('idle');
  serverState = $state.raw<'idle' | 'busy' | 'done' | 'offline' | 'failed'>('idle');
  more = $state(false);

  readonly #engine: Engine;
  readonly #clock: Clock;
  #place: Place | undefined;
  #turn = 0;
  #callOff: (() => void)[] = [];

  constructor(engine: Engine, clock: Clock, room: RoomId | undefined) {
    this.#engine = engine;
    this.#clock = clock;
    this.room = room;
  }

  /** What the server found beyond what is here. */
  readonly server = $derived.by(() => {
    const here = new Set(this.here.map((hit) => `${hit.room}${hit.row.seq}`));
    return this.#server.filter((hit) => !here.has(`${hit.room}${hit.row.seq}`));
  });

  readonly words = $derived(this.text.trim());

  ask(text: string, room: RoomId | undefined): void {
    this.text = text;
    this.room = room;
    this.#turn++;
    for (const callOff of this.#callOff) callOff();
    this.#callOff = [];
    this.#place = undefined;
    this.more = false;
    if (this.words.length < SEARCH_LETTERS_MIN || bytesOf(this.words) > SEARCH_BYTES_MAX) {
      this.here = [];
      this.#server = [];
      this.hereState = this.serverState = 'idle';
      return;
    }
    this.hereState = this.serverState = 'busy';
    this.#callOff = [
      this.#clock.after(HERE_MS, () => void this.#askHere(this.#turn)),
      this.#clock.after(SERVER_MS, () => void this.askServer()),
    ];
  }

  close(): void {
    this.ask('', this.room);
  }

  async #askHere(turn: number): Promise<void> {
    const hits = await this.#engine.searchHere(this.words, this.room, HERE_MAX).catch(() => []);
    if (turn !== this.#turn) return;
    this.here = hits;
    this.hereState = 'done';
  }

  /** The first page, the next one, or the same again after a failure. */
  async askServer(): Promise<void> {
    const turn = this.#turn;
    const place = this.#place;
    this.serverState = 'busy';
    try {
      const found = await this.#engine.search(this.words, this.room, place);
      if (turn !== this.#turn) return;
      this.#server = place ? [...this.#server, ...found.hits] : found.hits;
      this.#place = found.place;
      this.more = found.more && found.place !== undefined;
      this.serverState = 'done';
    } catch (error) {
      if (turn !== this.#turn) return;
      this.serverState = isOffline(error) ? 'offline' : 'failed';
    }
  }
}
