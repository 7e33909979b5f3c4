/*
 * What a hand does to the messages of a log. The log listens for all of them: dozens come and go in a frame while one scrolls, and each would
 * have a dozen listeners of its own.
 */
import type { Attachment } from 'svelte/attachments';
import type { Item } from '../../model/items.ts';
import { onPress } from '../parts/press.ts';
import { onSwipe } from '../parts/swipe.ts';

const MESSAGE = '.message';

export interface Acts {
  /** The item of that key. */
  item(key: string): Item | undefined;
  /** May it be drawn aside? */
  mayPull(item: Item): boolean;
  /** It was drawn aside, far enough. */
  pulled(item: Item): void;
  /** Its menu is asked for, at that place of the window. */
  menu(item: Item, x: number, y: number): void;
}

export class Hand {
  /** the message under it, by its key */
  near = $state.raw<string>();
  /** the message that is being drawn to the left, and by how many pixels */
  pull = $state.raw<{ item: Item; pixels: number }>();
  readonly #acts: Acts;

  constructor(acts: Acts) {
    this.#acts = acts;
  }

  /** The message that has this element. */
  itemOf(element: EventTarget | null): Item | undefined {
    const key = element instanceof Element ? element.closest<HTMLElement>(MESSAGE)?.dataset.key : undefined;
    return key === undefined ? undefined : this.#acts.item(key);
  }

  /** For the element that has all messages in it. */
  readonly listen: Attachment<HTMLElement> = (log) => {
    const over = (event: PointerEvent) => (this.near = this.itemOf(event.target)?.key);
    const out = () => (this.near = undefined);
    const ends = [onPress((x, y, bubble) => this.#ask(bubble, x, y), '.bubble')(log), onSwipe(this.#swipe)(log)];
    log.addEventListener('pointerover', over);
    log.addEventListener('pointerleave', out);
    return () => {
      for (const end of ends) end?.();
      log.removeEventListener('pointerover', over);
      log.removeEventListener('pointerleave', out);
    };
  };

  #ask(bubble: Element, x: number, y: number): void {
    const item = this.itemOf(bubble);
    if (item) this.#acts.menu(item, x, y);
  }

  #held: Item | undefined;
  readonly #swipe = {
    may: (target: EventTarget | null) => {
      this.#held = this.itemOf(target);
      return this.#held !== undefined && this.#acts.mayPull(this.#held);
    },
    moved: (pixels: number) => (this.pull = this.#held && pixels > 0 ? { item: this.#held, pixels } : undefined),
    done: () => this.#held && this.#acts.pulled(this.#held),
  };
}
