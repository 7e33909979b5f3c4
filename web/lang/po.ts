/*
 * Reads the .po files of this folder: msgid is a key ('rooms.empty'), msgstr its words in that language. A plural has msgid_plural
 * 'n' and msgstr[0], msgstr[1], …: in the order of PLURALS. Runs when the app is built, and in its tests; never in a browser.
 */

/** What Intl.PluralRules calls the forms of each language, in the order of msgstr[]. */
export const PLURALS: Record<string, string[]> = { en: ['one', 'other'], ru: ['one', 'few', 'many'] };

export type Words = Record<string, string | Record<string, string>>;

const LINE = /^(msgid|msgid_plural|msgstr)(?:\[(\d)\])? "(.*)"$/;

function unquote(text: string): string {
  return JSON.parse(`"${text}"`) as string;
}

/** Throws where the file is not well-formed, a key stands twice, or a form of a plural is missing. */
export function readPo(source: string, language: string): Words {
  const forms = PLURALS[language];
  const words: Words = {};
  let key = '';

  if (!forms) throw new Error(`no plural forms are known of '${language}'`);
  source.split('\n').forEach((line, index) => {
    const where = `${language}.po:${index + 1}`;
    if (line === '' || line.startsWith('#')) return;
    const [, what, form, quoted] = LINE.exec(line) ?? [];
    if (!what || quoted === undefined) throw new Error(`${where}: not understood: ${line}`);
    const text = unquote(quoted);
    if (what === 'msgid') {
      if (text in words) throw new Error(`${where}: '${text}' stands twice`);
      key = text;
    } else if (what === 'msgid_plural') {
      words[key] = {};
    } else if (form === undefined) {
      words[key] = text;
    } else {
      const plural = words[key];
      const name = forms[Number(form)];
      if (typeof plural !== 'object' || !name) throw new Error(`${where}: '${key}' has no such form`);
      plural[name] = text;
    }
  });
  for (const [name, text] of Object.entries(words)) {
    if (typeof text === 'string' ? text === '' : forms.some((form) => !text[form])) {
      throw new Error(`${language}.po: '${name}' is empty, or a form is missing`);
    }
  }
  return words;
}
