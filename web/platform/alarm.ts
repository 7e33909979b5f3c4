/*
 * A worker that does nothing but count time: browsers let the timers of a page that nobody sees run once a minute, and a link wants to be
 * heard of more often than that. Told {id, ms} it says id after so long; {id} alone takes it back.
 */
const timers = new Map<number, ReturnType<typeof setTimeout>>();

self.onmessage = (message: MessageEvent<{ id: number; ms?: number }>) => {
  const { id, ms } = message.data;
  clearTimeout(timers.get(id));
  timers.delete(id);
  if (ms === undefined) return;
  timers.set(
    id,
    setTimeout(() => {
      timers.delete(id);
      self.postMessage(id);
    }, ms),
  );
};
