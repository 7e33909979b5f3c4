/*
 * An Engine that is made up: people, rooms and rows in memory, enough to see every state. ?state= full, empty, signed-out,
 * waits-for-code, waits-for-reset, loading, offline, large (100,000 rows).
 */
import {
  EngineError,
  type Device,
  type Engine,
  type EngineEvent,
  type Found,
  type Hit,
  type Member,
  type MemberPage,
  type Operation,
  type OutboxEntry,
  type Person,
  type Phase,
  type Reactor,
  type RoomId,
  type RoomInfo,
  type Row,
  type UserId,
} from '../core/types.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const user = (n: number): UserId => n.toString(16).padStart(16, '0');
const roomId = (n: number): RoomId => n.toString(16).padStart(32, '0');
const person = (n: number, userName: string, displayName: string): Person => ({ user: user(n), userName, displayName });

const ME = person(1, 'vera', 'Vera Orlova');
const PEOPLE = [
  ME,
  person(2, 'anna', 'Anna Petrova'),
  person(3, 'boris', 'Борис Иванов'),
  person(4, 'carol', 'Carol Jones'),
  person(5, 'dmitry', 'Дмитрий'),
  person(6, 'leyla', 'ليلى حداد'),
  person(7, 'max', '‮xaM‬ the Reversed'),
  person(8, 'ksenia', 'Ксения Александровна Преображенская-Константинопольская'),
];

interface FakeRoom {
  info: RoomInfo;
  rows: Row[];
}

function text(seq: number, sender: number, time: number, said: string, more: Partial<Row> = {}): Row {
  return { seq, changed: seq, time, sender: user(sender), kind: 'text', request: roomId(100000 + seq), text: said, reactions: [], ...more };
}

function info(id: number, kind: RoomInfo['kind'], more: Partial<RoomInfo>): RoomInfo {
  return {
    room: roomId(id),
    kind,
    left: false,
    head: 0,
    holeTop: 0,
    unread: 0,
    lastTime: 0,
    marks: { delivered: 0, read: 0, shown: 0 },
    ticks: { from: 0, delivered: 0, read: 0 },
    title: '',
    role: 'member',
    members: 0,
    queued: 0,
    settings: { mutedUntil: 0, muted: false, archived: false, pin: 0, draft: '', draftReplyTo: 0 },
    mentions: 0,
    ...more,
  };
}

function withAnna(now: number): FakeRoom {
  const at = now - 2 * DAY;
  const rows: Row[] = [
    text(1, 2, at, 'Hi! Did you see the jackdaws on the roof again?'),
    text(2, 1, at + MINUTE, 'I did 🙂 Three of them, and one has found the biscuit you left'),
    text(3, 2, at + 2 * MINUTE, 'That is Boris. He always finds it.'),
    text(4, 2, at + 2.2 * MINUTE, 'Look here: https://example.org/birds/jackdaw and write to me at anna@example.org if you like it', { reactions: [{ emoji: '❤️', people: 2 }, { emoji: '😂', people: 1 }], reacted: '❤️' }),
    text(5, 1, at + HOUR, 'A homograph for you: https://аррӏе.com/login — that one is not what it seems.'),
    text(6, 2, now - DAY - HOUR, 'Shall we go and count them on Saturday? The meadow by the river is best in the morning, before the dogs come. I can bring tea and the old binoculars; you would need to bring something to sit on, and perhaps the other half of that cake.'),
    text(7, 1, now - DAY, 'Yes, gladly', { replyTo: 6 }),
    text(8, 2, now - DAY + MINUTE, '👍'),
    text(9, 1, now - 3 * HOUR, 'See you there at nine then', { editedMs: now - 2.9 * HOUR, pinned: 30 }),
    text(10, 1, now - 2.9 * HOUR, 'And do not forget the tea'),
    { ...text(11, 2, now - 2 * HOUR, ''), kind: 'deleted' },
    text(12, 2, now - 12 * MINUTE, 'I never forget the tea.', { origin: '' }),
    text(13, 1, now - 8 * MINUTE, 'True'),
  ];
  return { rows, info: info(10, 'personal', { peer: PEOPLE[1]!, head: 13, lastTime: rows.at(-1)!.time, ticks: { from: 0, delivered: 13, read: 10 }, marks: { delivered: 13, read: 13, shown: 13 }, settings: { mutedUntil: 0, muted: false, archived: false, pin: 2, draft: '', draftReplyTo: 0 } }) };
}

function theClub(now: number): FakeRoom {
  const at = now - 5 * HOUR;
  const rows: Row[] = [
    { ...text(1, 3, at, 'Birdwatchers of the North'), kind: 'created' },
    { ...text(2, 3, at + 1000, ''), kind: 'joined', subject: user(1) },
    { ...text(3, 3, at + 2000, ''), kind: 'joined', subject: user(2) },
    { ...text(4, 4, at + 3000, ''), kind: 'joined', subject: user(4) },
    text(5, 3, at + 10 * MINUTE, 'Всем привет! Суббота, девять утра, у моста.'),
    text(6, 4, at + 12 * MINUTE, 'I will be there. @vera are you coming?'),
    text(7, 6, at + 14 * MINUTE, 'مرحبا، سأحضر معي الكاميرا (Nikon) الجديدة'),
    text(8, 1, at + 20 * MINUTE, 'Yes! @carol and I share a car'),
    { ...text(9, 3, at + 30 * MINUTE, ''), kind: 'role', subject: user(4), role: 'admin' },
    text(10, 7, at + 40 * MINUTE, 'Nobody ever asks me'),
    text(11, 5, now - 50 * MINUTE, 'spam spam spam'),
    text(12, 3, now - 40 * MINUTE, 'Список:\n1. бинокль\n2. чай\n3. терпение', { pinned: 40, reactions: [{ emoji: '👍', people: 3 }, { emoji: '🔥', people: 1 }], reacted: '👍' }),
    text(13, 4, now - 20 * MINUTE, 'Forwarded wisdom', { origin: 'Anna Petrova' }),
    text(14, 4, now - 19 * MINUTE, '@vera did you find the map?', { replyTo: 8 }),
    text(15, 8, now - 2 * MINUTE, 'Карта у меня. Принесу.'),
  ];
  return { rows, info: info(11, 'group', { title: 'Birdwatchers of the North', role: 'owner', members: 8, head: 15, lastTime: rows.at(-1)!.time, unread: 3, mentions: 1, marks: { delivered: 15, read: 12, shown: 12 }, ticks: { from: 0, delivered: 15, read: 7 } }) };
}

function others(now: number): FakeRoom[] {
  const one = (id: number, kind: RoomInfo['kind'], who: number, ago: number, said: string, more: Partial<RoomInfo> = {}): FakeRoom => {
    const row = text(1, who, now - ago, said);
    return { rows: [row], info: info(id, kind, { head: 1, lastTime: row.time, marks: { delivered: 1, read: more.unread ? 0 : 1, shown: 1 }, ticks: { from: 0, delivered: 1, read: 0 }, ...(kind === 'personal' ? { peer: PEOPLE[who === 1 ? 4 : who - 1]! } : {}), ...more }) };
  };
  const set = (more: Partial<RoomInfo['settings']>) => ({ mutedUntil: 0, muted: false, archived: false, pin: 0, draft: '', draftReplyTo: 0, ...more });
  return [
    one(12, 'personal', 3, 26 * HOUR, 'Договорились, до завтра', { settings: set({ draft: 'Возьми, пожалуйста, и вторую', pin: 0 }) }),
    one(13, 'self', 1, 3 * DAY, 'Buy: seeds, tea, a notebook'),
    one(14, 'group', 4, 4 * DAY, 'The minutes are in the usual place', { title: 'House meeting', members: 12, unread: 128, settings: set({ muted: true, mutedUntil: Infinity }) }),
    one(15, 'personal', 7, 9 * DAY, 'Reversed as ever'),
    one(16, 'personal', 8, 40 * DAY, 'Спасибо!'),
    one(17, 'group', 2, 400 * DAY, 'Old things', { title: 'Archived group', members: 3, settings: set({ archived: true }) }),
    one(18, 'personal', 6, 5 * MINUTE, 'شكرا جزيلا', { unread: 2 }),
    one(19, 'group', 1, 60 * DAY, 'Bye', { title: 'A group I left', left: true, members: 0, role: 'none' }),
  ];
}

function largeRoom(now: number, count: number): FakeRoom {
  const rows: Row[] = [];
  for (let i = 1; i <= count; i++) rows.push(text(i, (i * 7) % 5 < 2 ? 1 : 2 + (i % 3), now - (count - i) * 3 * MINUTE, `${i}: ${'lorem ipsum dolor sit amet '.repeat((i * 13) % 6)}`));
  return { rows, info: info(20, 'group', { title: `${count} messages`, members: 4, head: count, lastTime: now, marks: { delivered: count, read: count, shown: count }, ticks: { from: 0, delivered: count, read: count } }) };
}

export class FakeEngine implements Engine {
  readonly #listeners = new Set<(event: EngineEvent) => void>();
  readonly #rooms = new Map<RoomId, FakeRoom>();
  readonly #outbox: OutboxEntry[] = [];
  #phase: Phase;
  #blocks: UserId[] = [];
  #settings: Record<string, string> = {};
  #next = 1;

  constructor(state: string) {
    const now = Date.now();
    const phases: Record<string, Phase> = { loading: 'loading', 'signed-out': 'signed-out', 'waits-for-code': 'waits-for-code', 'waits-for-reset': 'waits-for-reset', offline: 'offline' };
    this.#phase = phases[state] ?? 'synced';
    if (state === 'full' || state === 'offline' || state === 'large') {
      for (const room of [withAnna(now), theClub(now), ...others(now)]) this.#add(room);
      this.#blocks = [user(5)];
    }
    if (state === 'large') this.#add(largeRoom(now, 100_000));
    if (state === 'full') this.#outbox.push({ room: roomId(10), id: roomId(9999), operation: { kind: 'text', text: 'This one was refused' }, time: now - MINUTE, state: 'failed', error: 'not_allowed' });
  }

  #add(room: FakeRoom): void {
    const last = room.rows.at(-1);
    if (last) room.info = { ...room.info, last };
    this.#rooms.set(room.info.room, room);
  }

  #line({ info }: FakeRoom): RoomInfo {
    return { ...info, queued: this.#outbox.filter((entry) => entry.room === info.room).length };
  }

  #tellLine(id: RoomId): void {
    const room = this.#rooms.get(id);
    if (room) this.#emit({ kind: 'rooms', rooms: [this.#line(room)] });
  }

  #emit(event: EngineEvent): void {
    for (const on of this.#listeners) on(event);
  }

  #need(room: RoomId): FakeRoom {
    const found = this.#rooms.get(room);
    if (!found) throw new EngineError('no_room');
    return found;
  }

  #link(): void {
    if (this.#phase === 'offline') throw new EngineError('again');
  }

  listen(on: (event: EngineEvent) => void): () => void {
    this.#listeners.add(on);
    const signedIn = this.#phase === 'synced' || this.#phase === 'offline';
    queueMicrotask(() => {
      on({ kind: 'snapshot', snapshot: { phase: this.#phase, ...(signedIn ? { me: { person: ME, device: user(77) } } : {}), nextConnect: Date.now() + 42_000, invites: signedIn, rooms: [...this.#rooms.values()].map((room) => this.#line(room)), blocks: this.#blocks, settings: this.#settings, leads: true } });
      on({ kind: 'status', status: { user: user(2), online: true, seen: 0 } });
      on({ kind: 'status', status: { user: user(3), online: false, seen: Date.now() - 20 * MINUTE } });
      on({ kind: 'typing', room: roomId(18), users: [user(6)] });
    });
    return () => this.#listeners.delete(on);
  }

  #become(phase: Phase): void {
    this.#phase = phase;
    const signedIn = phase === 'synced';
    this.#emit({ kind: 'phase', phase, ...(signedIn ? { me: { person: ME, device: user(77) } } : {}), nextConnect: 0, invites: true });
    if (signedIn) this.#emit({ kind: 'snapshot', snapshot: { phase, me: { person: ME, device: user(77) }, nextConnect: 0, invites: true, rooms: [], blocks: [], settings: {}, leads: true } });
  }

  async signUp(): Promise<void> {
    this.#become('waits-for-code');
  }
  async confirm(code: string): Promise<void> {
    if (code !== '123456') throw new EngineError('bad_code');
    this.#become('synced');
  }
  async signIn(_login: string, password: string): Promise<void> {
    await new Promise((done) => setTimeout(done, 600));
    if (password !== 'password') throw new EngineError('bad_login');
    this.#become('synced');
  }
  async reset(): Promise<void> {
    this.#become('waits-for-reset');
  }
  async resetConfirm(code: string): Promise<void> {
    return this.confirm(code);
  }
  async startOver(): Promise<void> {
    this.#become('signed-out');
  }
  async setPassword(old: string): Promise<void> {
    if (old !== 'password') throw new EngineError('bad_login');
  }
  async setProfile(): Promise<void> {}
  async setEmail(): Promise<void> {}
  async confirmEmail(): Promise<void> {}
  async block(who: UserId, on: boolean): Promise<void> {
    this.#blocks = on ? [...this.#blocks, who] : this.#blocks.filter((other) => other !== who);
    this.#emit({ kind: 'blocks', blocks: this.#blocks });
  }
  async deleteAccount(): Promise<void> {
    this.#become('signed-out');
  }
  async devices(): Promise<Device[]> {
    this.#link();
    const now = Date.now();
    return [
      { device: user(77), name: 'Chromium on Linux', created: now - 3 * DAY, seen: now },
      { device: user(78), name: 'galka (terminal)', created: now - 90 * DAY, seen: now - 4 * HOUR },
    ];
  }
  async signOut(device?: string): Promise<void> {
    if (!device) this.#become('signed-out');
  }
  async signOutOthers(): Promise<void> {}
  async invite(): Promise<string> {
    this.#link();
    return 'abcdefghijklmnopqrstuvwxyz';
  }

  async write(room: RoomId, operation: Operation): Promise<string> {
    const id = roomId(0xabc0000 + this.#next++);
    const entry: OutboxEntry = { room, id, operation, time: Date.now(), state: 'queued' };
    this.#outbox.push(entry);
    this.#emit({ kind: 'outbox', room, id, state: 'queued', entry });
    this.#tellLine(room);
    if (this.#phase !== 'offline') setTimeout(() => this.#answer(entry), 500);
    return id;
  }

  #answer(entry: OutboxEntry): void {
    const { room: id, operation } = entry;
    const room = this.#rooms.get(id);
    const at = this.#outbox.indexOf(entry);
    if (!room || at < 0) return;
    this.#outbox.splice(at, 1);
    const target = room.rows.find((row) => row.seq === operation.target);
    const seq = room.info.head + 1;
    let row: Row;
    if (target && operation.kind !== 'text') {
      row = { ...target, changed: seq };
      if (operation.kind === 'edited') Object.assign(row, { text: operation.text, editedMs: Date.now() });
      if (operation.kind === 'deleted') Object.assign(row, { kind: 'deleted', text: '' });
      if (operation.kind === 'pinned') Object.assign(row, { pinned: operation.off ? undefined : seq });
      if (operation.kind === 'reacted') Object.assign(row, { reacted: operation.text, reactions: operation.text ? [{ emoji: operation.text, people: 1 }] : [] });
      room.rows[room.rows.indexOf(target)] = row;
    } else {
      row = { ...text(seq, 1, Date.now(), operation.text ?? ''), kind: operation.kind as Row['kind'], request: entry.id };
      if (operation.target) row.replyTo = operation.target;
      room.rows.push(row);
      room.info = { ...room.info, head: seq, lastTime: row.time, last: row };
    }
    this.#emit({ kind: 'outbox', room: id, id: entry.id, state: 'sent', seq: row.seq });
    this.#emit({ kind: 'rows', room: id, rows: [row] });
    this.#tellLine(id);
  }

  /** For the console, and tests: somebody says something. */
  hear(room: RoomId, who: number, said: string): void {
    const there = this.#need(room);
    const row = text(there.info.head + 1, who, Date.now(), said);
    there.rows.push(row);
    there.info = { ...there.info, head: row.seq, lastTime: row.time, last: row, unread: there.info.unread + 1 };
    this.#emit({ kind: 'rows', room, rows: [row] });
    this.#tellLine(room);
  }

  async createGroup(title: string): Promise<RoomId> {
    const id = 900 + this.#next++;
    this.#add({ rows: [{ ...text(1, 1, Date.now(), title), kind: 'created' }], info: info(id, 'group', { title, role: 'owner', members: 1, head: 1, lastTime: Date.now() }) });
    this.#emit({ kind: 'rooms', rooms: [this.#need(roomId(id)).info] });
    return roomId(id);
  }
  async retry(_room: RoomId, id: string): Promise<void> {
    const entry = this.#outbox.find((one) => one.id === id);
    if (!entry) return;
    entry.state = 'queued';
    delete entry.error;
    this.#emit({ kind: 'outbox', room: entry.room, id, state: 'queued', entry: { ...entry } });
    setTimeout(() => this.#answer(entry), 500);
  }
  async discard(room: RoomId, id: string): Promise<void> {
    this.#outbox.splice(this.#outbox.findIndex((one) => one.id === id), 1);
    this.#emit({ kind: 'outbox', room, id, state: 'discarded' });
    this.#tellLine(room);
  }
  async outbox(room: RoomId): Promise<OutboxEntry[]> {
    return this.#outbox.filter((entry) => entry.room === room);
  }
  async set(key: string, value: string): Promise<void> {
    this.#settings[key] = value;
    this.#emit({ kind: 'setting', key, value, waits: false });
  }
  async setRoom(room: RoomId, setting: 'mute' | 'archive' | 'pin' | 'draft', value: string): Promise<void> {
    const there = this.#need(room);
    const settings = { ...there.info.settings };
    if (setting === 'mute') Object.assign(settings, { muted: value !== '', mutedUntil: value === 'forever' ? Infinity : Number(value) });
    if (setting === 'archive') settings.archived = value !== '';
    if (setting === 'pin') settings.pin = Number(value);
    if (setting === 'draft') settings.draft = value.slice(value.indexOf(' ') + 1);
    there.info = { ...there.info, settings };
    this.#tellLine(room);
  }

  async rows(room: RoomId, before: number | undefined, limit: number): Promise<{ rows: Row[]; bottom: boolean }> {
    const all = (this.#rooms.get(room)?.rows ?? []).filter((row) => before === undefined || row.seq < before);
    return { rows: all.slice(-limit), bottom: all.length <= limit };
  }
  async rowsAfter(room: RoomId, after: number, limit: number): Promise<{ rows: Row[] }> {
    return { rows: (this.#rooms.get(room)?.rows ?? []).filter((row) => row.seq > after).slice(0, limit) };
  }
  async row(room: RoomId, seq: number): Promise<Row | undefined> {
    return this.#rooms.get(room)?.rows.find((row) => row.seq === seq);
  }
  async history(): Promise<number> {
    this.#link();
    return 1;
  }
  async around(room: RoomId, at: { seq: number } | { time: number }, rowsMax: number): Promise<{ rows: Row[]; head: number }> {
    this.#link();
    const { rows, info: there } = this.#need(room);
    const place = Math.max(0, rows.findIndex((row) => ('seq' in at ? row.seq >= at.seq : row.time >= at.time)));
    return { rows: rows.slice(Math.max(0, place - rowsMax / 2), place + rowsMax / 2), head: there.head };
  }
  async pins(room: RoomId): Promise<{ rows: Row[]; more: boolean }> {
    this.#link();
    return { rows: this.#need(room).rows.filter((row) => row.pinned).reverse(), more: false };
  }
  async reactors(room: RoomId, seq: number): Promise<Reactor[]> {
    this.#link();
    const row = this.#need(room).rows.find((one) => one.seq === seq);
    if (!row) throw new EngineError('no_row');
    const others = [user(2), user(3), user(8), user(6), user(4)];
    return row.reactions.flatMap(({ emoji, people }) => Array.from({ length: people }, (_, at) => ({ emoji, user: at === 0 && row.reacted === emoji ? ME.user : others.shift()! })));
  }
  async members(room: RoomId): Promise<MemberPage> {
    this.#link();
    const { head } = this.#need(room).info;
    const members: Member[] = PEOPLE.map((one, at) => ({ person: one, role: at === 0 ? 'owner' : at === 3 ? 'admin' : 'member', joinedSeq: at + 1, delivered: head, shown: head - at, countedFrom: at === 6 ? head : 0 }));
    return { members, head, more: false, link: '0123456789abcdef0123456789abcdef' };
  }
  async find(name: string): Promise<Person[]> {
    this.#link();
    await new Promise((done) => setTimeout(done, 200));
    return PEOPLE.filter((one) => one.user !== ME.user && `${one.userName} ${one.displayName}`.toLowerCase().includes(name.toLowerCase()));
  }
  async person(who: UserId): Promise<Person | undefined> {
    return PEOPLE.find((one) => one.user === who);
  }
  async search(words: string, room: RoomId | undefined): Promise<Found> {
    this.#link();
    await new Promise((done) => setTimeout(done, 300));
    const hits = await this.searchHere(words, room, 50);
    const older: Hit = { room: roomId(10), row: text(1, 2, Date.now() - 300 * DAY, `Long ago: ${words}`) };
    return { hits: [...hits, { ...older, row: { ...older.row, seq: 0 } }], more: false };
  }
  async searchHere(words: string, room: RoomId | undefined, limit: number): Promise<Hit[]> {
    const hits: Hit[] = [];
    for (const there of this.#rooms.values()) {
      if (room && there.info.room !== room) continue;
      for (const row of there.rows) if (row.kind === 'text' && row.text.toLowerCase().includes(words.toLowerCase())) hits.push({ room: there.info.room, row });
    }
    return hits.sort((a, b) => b.row.time - a.row.time).slice(0, limit);
  }

  read(room: RoomId, seq: number): void {
    const there = this.#rooms.get(room);
    if (!there) return;
    const unread = there.rows.filter((row) => row.seq > seq && row.sender !== ME.user && row.kind === 'text').length;
    there.info = { ...there.info, marks: { ...there.info.marks, read: seq, shown: seq }, unread, mentions: unread ? there.info.mentions : 0 };
    queueMicrotask(() => this.#tellLine(room));
  }
  watch(): void {}
  typing(): void {}
  cancel(): void {}
  hurry(): void {
    if (this.#phase !== 'offline') return;
    this.#phase = 'synced';
    this.#emit({ kind: 'phase', phase: 'synced', me: { person: ME, device: user(77) }, nextConnect: 0, invites: true });
    for (const entry of [...this.#outbox]) if (entry.state === 'queued') setTimeout(() => this.#answer(entry), 300);
  }
  personalRoom(a: UserId, b: UserId): RoomId {
    const other = a === ME.user ? b : a;
    for (const there of this.#rooms.values()) if (there.info.peer?.user === other || (other === ME.user && there.info.kind === 'self')) return there.info.room;
    return `ff${other.slice(2)}${b}`.slice(0, 32);
  }
}
