/*
 * The tabs of one browser among themselves, over a BroadcastChannel: the leader tells what happens, the others ask it for what it alone can
 * do.
 *
 *      ask → (taken) → answered
 *
 * A leader may go at any moment. What it has not said to have taken is asked of the next one again; so is what may be done twice. Of the
 * rest nobody can say whether it was done: 'unknown'.
 */
import { EngineError } from '../core/types.ts';
import type { EngineEvent, ErrorName } from '../core/types.ts';
import type { Deed, Deeds } from './deeds.ts';

const ASKS_MAX = 256;
const SERVED_MAX = 1024;
const TAKEN_MS = 5000; // a leader that is awake says at once that it has taken something

export interface Ask<D extends Deed = Deed> {
  deed: D;
  args: Parameters<Deeds[D]>;
}

type Message =
  | ({ kind: 'ask'; tab: string; id: number } & Ask)
  | { kind: 'taken'; tab: string; id: number }
  | { kind: 'done'; tab: string; id: number; value: unknown }
  | { kind: 'refused'; tab: string; id: number; error: ErrorName; retryMs: number }
  | { kind: 'event'; event: EngineEvent }
  /** Who leads? */
  | { kind: 'hello' }
  | { kind: 'leads'; tab: string };

/** May be done twice, or changes nothing. */
const REPEATABLE: ReadonlySet<Deed> = new Set<Deed>([
  'snapshot', 'devices', 'members', 'find', 'person', 'search', 'around', 'pins', 'reactors', 'history', 'read', 'watch', 'typing', 'hurry', 'cancel', 'offline', 'wrote', 'gone', 'set', 'setRoom',
]);

interface Pending {
  ask: Ask;
  taken: boolean;
  resolve(value: unknown): void;
  reject(error: EngineError): void;
}

export interface ChannelEvents {
  /** Another tab leads. */
  leader(tab: string): void;
  event(event: EngineEvent): void;
  /** Nobody took what was asked: the leader is frozen, or there is none. */
  silent(): void;
}

/** What is no refusal is a mistake of ours: it is said, and the asker told that it failed. */
export const asError = (error: unknown): EngineError => {
  if (error instanceof EngineError) return error;
  console.error(error);
  return new EngineError('failed');
};

export class Channel {
  readonly #channel: BroadcastChannel;
  readonly #tab: string;
  readonly #events: ChannelEvents;
  readonly #pending = new Map<number, Pending>();
  #run: ((ask: Ask) => Promise<unknown>) | undefined;
  readonly #served = new Set<string>(); // the latest
  #heard = false; // somebody listens
  #closed = false;
  #last = 0;
  #leader = '';

  constructor(channel: BroadcastChannel, tab: string, events: ChannelEvents) {
    this.#channel = channel;
    this.#tab = tab;
    this.#events = events;
    channel.onmessage = (message: MessageEvent<unknown>) => this.#take(message.data as Message); // none but this app's own tabs speak here
    this.#say({ kind: 'hello' });
  }

  close(): void {
    this.#run = undefined;
    this.#closed = true;
    this.#channel.close();
    for (const { reject } of this.#pending.values()) reject(new EngineError('closed'));
    this.#pending.clear();
  }

  #say(message: Message): void {
    if (!this.#closed) this.#channel.postMessage(message);
  }

  /** A leader that is awake answers `hello`. */
  expect(): void {
    setTimeout(() => {
      if (!this.#run && !this.#leader && !this.#closed) this.#events.silent();
    }, TAKEN_MS);
  }

  // ---- who follows

  ask(ask: Ask): Promise<unknown> {
    if (this.#closed) return Promise.reject(new EngineError('closed'));
    if (this.#pending.size >= ASKS_MAX) return Promise.reject(new EngineError('full'));
    return new Promise((resolve, reject) => {
      const id = ++this.#last;
      this.#pending.set(id, { ask, taken: false, resolve, reject });
      if (this.#run) this.#runHere(id);
      else this.#send(id, ask);
    });
  }

  #send(id: number, ask: Ask): void {
    this.#say({ kind: 'ask', tab: this.#tab, id, ...ask });
    setTimeout(() => {
      const pending = this.#pending.get(id);
      if (pending && !pending.taken && !this.#run) this.#events.silent();
    }, TAKEN_MS);
  }

  /** What the last leader left undone. */
  #again(): void {
    for (const [id, pending] of [...this.#pending]) {
      if (pending.taken && !REPEATABLE.has(pending.ask.deed)) {
        this.#pending.delete(id);
        pending.reject(new EngineError('unknown'));
        continue;
      }
      pending.taken = false;
      if (this.#run) this.#runHere(id);
      else this.#send(id, pending.ask);
    }
  }

  #runHere(id: number): void {
    const pending = this.#pending.get(id);
    if (!pending || !this.#run) return;
    this.#pending.delete(id);
    this.#run(pending.ask).then(pending.resolve, (error: unknown) => pending.reject(asError(error)));
  }

  // ---- who leads

  /** This tab leads from here on: asks of all come to `run`. */
  lead(run: (ask: Ask) => Promise<unknown>): void {
    this.#run = run;
    this.#leader = this.#tab;
    this.#say({ kind: 'leads', tab: this.#tab });
    this.#again();
  }

  /** It does no more. */
  follow(): void {
    this.#run = undefined;
    this.#leader = '';
    this.#say({ kind: 'hello' });
  }

  tell(event: EngineEvent): void {
    if (this.#heard) this.#say({ kind: 'event', event });
  }

  async #serve(tab: string, id: number, ask: Ask): Promise<void> {
    const name = `${tab} ${id}`;
    if (!this.#run || this.#served.has(name)) return; // asked again by who did not know yet that it was heard
    if (this.#served.size >= SERVED_MAX) this.#served.delete(this.#served.values().next().value ?? '');
    this.#served.add(name);
    this.#heard = true;
    this.#say({ kind: 'taken', tab, id });
    try {
      this.#say({ kind: 'done', tab, id, value: await this.#run(ask) });
    } catch (error) {
      const { code, retryMs } = asError(error);
      this.#say({ kind: 'refused', tab, id, error: code, retryMs });
    }
  }

  // ---- what is said

  #take(message: Message): void {
    switch (message.kind) {
      case 'ask':
        void this.#serve(message.tab, message.id, { deed: message.deed, args: message.args });
        break;
      case 'hello':
        this.#heard = true;
        if (this.#run) this.#say({ kind: 'leads', tab: this.#tab });
        break;
      case 'leads':
        if (message.tab === this.#leader) break;
        this.#leader = message.tab;
        this.#heard = true;
        this.#events.leader(message.tab);
        this.#again();
        break;
      case 'event':
        if (!this.#run) this.#events.event(message.event);
        break;
      default:
        if (message.tab === this.#tab) this.#answered(message);
    }
  }

  #answered(message: Extract<Message, { kind: 'taken' | 'done' | 'refused' }>): void {
    const pending = this.#pending.get(message.id);
    if (!pending) return;
    if (message.kind === 'taken') {
      pending.taken = true;
      return;
    }
    this.#pending.delete(message.id);
    if (message.kind === 'done') pending.resolve(message.value);
    else pending.reject(new EngineError(message.error, message.retryMs));
  }
}
