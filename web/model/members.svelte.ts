/* Who is in the open group, with roles and with what each has read: asked of the server when there is a link, page by page. */
import type { Member, Role, RoomId, RoomKind, Row, RowKind, UserId } from '../core/types.ts';
import type { App } from './app.svelte.ts';
import { fold, nameBegins, nameOf } from './text.ts';

/** GROUP_MEMBERS_MAX of rules/limits.h, in pages of MEMBERS_MAX */
const PAGES_MAX = 8;
const ALTERING: ReadonlySet<RowKind> = new Set<RowKind>(['joined', 'left', 'role', 'link']);
const RANK: Record<Role, number> = { owner: 0, admin: 1, member: 2, none: 3 };

export class Members {
  list = $state.raw<Member[]>([]);
  link = $state('');
  state = $state.raw<'none' | 'busy' | 'known' | 'offline'>('none');
  #running = false;
  #again = false;
  /** the room's newest operation, as of when the list was made */
  #head = 0;
  readonly #app: App;
  readonly #room: RoomId;
  readonly #kind: () => RoomKind;

  constructor(app: App, room: RoomId, kind: () => RoomKind) {
    this.#app = app;
    this.#room = room;
    this.#kind = kind;
  }

  readonly sorted = $derived(
    [...this.list].sort((a, b) => RANK[a.role] - RANK[b.role] || nameOf(a.person).localeCompare(nameOf(b.person))),
  );

  roleOf(user: UserId): Role {
    return this.list.find((member) => member.person.user === user)?.role ?? 'none';
  }

  /** Members whose names begin so, for a mention. */
  begin(begun: string, max: number): Member[] {
    const folded = fold(begun);
    return this.sorted
      .filter(({ person }) => person.user !== this.#app.myId && person.userName !== '')
      .filter(({ person }) => nameBegins(person.userName, folded) || nameBegins(person.displayName, folded))
      .slice(0, max);
  }

  /** Asks, or asks again. */
  load(): void {
    const info = this.#app.rooms.get(this.#room);
    if (this.#kind() !== 'group' || !info || info.left) return;
    if (this.#running) {
      this.#again = true;
      return;
    }
    this.#running = true;
    if (this.state === 'none') this.state = 'busy';
    this.#fetch()
      .then(
        () => (this.state = 'known'),
        () => (this.state = this.list.length > 0 ? 'known' : 'offline'),
      )
      .finally(() => (this.#running = false));
  }

  /** Asks again if the list is older than what these rows tell of it. */
  take(rows: Row[]): void {
    if (rows.some((row) => ALTERING.has(row.kind) && row.seq > this.#head)) this.load();
  }

  async #fetch(): Promise<void> {
    do {
      const all: Member[] = [];
      let after: UserId | undefined;
      let head = 0;
      this.#again = false;
      for (let page = 0; page < PAGES_MAX; page++) {
        const got = await this.#app.engine.members(this.#room, after);
        all.push(...got.members);
        this.link = got.link;
        if (page === 0) head = got.head;
        after = got.members.at(-1)?.person.user;
        if (!got.more || after === undefined) break;
      }
      this.#app.people.put(all.map((member) => member.person));
      this.list = all;
      this.#head = head;
    } while (this.#again);
  }
}
