/*
 * The wasm module: one call in, one value out (glue.h). A call that traps leaves the module in nobody knows what state: it is dead from
 * then on, and its host begins anew from the storage.
 */
import { EngineError } from './types.ts';

export type Bytes = Uint8Array<ArrayBuffer>;

/** Texts go as UTF-8, numbers as decimal text, truth as 1 or 0; undefined as an empty one. */
export type Arg = string | number | boolean | Bytes | undefined;

/** Bytes in the module's memory, there until the next call. */
export type Span = [at: number, size: number];

interface Exports {
  memory: WebAssembly.Memory;
  input(size: number): number;
  call(size: number, now: number, wall: number): number;
  output_at(): number;
  output_size(): number;
}

/** What time it is, in milliseconds: one that never goes back, and since 1970. */
export interface Time {
  now(): number;
  wall(): number;
}

export class Trap extends Error {}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

const bytesOf = (arg: Arg): Bytes => {
  if (arg === undefined) return new Uint8Array(0);
  if (typeof arg === 'string') return encoder.encode(arg);
  if (typeof arg === 'number') return encoder.encode(String(Math.min(Math.max(Math.trunc(arg), 0), Number.MAX_SAFE_INTEGER)));
  if (typeof arg === 'boolean') return encoder.encode(arg ? '1' : '0');
  return arg;
};

export class Module {
  readonly #exports: Exports;
  readonly #time: Time;
  #dead = false;

  constructor(module: WebAssembly.Module, time: Time) {
    this.#exports = new WebAssembly.Instance(module).exports as unknown as Exports;
    this.#time = time;
  }

  get dead(): boolean {
    return this.#dead;
  }

  /** How many bytes the module has. */
  get size(): number {
    return this.#exports.memory.buffer.byteLength;
  }

  /** Throws EngineError where the verb refuses, Trap where it broke. */
  call<T>(verb: string, ...args: Arg[]): T {
    if (this.#dead) throw new Trap(verb);
    try {
      return this.#call<T>(verb, args);
    } catch (error) {
      if (error instanceof EngineError) throw error;
      this.#dead = true;
      throw new Trap(`${verb}: ${String(error)}`);
    }
  }

  #call<T>(verb: string, args: Arg[]): T {
    const parts = [verb, ...args].map(bytesOf);
    const size = parts.reduce((sum, part) => sum + 4 + part.length, 0);
    const input = this.#exports.input(size);
    if (!input) throw new EngineError('too_large');
    this.#write(input, size, parts);
    const error = this.#exports.call(size, this.#time.now(), this.#time.wall());
    const text = decoder.decode(this.#view(this.#exports.output_at(), this.#exports.output_size()));
    const value: unknown = text ? JSON.parse(text) : undefined;
    if (error) throw new EngineError(String(value));
    return value as T;
  }

  #write(input: number, size: number, parts: Bytes[]): void {
    const view = new DataView(this.#exports.memory.buffer, input, size);
    const bytes = this.#view(input, size);
    let at = 0;
    for (const part of parts) {
      view.setUint32(at, part.length, true);
      bytes.set(part, at + 4);
      at += 4 + part.length;
    }
  }

  #view(at: number, size: number): Uint8Array {
    return new Uint8Array(this.#exports.memory.buffer, at, size);
  }

  /** A copy of what lies there. */
  bytes([at, size]: Span): Bytes {
    return new Uint8Array(this.#exports.memory.buffer.slice(at, at + size));
  }
}

export const hexToBytes = (hex: string): Bytes => {
  const bytes = new Uint8Array(hex.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16);
  return bytes;
};

export const bytesToHex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
