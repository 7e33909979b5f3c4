/*
 * The web app's core and its host without a browser: the wasm module, a storage that is a map, a link that is a raw socket, and tabs of
 * one browser as engines that share a storage, locks and a channel. What is tested is what ships, down to the module.
 */
import { readFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { EngineError } from '../../web/core/types.ts';
import { bytesToHex, hexToBytes } from '../../web/core/wasm.ts';
import { NotLeading, StorageRefused } from '../../web/platform/storage.ts';
import { TabEngine } from '../../web/platform/engine.ts';

export const wasm = new WebAssembly.Module(readFileSync(new URL('../../web/core/build/core.wasm', import.meta.url)));

/** What a browser keeps: survives its tabs. */
export class Database {
  records = new Map(); // by key in hex, which orders as bytes do
  leader = '';
  refuses = false; // nothing can be written
  strict = 0; // transactions that had to be on the disk

  range(from, to) {
    const low = bytesToHex(from);
    const high = bytesToHex(to);
    return [...this.records.keys()].filter((key) => key >= low && (!high || key < high)).sort();
  }

  apply(changes) {
    if (this.refuses) throw new StorageRefused('full');
    for (const { key, value, end } of changes) {
      if (value) this.records.set(bytesToHex(key), value.slice());
      else for (const one of this.range(key, end)) this.records.delete(one);
    }
  }
}

const later = () => new Promise((resolve) => setImmediate(resolve));

export class MemoryStorage {
  constructor(database) {
    this.database = database;
    this.queue = Promise.resolve();
  }

  /** One after another, each some time later. */
  #turn(what) {
    const done = this.queue.then(later).then(what);
    this.queue = done.catch(() => undefined);
    return done;
  }

  lead(name) {
    return this.#turn(() => {
      this.name = name;
      this.database.leader = name;
    });
  }

  keep(changes, strict) {
    return this.#turn(() => {
      if (this.database.leader !== this.name) throw new NotLeading();
      if (strict) this.database.strict++;
      this.database.apply(changes);
    });
  }

  put(changes) {
    return this.#turn(() => this.database.apply(changes));
  }

  look(what) {
    return this.#turn(() => what(this.#look()));
  }

  #look() {
    const { database } = this;
    const entry = (key) => [hexToBytes(key), database.records.get(key)];
    return {
      get: async (key) => database.records.get(bytesToHex(key)),
      range: async (from, to, limit) => database.range(from, to).slice(0, limit).map(entry),
      values: async (from, to, limit) => database.range(from, to).slice(0, limit).map((key) => database.records.get(key)),
      last: async (from, to) => database.range(from, to).slice(-1).map(entry)[0],
      count: async (from, to) => database.range(from, to).length,
    };
  }

  close() {}
}

/** A link by raw TCP: the same frames. `cut()` ends what there is and lets none be made until `mend()`. */
export class Network {
  constructor(port) {
    this.port = port;
    this.whole = true;
    this.deaf = false; // what is sent gets nowhere, and nobody notices
    this.sockets = new Set();
    this.made = 0;
  }

  cut() {
    this.whole = false;
    for (const socket of this.sockets) socket.destroy();
  }

  mend() {
    this.whole = true;
  }

  connect = (events) => {
    const socket = createConnection({ port: this.whole ? this.port : 1, host: '127.0.0.1' });
    this.made++;
    this.sockets.add(socket);
    let over = false;
    const end = () => {
      this.sockets.delete(socket);
      if (!over) events.closed();
      over = true;
    };
    socket.setNoDelay(true);
    socket.on('connect', () => over || events.opened());
    socket.on('data', (data) => over || events.received(new Uint8Array(data)));
    socket.on('error', () => undefined);
    socket.on('close', end);
    return {
      send: (bytes) => (!this.deaf && socket.writable && socket.write(bytes), bytes.length),
      close: () => {
        over = true;
        this.sockets.delete(socket);
        socket.destroy();
      },
    };
  };
}

/** Time that can be moved: sleep() is what a closed laptop does. */
export class TestClock {
  skipped = 0;
  now = () => performance.now() + this.skipped;
  wall = () => Date.now() + this.skipped;
  after = (ms, what) => {
    const timer = setTimeout(what, ms);
    return () => clearTimeout(timer);
  };
  sleep(ms) {
    this.skipped += ms;
  }
}

export const random = (size) => crypto.getRandomValues(new Uint8Array(size));

/** Web Locks, as far as needed: one holds it, the others wait in line. */
export class Locks {
  waiting = [];
  holder = undefined;

  request(name, begins, lost, steal) {
    this.waiting = this.waiting.filter((one) => one.name !== name);
    if (steal) {
      this.holder?.lost();
      this.holder = undefined;
      this.waiting.unshift({ name, begins, lost });
    } else {
      this.waiting.push({ name, begins, lost });
    }
    this.#next();
  }

  #next() {
    if (this.holder || !this.waiting.length) return;
    this.holder = this.waiting.shift();
    queueMicrotask(this.holder.begins);
  }

  release(name) {
    this.waiting = this.waiting.filter((one) => one.name !== name);
    if (this.holder?.name === name) this.holder = undefined;
    this.#next();
  }
}

/** A browser with its storage and tabs. */
export class Browser {
  constructor(port) {
    this.database = new Database();
    this.network = new Network(port);
    this.locks = new Locks();
    this.clock = new TestClock();
    this.tabs = [];
    this.channel = `galka-${Math.random()}`;
  }

  tab({ module = wasm } = {}) {
    const name = `tab ${this.tabs.length}`;
    const tab = new Tab(this, name, module);
    this.tabs.push(tab);
    return tab;
  }

  close() {
    for (const tab of this.tabs) tab.close();
  }
}

/** An engine, and what it told. */
export class Tab {
  constructor(browser, name, module) {
    this.browser = browser;
    this.name = name;
    this.events = [];
    this.rooms = new Map();
    this.state = { phase: 'loading' };
    this.engine = new TabEngine({
      parts: Promise.resolve({
        module,
        storage: new MemoryStorage(browser.database),
        clock: browser.clock,
        connect: browser.network.connect,
        language: 'en',
        random,
      }),
      deviceName: `Test on ${name}`,
      lead: (begins, lost, steal) => browser.locks.request(name, begins, () => this.frozen || lost(), steal),
      visible: () => true,
      channel: () => (this.channel = new BroadcastChannel(browser.channel)),
      persist: () => undefined,
    });
    this.unlisten = this.engine.listen((event) => this.#take(event));
  }

  #take(event) {
    this.events.push(event);
    if (event.kind === 'snapshot') {
      this.state = event.snapshot;
      this.rooms = new Map(event.snapshot.rooms.map((room) => [room.room, room]));
    }
    if (event.kind === 'phase') this.state = { ...this.state, ...event };
    if (event.kind === 'rooms') for (const room of event.rooms) this.rooms.set(room.room, room);
  }

  /** As a phone does with a tab that nobody looks at: what it is told it hears when it wakes. Of its lock it hears nothing. */
  freeze() {
    this.frozen = true;
    const hears = this.channel.onmessage;
    const missed = [];
    this.channel.onmessage = (message) => missed.push(message);
    this.thaw = () => {
      this.channel.onmessage = hears;
      for (const message of missed) hears(message);
    };
  }

  async wait(what, description = String(what), ms = 15000) {
    const end = performance.now() + ms;
    for (;;) {
      const value = await what();
      if (value) return value;
      if (performance.now() > end) throw new Error(`${this.name}: not within ${ms} ms: ${description}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  phase(...phases) {
    return this.wait(() => phases.includes(this.state.phase), `phase ${phases} (is ${this.state.phase})`);
  }

  close() {
    this.engine.stop();
    this.browser.locks.release(this.name);
  }
}

/** The name of the error that it rejects with. */
export const refusal = async (promise) => {
  try {
    await promise;
  } catch (error) {
    if (error instanceof EngineError) return error.code;
    throw error;
  }
  return 'done';
};
