/* What a browser gives an engine to stand on. */
import wasmUrl from '../core/build/core.wasm?url';
import { EngineError } from '../core/types.ts';
import type { Engine } from '../core/types.ts';
import { browserClock } from './clock.ts';
import { deviceName } from './device.ts';
import { TabEngine } from './engine.ts';
import type { HostParts } from './host.ts';
import { openStorage } from './indexed.ts';
import { ownAddress, webSockets } from './socket.ts';

const LOCK = 'galka';
const CHANNEL = 'galka';

const parts = async (): Promise<HostParts> => {
  const [module, storage] = await Promise.all([
    WebAssembly.compileStreaming(fetch(wasmUrl)),
    openStorage(() => location.reload()).catch(() => {
      throw new EngineError('storage');
    }),
  ]);
  return {
    module,
    storage,
    clock: browserClock(),
    connect: webSockets(ownAddress()),
    language: navigator.language.startsWith('ru') ? 'ru' : 'en',
    random: (size) => crypto.getRandomValues(new Uint8Array(size)),
  };
};

export const openEngine = (): Engine => {
  const engine = new TabEngine({
    parts: parts(),
    deviceName: deviceName(navigator.userAgent),
    lead: (begins) => {
      void navigator.locks.request(LOCK, () => {
        begins();
        return new Promise(() => undefined); // until the tab is closed
      });
    },
    channel: () => new BroadcastChannel(CHANNEL),
    persist: () => {
      void navigator.storage.persist();
    },
  });
  addEventListener('online', () => engine.hurry());
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') engine.hurry();
  });
  addEventListener('pagehide', () => engine.leave());
  return engine;
};
