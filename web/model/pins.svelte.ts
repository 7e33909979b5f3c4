/* What is pinned in the open room, the latest pin first. */
import type { RoomId, Row } from '../core/types.ts';
import type { App } from './app.svelte.ts';

/** PINS_MAX of rules/limits.h */
const PINS_MAX = 50;

export class Pins {
  list = $state.raw<Row[]>([]);
  state = $state.raw<'none' | 'busy' | 'known'>('none');
  readonly #app: App;
  readonly #room: RoomId;

  constructor(app: App, room: RoomId) {
    this.#app = app;
    this.#room = room;
  }

  load(): void {
    if (this.state === 'busy' || !this.#app.rooms.get(this.#room)) return;
    this.state = 'busy';
    this.#fetch().then(
      () => (this.state = 'known'),
      () => (this.state = 'none'),
    );
  }

  /** A row came: it is pinned now, no longer, or another. */
  take(row: Row): void {
    const others = this.list.filter((pin) => pin.seq !== row.seq);
    if (row.pinned && row.kind !== 'deleted') this.list = [...others, row].sort((a, b) => (b.pinned ?? 0) - (a.pinned ?? 0));
    else if (others.length < this.list.length) this.list = others;
  }

  async #fetch(): Promise<void> {
    let before = 0;
    const all: Row[] = [];
    for (;;) {
      const page = await this.#app.engine.pins(this.#room, before);
      all.push(...page.rows);
      before = page.rows.at(-1)?.pinned ?? 0;
      if (!page.more || before === 0 || all.length >= PINS_MAX) break;
    }
    this.list = all;
  }
}
