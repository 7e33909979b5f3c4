/* What may follow in the writing line: found by what stands before the caret. */
import type { Chat } from '../../model/chat.svelte.ts';
import { begunWith, plainName } from '../../model/text.ts';
import { allEmoji, type Emoji, findEmoji } from '../emoji/data.ts';

export interface Suggestion {
  sign: string;
  label: string;
  detail: string;
  /** goes in place of what was typed of it, with its sign */
  insert: string;
}

const MAX = 6;

export class Suggestions {
  list = $state.raw<Suggestion[]>([]);
  kind = $state.raw<'@' | ':'>('@');
  chosen = $state(0);
  #begun = '';
  #emoji: Emoji[] | undefined;
  readonly #chat: () => Chat;

  constructor(chat: () => Chat) {
    this.#chat = chat;
  }

  /** before: the text up to the caret. */
  look(before: string): void {
    const name = begunWith(before, '@');
    const code = begunWith(before, ':');
    this.chosen = 0;
    if (name !== undefined && this.#chat().kind === 'group') this.#put('@', name, this.#members(name));
    else if (code !== undefined) void this.#findEmoji(code);
    else this.close();
  }

  close(): void {
    this.#begun = '';
    this.list = [];
  }

  step(by: number): void {
    this.chosen = (this.chosen + by + this.list.length) % this.list.length;
  }

  /** `before` with the suggestion in it. */
  complete(before: string, suggestion: Suggestion): string {
    return `${before.slice(0, before.length - this.#begun.length - 1)}${suggestion.insert} `;
  }

  #put(kind: '@' | ':', begun: string, list: Suggestion[]): void {
    this.kind = kind;
    this.#begun = begun;
    this.list = list;
  }

  #members(begun: string): Suggestion[] {
    return this.#chat()
      .members.begin(begun, MAX)
      .map(({ person }) => ({ sign: '@', label: plainName(person.displayName) || person.userName, detail: person.userName, insert: `@${person.userName}` }));
  }

  async #findEmoji(code: string): Promise<void> {
    this.#begun = code;
    this.#emoji ??= await allEmoji();
    if (this.#begun !== code) return;
    const found = findEmoji(this.#emoji, code, MAX);
    this.#put(':', code, found.map((one) => ({ sign: one.emoji, label: one.name, detail: `:${one.code}`, insert: one.emoji })));
  }
}
