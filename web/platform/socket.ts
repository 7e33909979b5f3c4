/*
 * The link: a WebSocket to this page's own server. Its binary messages are pieces of one stream of frames each way; what a message holds
 * says nothing.
 */
import type { Bytes } from '../core/wasm.ts';

/** What the browser may hold for a slow link; beyond it nothing is taken, and the core offers again soon. */
const BUFFERED_MAX = 262144;
const RECEIVED_MAX = 131072;

export interface SocketEvents {
  opened(): void;
  received(bytes: Bytes): void;
  closed(): void;
}

export interface Socket {
  /** How many bytes were taken: all or none. */
  send(bytes: Bytes): number;
  /** No event comes after this. */
  close(): void;
}

export type Connect = (events: SocketEvents) => Socket;

/** Makes connections to that address. */
export const webSockets =
  (url: string): Connect =>
  (events) => {
    const socket = new WebSocket(url);
    let over = false;
    const end = (): void => {
      if (over) return;
      over = true;
      events.closed();
    };
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => {
      if (!over) events.opened();
    };
    socket.onmessage = (message: MessageEvent<unknown>) => {
      if (over || !(message.data instanceof ArrayBuffer)) return;
      const bytes = new Uint8Array(message.data);
      for (let at = 0; at < bytes.length && !over; at += RECEIVED_MAX) events.received(bytes.subarray(at, at + RECEIVED_MAX));
    };
    socket.onclose = end;
    socket.onerror = end;
    return {
      send: (bytes) => {
        if (socket.readyState !== WebSocket.OPEN || socket.bufferedAmount > BUFFERED_MAX) return 0;
        socket.send(bytes);
        return bytes.length;
      },
      close: () => {
        over = true;
        socket.close();
      },
    };
  };

/** Where the page came from. */
export const ownAddress = (): string => `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws`;
