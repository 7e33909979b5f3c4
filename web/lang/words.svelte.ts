/*
 * The words of the app in the language that is chosen: t('key', { name }). A text's {name} is replaced by the value of that name; a
 * plural is chosen by {n}. Whoever calls t() while a component is drawn is drawn anew when the language is another.
 */

export type Language = 'en' | 'ru';
export type Values = Record<string, string | number>;

const LOADERS = { en: () => import('./en.po'), ru: () => import('./ru.po') };

let language = $state.raw<Language>('en');
let words = $state.raw<Record<string, string | Record<string, string>>>({});
const rules = $derived(new Intl.PluralRules(language));

export async function setLanguage(next: Language): Promise<void> {
  const loaded = (await LOADERS[next]()).default;
  language = next;
  words = loaded;
}

export function currentLanguage(): Language {
  return language;
}

/** Of the languages that the browser prefers, the first that there is. */
export function preferredLanguage(wanted: readonly string[]): Language {
  for (const tag of wanted) {
    const base = tag.slice(0, 2).toLowerCase();
    if (base === 'en' || base === 'ru') return base;
  }
  return 'en';
}

export function has(key: string): boolean {
  return key in words;
}

export function t(key: string, values: Values = {}): string {
  const found = words[key];
  const text = typeof found === 'object' ? (found[rules.select(Number(values.n))] ?? '') : (found ?? key);
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    if (value === undefined) return whole;
    return typeof value === 'number' ? value.toLocaleString(language) : value;
  });
}
