/*
 * The words of the web app (web/lang): both languages have the same keys, each plural all its forms, each text the same values; every
 * key that the app asks for is there, and every one that is there is asked for. Reads the sources; no browser.
 *
 * A key is asked for by a string that is one; `error.${code}` asks for all that begin so.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { PLURALS, readPo } from '../../web/lang/po.ts';
import { run, test } from './tap.mjs';

const web = new URL('../../web/', import.meta.url).pathname;
const read = (language) => readPo(readFileSync(join(web, 'lang', `${language}.po`), 'utf8'), language);

function* sources(folder) {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) yield* sources(path);
    else if (/\.(ts|svelte)$/.test(name) && !name.endsWith('.d.ts')) yield readFileSync(path, 'utf8');
  }
}

const code = [...sources(join(web, 'view')), ...sources(join(web, 'model'))].join('\n').replace(/<style>[\s\S]*?<\/style>/g, '');
const strings = new Set([...code.matchAll(/'([a-z_]+(?:\.[a-z_0-9]+)*)'/g)].map((match) => match[1]));
const begun = [...code.matchAll(/`([a-z_.]+)\$\{/g)].map((match) => match[1]);
/** What stands right after t(: these must be keys. */
const asked = [...code.matchAll(/\bt\(\s*'([^']+)'/g), ...code.matchAll(/\bt\([^()']*\? '([^']+)' : '[^']+'/g), ...code.matchAll(/\bt\([^()']*\? '[^']+' : '([^']+)'/g)].map((match) => match[1]);
const values = (text) => [...new Set([...(typeof text === 'string' ? text : Object.values(text).join(' ')).matchAll(/\{(\w+)\}/g)].map((match) => match[1]))].sort();

test('both languages have the same keys, and plurals in the same places', () => {
  const [en, ru] = [read('en'), read('ru')];
  assert.deepEqual(Object.keys(ru), Object.keys(en));
  for (const key of Object.keys(en)) assert.equal(typeof ru[key], typeof en[key], key);
  assert.ok(Object.keys(en).length > 100);
});

test('a text has the same values in both', () => {
  const [en, ru] = [read('en'), read('ru')];
  for (const key of Object.keys(en)) assert.deepEqual(values(ru[key]), values(en[key]), key);
});

test('every key that is asked for is there', () => {
  const en = read('en');
  assert.ok(asked.length > 100);
  assert.deepEqual(asked.filter((key) => !(key in en)), []);
});

test('every key that is there is asked for', () => {
  const unused = Object.keys(read('en')).filter((key) => !strings.has(key) && !begun.some((start) => key.startsWith(start)));
  assert.deepEqual(unused, []);
});

test('plural forms are those of the language', () => {
  for (const [language, forms] of Object.entries(PLURALS))
    assert.deepEqual([...forms].sort(), new Intl.PluralRules(language).resolvedOptions().pluralCategories.filter((form) => language !== 'ru' || form !== 'other').sort());
});

test('a missing form, an empty text, a key twice and a broken line are refused', () => {
  const plural = 'msgid "a"\nmsgid_plural "n"\nmsgstr[0] "x"\n';
  assert.throws(() => readPo(plural, 'en'), /form is missing/);
  assert.throws(() => readPo(`${plural}msgstr[1] "y"\n`, 'ru'), /form is missing/);
  assert.throws(() => readPo('msgid "a"\nmsgstr ""\n', 'en'), /is empty/);
  assert.throws(() => readPo('msgid "a"\nmsgstr "x"\nmsgid "a"\nmsgstr "y"\n', 'en'), /stands twice/);
  assert.throws(() => readPo('msgid a\n', 'en'), /not understood/);
  assert.deepEqual(readPo(`${plural}msgstr[1] "y"\n`, 'en'), { a: { one: 'x', other: 'y' } });
});

await run({ before: () => undefined, after: () => undefined });
