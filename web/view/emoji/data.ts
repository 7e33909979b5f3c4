/* Emoji by name, in the language of the app: loaded when the first one is wanted. */
import { currentLanguage, type Language } from '../../lang/words.svelte.ts';
import { fold } from '../../model/text.ts';

export interface Emoji {
  emoji: string;
  group: number;
  name: string;
  /** what it is found by, folded */
  words: string[];
  /** its shortest code, for `:name` */
  code: string;
}

/** Groups of the data, in the order of the picker. */
export const GROUPS = [0, 1, 3, 4, 5, 6, 7, 8, 9];
/** What is offered for a reaction at once. */
export const QUICK = ['👍', '❤️', '😂', '😮', '😢', '🙏'];

const LOADERS = { en: () => import('virtual:emoji/en'), ru: () => import('virtual:emoji/ru') };
const loaded = new Map<Language, Promise<Emoji[]>>();

export function allEmoji(): Promise<Emoji[]> {
  const language = currentLanguage();
  let table = loaded.get(language);
  if (!table) {
    table = LOADERS[language]().then(({ default: rows }) =>
      rows.map(([emoji, group, name, words]) => {
        const codes = words.split(' ');
        return { emoji, group, name, words: [...codes.flatMap((code) => [code, ...code.split('_')]), ...name.split(' ')].map(fold), code: codes[0] ?? '' };
      }),
    );
    loaded.set(language, table);
    table.catch(() => loaded.delete(language)); // there was no link: the next who wants it tries again
  }
  return table;
}

/** Those that one of the words begins with `text`: its code first, then whole words. */
export function findEmoji(table: Emoji[], text: string, max: number): Emoji[] {
  const wanted = fold(text.trim());
  const whole = table.filter((one) => one.words.includes(wanted));
  const begun = table.filter((one) => !whole.includes(one) && one.words.some((word) => word.startsWith(wanted)));
  return [...whole.filter((one) => one.code === wanted), ...whole.filter((one) => one.code !== wanted), ...begun].slice(0, max);
}
