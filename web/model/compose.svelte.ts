/*
 * What is being written in the open room: a text, what it replies to, or which message it is another text of. It is kept on this device
 * with each stroke, and with the account (the room's draft) a moment later.
 */
import type { Row } from '../core/types.ts';
import type { App } from './app.svelte.ts';
import type { Chat } from './chat.svelte.ts';
import type { Item } from './items.ts';
import { deedsOn } from './deeds.ts';
import { bytesOf, TEXT_BYTES_MAX } from './text.ts';

const DRAFT_MS = 1200;
/** The core is told at most so often; how often others are, it knows better. */
const TYPING_MS = 500;

export class Compose {
  text = $state('');
  reply = $state.raw<Row | undefined>();
  edit = $state.raw<Row | undefined>();
  /** rises when somebody begins a reply: then the writing line has the focus */
  begun = $state(0);
  readonly #app: App;
  readonly #chat: Chat;
  #aside = '';
  /** what the message that is edited says: its row, or an edit of it that waits */
  #before = '';
  /** the account's draft, or what is on its way to become it */
  #saved = '';
  /** the account's draft as it was last heard of */
  #heard = '';
  /** how many drafts are on their way to the storage */
  #saving = 0;
  #callOff: (() => void) | undefined;
  #toldTyping = 0;

  constructor(app: App, chat: Chat) {
    this.#app = app;
    this.#chat = chat;
  }

  readonly size = $derived(bytesOf(this.text.trim()));
  readonly tooLong = $derived(this.size > TEXT_BYTES_MAX);
  readonly left = $derived(TEXT_BYTES_MAX - this.size);

  get #key(): string {
    return `draft:${this.#chat.room}`;
  }

  get #editKey(): string {
    return `edit:${this.#chat.room}`;
  }

  /** What this device keeps of it. */
  get #here(): string {
    return `${this.reply?.seq ?? 0} ${this.text}`;
  }

  /** The draft of the account, or what was typed here and did not get there. */
  async open(): Promise<void> {
    const settings = this.#chat.info?.settings;
    const here = this.#app.keep.get(this.#key);
    const [reply, text] = here === undefined ? [settings?.draftReplyTo ?? 0, settings?.draft ?? ''] : parse(here);
    this.#saved = this.#heard = format(settings?.draftReplyTo ?? 0, settings?.draft ?? '');
    await this.#show(reply, text);
    await this.#resumeEdit();
  }

  /** An edit that was going on when the room was left, if it may still be done. */
  async #resumeEdit(): Promise<void> {
    const kept = this.#app.keep.get(this.#editKey);
    if (kept === undefined || this.edit) return;
    const [seq, text] = parse(kept);
    const row = await this.#app.engine.row(this.#chat.room, seq).catch(() => undefined);
    const { info } = this.#chat;
    if (this.edit || this.#app.chat !== this.#chat || !info) return;
    if (row?.kind === 'text' && deedsOn(info, row, row.sender === this.#app.myId, this.#chat.members.roleOf(row.sender)).edit) this.#edit(row, text);
    else this.#app.keep.set(this.#editKey, undefined);
  }

  /** The account's draft may be another now, written or sent elsewhere: it is taken unless something else is being written here. */
  follow(): void {
    const settings = this.#chat.info?.settings;
    if (!settings) return;
    if (this.edit) return; // it is looked at when that is done
    const draft = format(settings.draftReplyTo, settings.draft);
    if (draft === this.#heard) return;
    this.#heard = draft;
    if (this.#saving > 0) return; // what is on its way there is newer
    const mine = format(this.reply?.seq ?? 0, this.text);
    const untouched = this.#callOff === undefined && mine === this.#saved;
    this.#saved = draft;
    if (untouched && draft !== mine) void this.#show(settings.draftReplyTo, settings.draft);
  }

  async #show(reply: number, text: string): Promise<void> {
    this.text = text;
    this.reply = undefined;
    if (reply === 0) return;
    const row = await this.#app.engine.row(this.#chat.room, reply).catch(() => undefined);
    if (this.text === text && !this.reply) this.reply = row; // else one went on meanwhile
  }

  close(): void {
    this.#leaveEdit(); // its text stays on this device
    this.save();
  }

  typed(text: string): void {
    this.text = text;
    this.#keepSoon();
    const now = this.#app.clock.now();
    if (text === '' || this.edit || this.#chat.kind === 'self' || now - this.#toldTyping < TYPING_MS) return;
    this.#toldTyping = now;
    this.#app.engine.typing(this.#chat.room);
  }

  replyTo(item: Item): void {
    if (!item.row) return;
    if (this.edit) this.cancel();
    this.reply = item.row;
    this.begun++;
    this.#keepSoon();
  }

  startEdit(item: Item): void {
    if (!item.row) return;
    const { seq, text } = item.row;
    const waits = this.#chat.outbox.findLast(({ state, operation }) => state === 'queued' && operation.kind === 'edited' && operation.target === seq);
    this.#edit(item.row, waits?.operation.text ?? text);
    this.#before = this.text;
  }

  #edit(row: Row, text: string): void {
    if (!this.edit) this.#aside = this.text;
    this.edit = row;
    this.text = text;
    this.#before = row.text;
  }

  #leaveEdit(): void {
    if (!this.edit) return;
    this.edit = undefined;
    this.text = this.#aside;
    this.#aside = '';
  }

  /** Back from an edit, or a reply. */
  cancel(): void {
    if (this.edit) {
      this.#leaveEdit();
      this.#app.keep.set(this.#editKey, undefined);
      this.follow();
    } else {
      this.reply = undefined;
      this.#keepSoon();
    }
  }

  /** Sends what is written. Returns whether there was something. */
  async send(): Promise<boolean> {
    const text = this.text.trim();
    const { room } = this.#chat;
    if (text === '' || this.tooLong) return false;
    if (this.edit) {
      await this.#sendEdit(this.edit, text);
      return true;
    }
    const reply = this.reply;
    this.text = '';
    this.reply = undefined;
    try {
      await this.#app.engine.write(room, reply ? { kind: 'text', text, target: reply.seq } : { kind: 'text', text });
      if (this.#app.chat === this.#chat) this.save();
    } catch (error) {
      const open = this.#app.chat?.room === room ? this.#app.chat.compose : undefined;
      if (open) open.#putBack(text, reply);
      else this.#app.keep.set(this.#key, `${reply?.seq ?? 0} ${joined(text, this.text)}`);
      throw error;
    }
    return true;
  }

  /** What could not be sent comes before what was begun since. */
  #putBack(text: string, reply: Row | undefined): void {
    if (this.edit) this.#aside = joined(text, this.#aside);
    else this.text = joined(text, this.text);
    this.reply ??= reply;
    if (!this.edit) this.#keepSoon();
  }

  async #sendEdit(row: Row, text: string): Promise<void> {
    const same = this.#before === text;
    const kept = `${row.seq} ${text}`;
    this.cancel();
    if (same) return;
    this.#app.keep.set(this.#editKey, kept); // until it is written
    try {
      await this.#app.engine.write(this.#chat.room, { kind: 'edited', target: row.seq, text });
      if (this.#app.keep.get(this.#editKey) === kept) this.#app.keep.set(this.#editKey, undefined);
    } catch (error) {
      if (!this.edit && this.#app.chat === this.#chat) this.#edit(row, text);
      throw error;
    }
  }

  /** The draft goes to the account, if it is another. */
  save(): void {
    this.#callOff?.();
    this.#callOff = undefined;
    if (this.edit || !this.#chat.info) return;
    const draft = format(this.reply?.seq ?? 0, this.text);
    const here = this.#here;
    if (draft === this.#saved) {
      if (this.#saving === 0) this.#app.keep.set(this.#key, undefined);
      return;
    }
    this.#saved = draft;
    this.#saving++;
    this.#app.keep.set(this.#key, here); // until the setting is kept: the page may go away at once
    this.#app.engine
      .setRoom(this.#chat.room, 'draft', draft)
      .then(
        () => this.#app.keep.get(this.#key) === here && this.#app.keep.set(this.#key, undefined),
        () => (this.#saved = this.#heard),
      )
      .finally(() => this.#saving--);
  }

  #keepSoon(): void {
    if (this.edit) {
      const kept = this.text === this.#before ? undefined : `${this.edit.seq} ${this.text.slice(0, TEXT_BYTES_MAX)}`;
      this.#app.keep.set(this.#editKey, kept);
      return;
    }
    this.#app.keep.set(this.#key, this.#here);
    this.#callOff?.();
    this.#callOff = this.#app.clock.after(DRAFT_MS, () => this.save());
  }
}

/** rules/setting.h, draft; '' is none. */
function format(reply: number, text: string): string {
  return text.trim() === '' && reply === 0 ? '' : `${reply} ${text}`;
}

function joined(before: string, after: string): string {
  return after === '' ? before : `${before}\n${after}`;
}

function parse(draft: string): [number, string] {
  const space = draft.indexOf(' ');
  return [Number(draft.slice(0, space)) || 0, draft.slice(space + 1)];
}
