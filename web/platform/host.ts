/*
 * The core's host: socket, clock and storage around one module. What the core wants done is done here; what it tells goes to the
 * listener, and after each turn `settled`.
 *
 *      start → loads from the storage → (turns …) → stop
 *
 * A module that traps, or a storage that refuses, ends this life: everything is thrown away and, after a pause that grows, a new module
 * begins from what is stored. Nothing half done can come of it, since nothing was promised before it was kept.
 */
import type { CoreChange, CoreNews, CoreWish } from '../core/events.ts';
import type { CoreEvent } from '../core/events.ts';
import { EngineError } from '../core/types.ts';
import type { ErrorName } from '../core/types.ts';
import { Module, Trap } from '../core/wasm.ts';
import type { Arg, Bytes } from '../core/wasm.ts';
import type { Clock } from './clock.ts';
import type { Connect, Socket } from './socket.ts';
import { NotLeading } from './storage.ts';
import type { Change, Storage } from './storage.ts';

const CLIENT = 'galka web 0.1';
const OUTBOX = 0x4f; // 'O': entries of the outbox
const PROFILE = 0x50; // 'P': the account
const TURN_MS = 10; // then the page has its turn
const TIMER_MAX_MS = 60000; // what setTimeout can be trusted with, and how often the clocks are compared at least
const LIVES_FIRST_MS = 1000;
const LIVES_MAX_MS = 60000;
const STEADY_MS = 60000; // who lived so long begins with the first pause again

export interface HostParts {
  module: WebAssembly.Module;
  storage: Storage;
  clock: Clock;
  connect: Connect;
  language: string;
  random(size: number): Bytes;
}

export interface HostEvents {
  news(news: CoreNews): void;
  /** Entries of the outbox that are gone: of those that were sent the core tells too. */
  dropped(key: Bytes): void;
  /** Rows or all were dropped. */
  forgot(): void;
  settled(): void;
  /** The core is another one now, or (error) there is none for a while: what was asked of the last is not answered any more. */
  reborn(error?: ErrorName): void;
  /** Another tab has taken the lead; nothing more will come. */
  deposed(): void;
}

interface Batch {
  number: number;
  changes: Change[];
}

export class Host {
  readonly #parts: HostParts;
  readonly #events: HostEvents;
  #core: Module | undefined;
  #socket: Socket | undefined;
  #batches: Batch[] = [];
  readonly #waiters: { resolve(): void; reject(error: EngineError): void }[] = [];
  #keeping = false;
  #settling = false;
  #stopped = false;
  #life = 0;
  #failures = 0;
  #born = 0;
  #failedConnects = 0;
  #cancelTimer: (() => void) | undefined;

  constructor(parts: HostParts, events: HostEvents) {
    this.#parts = parts;
    this.#events = events;
  }

  /** Connects that failed since there was a link. */
  get failedConnects(): number {
    return this.#failedConnects;
  }

  /** From here on they count again. */
  forgive(): void {
    this.#failedConnects = 0;
  }

  start(): void {
    if (this.#stopped) return;
    this.#life++;
    this.#born = this.#parts.clock.now();
    this.#batches = [];
    this.#keeping = false;
    this.#core = new Module(this.#parts.module, this.#parts.clock);
    this.#events.reborn();
    this.#try(() => this.#core?.call('new', this.#parts.random(32), CLIENT, this.#parts.language));
    this.call('online', true);
  }

  stop(): void {
    this.#stopped = true;
    this.#end();
  }

  #end(): void {
    this.#life++;
    for (const waiter of this.#waiters.splice(0)) waiter.reject(new EngineError('again'));
    this.#core = undefined;
    this.#socket?.close();
    this.#socket = undefined;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  /** A verb that acts: what comes of it is done at once. 'again': there is no core now. */
  call<T = void>(verb: string, ...args: Arg[]): T {
    if (!this.#core) throw new EngineError('again');
    const value = this.#try(() => this.#core?.call<T>(verb, ...args));
    this.settle();
    return value as T;
  }

  /** A verb that only looks. */
  look<T>(verb: string, ...args: Arg[]): T {
    if (!this.#core) throw new EngineError('again');
    return this.#try(() => this.#core?.call<T>(verb, ...args)) as T;
  }

  get lives(): boolean {
    return this.#core !== undefined;
  }

  /** Connects now, if there is no link. */
  hurry(): void {
    if (!this.#core || this.#socket) return;
    this.call('online', false);
    this.call('online', true);
  }

  /** The link is gone, whatever the socket knows of it. */
  cut(): void {
    if (!this.#socket) return;
    this.#socket.close();
    this.#socket = undefined;
    this.#step('disconnected');
  }

  #try<T>(what: () => T): T {
    try {
      return what();
    } catch (error) {
      if (error instanceof Trap) {
        this.#fail('failed');
        throw new EngineError('failed');
      }
      throw error;
    }
  }

  /** This life is over. */
  #fail(error: ErrorName): void {
    const lived = this.#parts.clock.now() - this.#born;
    this.#end();
    if (this.#stopped) return;
    this.#failures = lived >= STEADY_MS ? 1 : this.#failures + 1;
    this.#events.reborn(error);
    this.#cancelTimer = this.#parts.clock.after(Math.min(LIVES_FIRST_MS * 2 ** (this.#failures - 1), LIVES_MAX_MS), () => this.start());
  }

  // ---- turns

  /** Does whatever the core wants done, then waits for its deadline. */
  settle(): void {
    if (this.#settling || !this.#core) return;
    this.#settling = true;
    const core = this.#core;
    const until = performance.now() + TURN_MS;
    let wait = 0;
    try {
      for (;;) {
        const event = core.call<CoreEvent>('poll');
        if (event.kind === 'none') {
          wait = event.deadline - this.#parts.clock.now();
          break;
        }
        this.#take(core, event);
        if (this.#core !== core || performance.now() > until) break;
      }
    } catch (error) {
      if (this.#core === core) this.#fail(error instanceof Trap ? 'failed' : 'corrupt');
    }
    this.#settling = false;
    if (this.#core === core) this.#wait(wait);
    try {
      this.#events.settled();
    } catch (error) {
      if (!(error instanceof EngineError)) throw error; // it broke while it was looked at, and that was dealt with
    }
  }

  #wait(ms: number): void {
    const life = this.#life;
    this.#cancelTimer?.();
    this.#cancelTimer = this.#parts.clock.after(Math.min(Math.max(ms, 0), TIMER_MAX_MS), () => {
      if (life === this.#life) this.#step('tick');
    });
  }

  /** Something happened; a trap was dealt with when it comes back. */
  #step(verb: string, ...args: Arg[]): void {
    try {
      this.call(verb, ...args);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
    }
  }

  #take(core: Module, event: CoreWish | CoreNews): void {
    switch (event.kind) {
      case 'connect':
        this.#connect(core);
        break;
      case 'close':
        this.#socket?.close();
        this.#socket = undefined;
        break;
      case 'send': {
        const taken = this.#socket?.send(core.bytes(event.bytes)) ?? 0;
        core.call('sent', taken);
        break;
      }
      case 'keep':
        this.#batches.push({ number: event.number, changes: event.changes.map((change) => copied(core, change)) });
        void this.#keep();
        break;
      case 'want':
        void this.#give(event.number, core.bytes(event.key), core.bytes(event.end), event.limit);
        break;
      default:
        this.#events.news(event);
    }
  }

  // ---- the link

  #connect(core: Module): void {
    const life = this.#life;
    let opened = false;
    this.#socket?.close();
    const mine = (what: () => void) => () => {
      if (life === this.#life && this.#socket === socket) what();
    };
    let socket: Socket | undefined;
    try {
      socket = this.#parts.connect({
        opened: () =>
          mine(() => {
            opened = true;
            this.#failedConnects = 0;
            this.#step('connected');
          })(),
        received: (bytes) => mine(() => this.#step('receive', bytes))(),
        closed: () =>
          mine(() => {
            if (!opened) this.#failedConnects++;
            this.#socket = undefined;
            this.#step('disconnected');
          })(),
      });
      this.#socket = socket;
    } catch {
      this.#failedConnects++;
      core.call('disconnected');
    }
  }

  // ---- the storage

  /** Batches that came while others were being kept go as one. */
  async #keep(): Promise<void> {
    const life = this.#life;
    if (this.#keeping) return;
    this.#keeping = true;
    while (this.#batches.length && life === this.#life) {
      const batches = this.#batches.splice(0);
      const changes = batches.flatMap((batch) => batch.changes);
      try {
        await this.#parts.storage.keep(changes, changes.some(mustLast));
      } catch (error) {
        if (life === this.#life) this.#refused(error);
        return;
      }
      if (life !== this.#life) return;
      this.#tellDropped(changes);
      for (const batch of batches) this.#step('kept', batch.number);
    }
    if (life !== this.#life) return;
    this.#keeping = false;
    for (const waiter of this.#waiters.splice(0)) waiter.resolve();
  }

  /** All that the core wanted kept so far is kept. 'again': its life ended before. */
  kept(): Promise<void> {
    if (!this.#keeping) return Promise.resolve();
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  #tellDropped(changes: Change[]): void {
    for (const { key, end } of changes) {
      if (!end) continue;
      if (key[0] === OUTBOX && end.length === key.length + 1) this.#events.dropped(key);
      else this.#events.forgot();
    }
  }

  async #give(want: number, key: Bytes, end: Bytes, limit: number): Promise<void> {
    const life = this.#life;
    try {
      const entries = await this.#parts.storage.look((look) => look.range(key, end, limit));
      if (life !== this.#life) return;
      for (let at = 0; at < entries.length; at += GIVEN_MAX) {
        const some = entries.slice(at, at + GIVEN_MAX).flat();
        this.#try(() => this.#core?.call('given', want, ...some));
      }
      this.#step('given_end', want);
    } catch (error) {
      if (life === this.#life) this.#refused(error);
    }
  }

  #refused(error: unknown): void {
    if (error instanceof EngineError) return;
    if (error instanceof NotLeading) {
      this.stop();
      this.#events.deposed();
    } else {
      this.#fail('storage');
    }
  }
}

/** Records given in one call: 100 of the largest fit into its input. */
const GIVEN_MAX = 100;

const copied = (core: Module, { key, value, end }: CoreChange): Change => ({
  key: core.bytes(key),
  ...(value ? { value: core.bytes(value) } : {}),
  ...(end ? { end: core.bytes(end) } : {}),
});

const mustLast = ({ key, value }: Change): boolean => value !== undefined && (key[0] === OUTBOX || key[0] === PROFILE);
