/* People by name: those one talks with at once, the server's a moment later. */
import type { Person, UserId } from '../../core/types.ts';
import type { App } from '../../model/app.svelte.ts';
import { isOffline } from '../../model/errors.ts';
import { fold, nameBegins } from '../../model/text.ts';

const WAIT_MS = 250;
const LETTERS_MIN = 2;

export class PeopleSearch {
  text = $state('');
  #found = $state.raw<Person[]>([]);
  state = $state.raw<'idle' | 'busy' | 'done' | 'offline' | 'failed'>('idle');
  readonly #app: App;
  #callOff: (() => void) | undefined;
  #turn = 0;

  constructor(app: App) {
    this.#app = app;
  }

  /** Those with whom there is a room, the latest first. */
  readonly near = $derived.by(() => {
    const begun = fold(this.text.trim().replace(/^@/, ''));
    return this.#app.rooms.all
      .flatMap((info) => (info.kind === 'personal' && info.peer ? [info.peer] : []))
      .filter((person) => begun === '' || nameBegins(person.displayName, begun) || nameBegins(person.userName, begun));
  });

  readonly far = $derived.by(() => {
    const near = new Set<UserId>(this.near.map((person) => person.user));
    return this.#found.filter((person) => !near.has(person.user) && person.user !== this.#app.myId);
  });

  ask(text: string): void {
    const name = text.trim().replace(/^@/, '');
    this.text = text;
    this.#callOff?.();
    this.#turn++;
    this.#found = [];
    this.state = name.length < LETTERS_MIN ? 'idle' : 'busy';
    if (this.state === 'busy') this.#callOff = this.#app.clock.after(WAIT_MS, () => void this.#find(name, this.#turn));
  }

  /** The same as before, for what found no link. */
  again(): void {
    this.ask(this.text);
  }

  async #find(name: string, turn: number): Promise<void> {
    try {
      const found = await this.#app.engine.find(name);
      if (turn !== this.#turn) return;
      this.#app.people.put(found);
      this.#found = found;
      this.state = 'done';
    } catch (error) {
      if (turn !== this.#turn) return;
      this.state = isOffline(error) ? 'offline' : 'failed';
    }
  }
}
