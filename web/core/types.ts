/*
 * What the model knows of the core: plain data and one interface, Engine. An Engine is the same thing in every tab: in the tab that
 * leads it is the wasm core and its host (platform/), in the others it speaks to the leader's; both read the same storage.
 *
 * Numbers: u64 of the protocol that are counters or times (seq, head, ms) are numbers (they stay below 2^53). Ids are text: users and
 * devices 16 hex digits, rooms and requests 32. Times are milliseconds since 1970.
 */

export type UserId = string;
export type DeviceId = string;
export type RoomId = string;
export type RequestId = string;

/** enum core_phase */
export type Phase =
  | 'loading'
  | 'signed-out'
  | 'waits-for-code'
  | 'waits-for-reset'
  | 'offline'
  | 'joining'
  | 'ready'
  | 'synced';

/** src/base/errors.def, by name in lower case: 'busy', 'no_room', 'bad_login', …; 'storage': this browser refuses to store. */
export type ErrorName = string;

/** What a refused or failed action rejects with. */
export class EngineError extends Error {
  readonly code: ErrorName;
  /** milliseconds to wait before the next try, where that is the reason; else 0 */
  readonly retryMs: number;

  constructor(code: ErrorName, retryMs = 0) {
    super(code);
    this.code = code;
    this.retryMs = retryMs;
  }
}

export interface Person {
  user: UserId;
  /** without @; may be empty */
  userName: string;
  displayName: string;
}

/** rules/room.h */
export type RoomKind = 'group' | 'personal' | 'self';

/** rules/role.h; 'none': not a member */
export type Role = 'none' | 'member' | 'admin' | 'owner';

/** rules/row.h: kinds that rows have. */
export type RowKind = 'text' | 'created' | 'joined' | 'left' | 'title' | 'role' | 'link' | 'deleted' | 'setting' | 'unknown';

export interface Reaction {
  emoji: string;
  people: number;
}

/** Who has which reaction to a row. */
export interface Reactor {
  user: UserId;
  emoji: string;
}

/** A row of a room's log as it is now (messages.def, row). Optional fields are absent where the wire has none. */
export interface Row {
  seq: number;
  changed: number;
  time: number;
  sender: UserId;
  kind: RowKind;
  /** of the operation that made it: the id under which an own message stood in the outbox */
  request: RequestId;
  text: string;
  subject?: UserId;
  role?: Role;
  heir?: UserId;
  replyTo?: number;
  editedMs?: number;
  reactions: Reaction[];
  /** one's own reaction */
  reacted?: string;
  /** whose text was forwarded, as he was called then */
  origin?: string;
  /** the number of the operation that pinned it */
  pinned?: number;
}

/** An own operation that the server has not answered, or refused. */
export interface OutboxEntry {
  room: RoomId;
  id: RequestId;
  operation: Operation;
  /** when it was written */
  time: number;
  state: 'queued' | 'failed';
  error?: ErrorName;
}

/** What may be written to a room's log (rules/row.h says what each kind needs). */
export interface Operation {
  /** created: only in the outbox, by createGroup */
  kind: 'text' | 'created' | 'joined' | 'left' | 'title' | 'role' | 'link' | 'deleted' | 'edited' | 'reacted' | 'pinned';
  text?: string;
  subject?: UserId;
  role?: Role;
  /** link: 32 hex digits, or '' for none; joined by oneself: the group's secret */
  link?: string;
  target?: number;
  origin?: string;
  off?: boolean;
}

/** Own rows with seq > from are ticked: ✓✓ up to delivered, coloured up to read (0: none). */
export interface Ticks {
  from: number;
  delivered: number;
  read: number;
}

/** rules/setting.h */
export interface RoomSettings {
  /** Infinity: for ever; 0: not */
  mutedUntil: number;
  muted: boolean;
  archived: boolean;
  /** the greater the higher; 0: not pinned */
  pin: number;
  draft: string;
  /** the row that the draft replies to; 0: none */
  draftReplyTo: number;
}

/** A line of the list (core_room_info). */
export interface RoomInfo {
  room: RoomId;
  kind: RoomKind;
  left: boolean;
  head: number;
  /** rows above it are whole here; 0: all are */
  holeTop: number;
  unread: number;
  lastTime: number;
  /** own marks */
  marks: { delivered: number; read: number; shown: number };
  ticks: Ticks;
  peer?: Person;
  title: string;
  role: Role;
  members: number;
  queued: number;
  settings: RoomSettings;
  /** the newest row that is shown (not of kind setting), if one is in the storage */
  last?: Row;
  /** unread rows above `marks.read` that mention oneself, counted up to 9 */
  mentions: number;
}

export interface Device {
  device: DeviceId;
  name: string;
  created: number;
  seen: number;
}

export interface Member {
  person: Person;
  role: Role;
  joinedSeq: number;
  delivered: number;
  shown: number;
  countedFrom: number;
}

export interface MemberPage {
  members: Member[];
  head: number;
  more: boolean;
  /** the group's secret, 32 hex digits; '' where there is none, or one may not know it */
  link: string;
}

export interface Place {
  room: RoomId;
  seq: number;
  time: number;
}

export interface Hit {
  room: RoomId;
  row: Row;
}

export interface Found {
  hits: Hit[];
  more: boolean;
  /** where to go on */
  place?: Place;
}

export interface Me {
  person: Person;
  device: DeviceId;
}

export interface Status {
  user: UserId;
  /** undefined: not known */
  online?: boolean;
  /** when he was there last; 0: not known, or online */
  seen: number;
}

/** Everything that a tab shows beside rows: given once to whoever begins to listen, and again when another tab leads. */
export interface Snapshot {
  phase: Phase;
  me?: Me;
  /** why there is no link, if the server said so */
  refused?: ErrorName;
  /** when the next connect is due; 0: not known */
  nextConnect: number;
  /** this server lets members invite others (invite()); false as long as it is not known */
  invites: boolean;
  rooms: RoomInfo[];
  blocks: UserId[];
  settings: Record<string, string>;
  /** does this tab lead? */
  leads: boolean;
}

export type EngineEvent =
  | { kind: 'snapshot'; snapshot: Snapshot }
  | { kind: 'phase'; phase: Phase; me?: Me; refused?: ErrorName; nextConnect: number; invites: boolean }
  /** lines that are another now, or new */
  | { kind: 'rooms'; rooms: RoomInfo[] }
  /** rows of a room that are new or changed, stored, and above its highest hole, oldest first */
  | { kind: 'rows'; room: RoomId; rows: Row[] }
  /** an own operation: queued (with entry), answered (seq), failed */
  | { kind: 'outbox'; room: RoomId; id: RequestId; state: 'queued' | 'sent' | 'failed' | 'discarded'; entry?: OutboxEntry; seq?: number; error?: ErrorName }
  /** a name came, or changed */
  | { kind: 'people'; people: Person[] }
  | { kind: 'status'; status: Status }
  | { kind: 'typing'; room: RoomId; users: UserId[] }
  | { kind: 'blocks'; blocks: UserId[] }
  /** value '': there is none */
  | { kind: 'setting'; key: string; value: string; waits: boolean; error?: ErrorName }
  /** everything stored was dropped (another era, or signed out): begin anew */
  | { kind: 'forgotten'; error?: ErrorName };

/**
 * Actions resolve when they are done or safely queued; they reject with EngineError. Those marked (link) need a connection: 'again'
 * without one. The others work offline.
 */
export interface Engine {
  /** The first event is a snapshot. Returns what ends it. */
  listen(on: (event: EngineEvent) => void): () => void;

  // account: before one is signed in
  signUp(fields: { email: string; userName: string; displayName: string; password: string; invite: string }): Promise<void>;
  confirm(code: string): Promise<void>;
  signIn(login: string, password: string): Promise<void>;
  reset(email: string): Promise<void>;
  resetConfirm(code: string, password: string): Promise<void>;
  /** Back from waits-for-code or waits-for-reset to signed-out. */
  startOver(): Promise<void>;
  /** Nobody waits any more for what this tab asked of the account, before one is signed in or after: it is not asked (again), and whoever waits
   * is told 'unknown', for it may have been done. */
  cancel(): void;

  // account: signed in (link, all of them: what is called off must not be done later)
  setPassword(old: string, next: string, others: boolean): Promise<void>;
  setProfile(userName: string, displayName: string): Promise<void>;
  setEmail(email: string, password: string): Promise<void>;
  confirmEmail(code: string): Promise<void>;
  block(user: UserId, on: boolean): Promise<void>;
  deleteAccount(password: string): Promise<void>;
  devices(): Promise<Device[]>;
  /** undefined: this one */
  signOut(device?: DeviceId): Promise<void>;
  signOutOthers(): Promise<void>;
  /** An invitation to this server: its token. */
  invite(uses: number, validMs: number): Promise<string>;

  // writing
  /** Queued durably when it resolves. */
  write(room: RoomId, operation: Operation): Promise<RequestId>;
  createGroup(title: string): Promise<RoomId>;
  retry(room: RoomId, id: RequestId): Promise<void>;
  discard(room: RoomId, id: RequestId): Promise<void>;
  outbox(room: RoomId): Promise<OutboxEntry[]>;
  set(key: string, value: string): Promise<void>;
  setRoom(room: RoomId, setting: 'mute' | 'archive' | 'pin' | 'draft', value: string): Promise<void>;

  // reading
  /** Rows with seq < before (undefined: the newest) that are whole here, newest `limit` of them, oldest first; setting rows left out.
   * bottom: no older row is whole here (a hole, or the beginning: RoomInfo.holeTop tells). From the storage alone. */
  rows(room: RoomId, before: number | undefined, limit: number): Promise<{ rows: Row[]; bottom: boolean }>;
  /** Rows with seq > after, oldest `limit` of them, oldest first. From the storage alone. */
  rowsAfter(room: RoomId, after: number, limit: number): Promise<{ rows: Row[] }>;
  row(room: RoomId, seq: number): Promise<Row | undefined>;
  /** Makes rows from seq (0: the newest rowsMax) on whole here; resolves to the seq from which on they are. (link, if there is a hole) */
  history(room: RoomId, seq: number, rowsMax: number): Promise<number>;
  /** A window that is not stored, oldest first: around a number, or the first row at or after a time (link). */
  around(room: RoomId, at: { seq: number } | { time: number }, rowsMax: number): Promise<{ rows: Row[]; head: number }>;
  pins(room: RoomId, before: number): Promise<{ rows: Row[]; more: boolean }>; // (link)
  reactors(room: RoomId, seq: number): Promise<Reactor[]>; // (link)
  members(room: RoomId, after: UserId | undefined): Promise<MemberPage>; // (link)
  find(name: string): Promise<Person[]>; // (link)
  person(user: UserId): Promise<Person | undefined>;
  /** On the server (link), newest first. */
  search(text: string, room: RoomId | undefined, before: Place | undefined): Promise<Found>;
  /** In what this device holds, newest first, at most `limit`. */
  searchHere(text: string, room: RoomId | undefined, limit: number): Promise<Hit[]>;

  // what is on the screen
  /** The user has seen the room up to row seq. */
  read(room: RoomId, seq: number): void;
  watch(users: UserId[], room: RoomId | undefined): void;
  typing(room: RoomId): void;
  /** The network is back, or somebody is in a hurry: connect now. */
  hurry(): void;

  // pure
  personalRoom(a: UserId, b: UserId): RoomId;
}
