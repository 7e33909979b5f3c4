/* What only the tab that leads can do. It does it for itself, and for the others, who ask for it by channel (channel.ts). */
import type { Engine, EngineEvent, Operation, OutboxEntry, RequestId, RoomId, Snapshot, UserId } from '../core/types.ts';

type OfStorage = 'listen' | 'rows' | 'rowsAfter' | 'row' | 'outbox' | 'searchHere' | 'personalRoom' | 'write' | 'read' | 'watch' | 'typing' | 'hurry' | 'cancel';

export interface Deeds extends Omit<Engine, OfStorage> {
  snapshot(): Promise<Snapshot>;
  write(room: RoomId, operation: Operation): Promise<RequestId>;
  read(room: RoomId, seq: number): Promise<void>;
  /** tab: whose screen it is. */
  watch(tab: string, users: UserId[], room: RoomId | undefined): Promise<void>;
  typing(room: RoomId): Promise<void>;
  hurry(): Promise<void>;
  cancel(): Promise<void>;
  /** The browser says that there is no network: what looks like a link is none. */
  offline(): Promise<void>;
  /** That tab put an entry into the outbox. */
  wrote(entry: OutboxEntry): Promise<void>;
  /** That tab is closed. */
  gone(tab: string): Promise<void>;
}

export type Deed = keyof Deeds;
export type Emit = (event: EngineEvent) => void;
