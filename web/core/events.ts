/* What the core tells its host: the objects that event.c writes. */
import type { Device, ErrorName, Hit, Me, Member, Person, Phase, Place, Reactor, RequestId, RoomId, RoomInfo, Row, UserId } from './types.ts';
import type { Span } from './wasm.ts';

export interface CoreChange {
  key: Span;
  value?: Span;
  end?: Span;
}

export interface CoreState {
  phase: Phase;
  me?: Me;
  refused?: ErrorName;
  nextConnect: number;
  invites: boolean;
}

/** A room as the core knows it; `last` and `mentions` come from the storage. */
export type CoreRoom = Omit<RoomInfo, 'last' | 'mentions'> & { bare: boolean };

/** What there is to do. */
export type CoreWish =
  | { kind: 'connect' }
  | { kind: 'close' }
  | { kind: 'send'; bytes: Span }
  | { kind: 'keep'; number: number; changes: CoreChange[] }
  | { kind: 'want'; number: number; key: Span; end: Span; limit: number; backwards: boolean };

/** What happened. */
export type CoreNews =
  | { kind: 'phase' | 'blocks' | 'names' }
  | { kind: 'sign'; wait: number; error?: ErrorName }
  | { kind: 'room' | 'typing'; room: RoomId }
  | { kind: 'row'; room: RoomId; row: Row; mentions: boolean }
  | { kind: 'message'; room: RoomId; id: RequestId; state: 'queued' | 'sent' | 'failed'; seq: number; error?: ErrorName }
  | { kind: 'history'; room: RoomId; seq: number; error?: ErrorName }
  | { kind: 'people'; id: RequestId; people: Person[] }
  | { kind: 'devices'; id: RequestId; devices: Device[] }
  | { kind: 'window' | 'pins'; id: RequestId; room: RoomId; rows: Row[]; seq: number; more: boolean }
  | { kind: 'reactors'; id: RequestId; reactors: Reactor[] }
  | { kind: 'members'; id: RequestId; members: Member[]; head: number; more: boolean; link: string }
  | { kind: 'found'; id: RequestId; hits: Hit[]; more: boolean; place?: Place }
  | { kind: 'invited'; id: RequestId; token: string | null }
  | { kind: 'failed'; id: RequestId; error?: ErrorName }
  | { kind: 'status'; user: UserId }
  | { kind: 'setting'; key?: string; value?: string; waits?: boolean; room?: RoomId; error?: ErrorName }
  | { kind: 'forgotten'; error?: ErrorName };

export type CoreEvent = { kind: 'none'; deadline: number } | CoreWish | CoreNews;
