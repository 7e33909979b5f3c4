/*
 * The service worker: the app starts without a link. Everything that the build made is kept in one cache, by its revision; /ws never
 * comes here. A new version is fetched beside the old one and waits until somebody says so (or no tab is left): what is being
 * written is in the storage, so a reload loses nothing.
 */
/// <reference lib="webworker" />
import { cleanupOutdatedCaches, precacheAndRoute } from 'workbox-precaching';

declare const self: ServiceWorkerGlobalScope & { __WB_MANIFEST: { url: string; revision: string | null }[] };

precacheAndRoute(self.__WB_MANIFEST, { directoryIndex: 'index.html', ignoreURLParametersMatching: [/.*/] });
cleanupOutdatedCaches();

self.addEventListener('message', (event: ExtendableMessageEvent) => {
  if (event.data === 'use the new version') void self.skipWaiting();
});

self.addEventListener('activate', (event: ExtendableEvent) => event.waitUntil(self.clients.claim()));

/** A note that a page showed by way of this worker (view/notices.ts): its tag is the room. */
self.addEventListener('notificationclick', (event: NotificationEvent) => {
  const { tag } = event.notification;
  event.notification.close();
  event.waitUntil(open(tag));
});

async function open(room: string): Promise<void> {
  const [page] = await self.clients.matchAll({ type: 'window' });
  if (!page) {
    await self.clients.openWindow(`/#/chat/${room}`);
    return;
  }
  page.postMessage({ show: room });
  await page.focus();
}
