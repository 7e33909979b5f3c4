/* The place where a new version of the app is offered. */
class Update {
  take = $state.raw<(() => void) | undefined>();

  /** take: begins to use it. */
  offer(take: () => void): void {
    this.take = take;
  }
}

export const update = new Update();
