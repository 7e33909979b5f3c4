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
/** Tabs of another build speak another language: they do not hear each other, and the one that is looked at leads. */
const CHANNEL = `galka ${import.meta.url}`;

const parts = async (): Promise<HostParts> => {
  if (!navigator.locks) throw new EngineError('needs_tls'); // browsers have them on safe ways alone
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

/** The lock is held until the tab is closed, or another takes it away. */
const lockLead = () => {
  let waiting: AbortController | undefined;
  return (begins: () => void, lost: () => void, steal: boolean): void => {
    waiting?.abort(); // who takes it does not stand in line for it
    waiting = steal ? undefined : new AbortController();
    let held = false;
    const hold = (): Promise<never> => {
      held = true;
      begins();
      return new Promise(() => undefined);
    };
    const options = waiting ? { signal: waiting.signal } : { steal };
    navigator.locks.request(LOCK, options, hold).catch(() => {
      if (held) lost();
    });
  };
};

export const openEngine = (): Engine => {
  const engine = new TabEngine({
    parts: parts(),
    deviceName: deviceName(navigator.userAgent),
    lead: lockLead(),
    visible: () => document.visibilityState === 'visible',
    channel: () => new BroadcastChannel(CHANNEL),
    persist: () => {
      void navigator.storage.persist();
    },
  });
  addEventListener('offline', () => engine.offline());
  addEventListener('online', () => engine.hurry());
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') engine.hurry();
  });
  addEventListener('pagehide', () => engine.leave());
  return engine;
};
