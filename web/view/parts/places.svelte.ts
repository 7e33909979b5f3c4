/* Where notes are shown: the place that came last, which is the dialog on top. */
class Places {
  #all = $state.raw<symbol[]>([]);

  get top(): symbol | undefined {
    return this.#all.at(-1);
  }

  /** Returns what gives the place back. */
  take(place: symbol): () => void {
    this.#all = [...this.#all, place];
    return () => (this.#all = this.#all.filter((other) => other !== place));
  }
}

export const places = new Places();
