/*
 * For Vite: `virtual:emoji/en` is what the picker and `:name` know of emoji in that language, made from emoji-picker-element-data when
 * the app is built: [emoji, group, name, words to find it by].
 */
import { readFileSync } from 'node:fs';

interface Source {
  emoji: string;
  group: number;
  annotation: string;
  version: number;
  tags?: string[];
  shortcodes?: string[];
}

const NAME = 'virtual:emoji/';
/** of Emoji: newer ones are empty boxes on many a system */
const VERSION_MAX = 15.1;
/** parts of emoji, not emoji */
const COMPONENTS = 2;

function read(language: string): Source[] {
  const path = new URL(`../../node_modules/emoji-picker-element-data/${language}/emojibase/data.json`, import.meta.url);
  return JSON.parse(readFileSync(path, 'utf8')) as Source[];
}

function table(language: string): [string, number, string, string][] {
  const codes = new Map(read('en').map((one) => [one.emoji, one.shortcodes ?? []]));
  return read(language)
    .filter((one) => one.group !== COMPONENTS && one.version <= VERSION_MAX)
    .map((one) => {
      const words = new Set([...(codes.get(one.emoji) ?? []), ...(one.tags ?? [])]);
      return [one.emoji, one.group, one.annotation, [...words].join(' ')];
    });
}

interface EmojiPlugin {
  name: string;
  resolveId(id: string): string | undefined;
  load(id: string): string | undefined;
}

export function emoji(): EmojiPlugin {
  return {
    name: 'galka-emoji',
    resolveId: (id) => (id.startsWith(NAME) ? `\0${id}` : undefined),
    load: (id) => (id.startsWith(`\0${NAME}`) ? `export default ${JSON.stringify(table(id.slice(NAME.length + 1)))};` : undefined),
  };
}
