/*
 * New versions of the app, by the service worker: `waiting` is called when one has been fetched and waits; `use` makes every tab reload
 * into it. Without service workers (plain http elsewhere than on this machine, private windows) there are none, and the app works as it is.
 */
const CHECK_MS = 3600000;

export interface Updates {
  /** Switches to the version that waits: the page reloads. */
  use(): void;
}

export function watchUpdates(waiting: () => void): Updates {
  const updates = { worker: undefined as ServiceWorker | undefined, use() { this.worker?.postMessage('use the new version'); } };
  if (!('serviceWorker' in navigator)) return updates;

  let had = navigator.serviceWorker.controller !== null;
  let reloading = false;
  navigator.serviceWorker.addEventListener('controllerchange', () => {
    const first = !had; // this page is that version already; the next one is another
    had = true;
    if (first || reloading) return;
    reloading = true;
    location.reload();
  });
  void register(updates, waiting);
  return updates;
}

async function register(updates: { worker: ServiceWorker | undefined }, waiting: () => void): Promise<void> {
  const note = (worker: ServiceWorker | null) => {
    if (!worker || !navigator.serviceWorker.controller) return;
    updates.worker = worker;
    waiting();
  };
  try {
    const registration = await navigator.serviceWorker.register('/sw.js', { updateViaCache: 'none' });
    note(registration.waiting);
    registration.addEventListener('updatefound', () => {
      const worker = registration.installing;
      worker?.addEventListener('statechange', () => {
        if (worker.state === 'installed') note(worker);
      });
    });
    setInterval(() => void registration.update().catch(() => undefined), CHECK_MS);
  } catch {
    // Refused by the browser's settings: no offline start, all else works.
  }
}
