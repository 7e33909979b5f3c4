/* Something that a form or a button starts: busy while it is done, and what came of it. */
import { errorKey } from './errors.ts';

export class Action {
  busy = $state(false);
  /** of lang/; '': none */
  error = $state('');
  readonly #stop: (() => void) | undefined;

  /** stop: takes back what is under way, where that can be. */
  constructor(stop?: () => void) {
    this.#stop = stop;
  }

  /** Its place on the screen is closed: nobody waits any more. */
  leave(): void {
    if (this.busy) this.#stop?.();
  }

  /** Resolves to whether it was done. A second start while one is under way does nothing. */
  async run(work: () => Promise<unknown>): Promise<boolean> {
    if (this.busy) return false;
    this.busy = true;
    this.error = '';
    try {
      await work();
      return true;
    } catch (error) {
      this.error = errorKey(error);
      return false;
    } finally {
      this.busy = false;
    }
  }
}
