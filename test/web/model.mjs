/*
 * The pure parts of the web app's model: what links and names others send come to, how rows and the outbox make the lines of the log, the
 * window on it. No browser. The fuzzed ones print their seed; SEED=… repeats one.
 */
import assert from 'node:assert/strict';

import { deedsOn } from '../../web/model/deeds.ts';
import { astray, GROUP_MS, inWindow, itemsOf } from '../../web/model/items.ts';
import { isSuspect, segmentsOf } from '../../web/model/links.ts';
import { follow, merge, placeOf } from '../../web/model/pages.ts';
import { begunWith, colourOf, fold, initials, isEmojiOnly, mentions, plainName, plainText } from '../../web/model/text.ts';
import { byReaction, reactorsOfTwo } from '../../web/model/reactors.ts';
import { run, test } from './tap.mjs';

const ME = '01', ANNA = '02', BORIS = '03';
const row = (seq, sender, more = {}) => ({ seq, changed: seq, time: seq * 1000, sender, kind: 'text', request: `r${seq}`, text: `text ${seq}`, reactions: [], ...more });
const entry = (id, operation, more = {}) => ({ room: 'room', id, operation, time: 9000, state: 'queued', ...more });
const sight = (more = {}) => ({ me: ME, userName: 'vera', group: true, self: false, ticks: { from: 0, delivered: 0, read: 0 }, unreadFrom: 0, blocks: new Set(), revealed: new Set(), ...more });
const links = (text) => segmentsOf(text).filter((segment) => segment.kind === 'link');

/** Numbers below `max` by chance; says its seed. */
function random() {
  let state = Number(process.env.SEED ?? Date.now() % 1e9);
  console.log(`# seed ${state}`);
  return (max) => ((state = (Math.imul(state, 1103515245) + 12345) >>> 0) >>> 8) % max;
}

/* ---- texts of others ---- */

test('links: http, https and mail, nothing else', () => {
  assert.deepEqual(links('see https://example.org/a?b=c#d, or www.example.org. Mail anna@example.org!').map((link) => link.href),
    ['https://example.org/a?b=c#d', 'http://www.example.org/', 'mailto:anna@example.org']);
  for (const text of ['javascript:alert(1)', 'data:text/html,x', 'ftp://example.org', '//example.org', 'file:///etc/passwd', 'vbscript:x', 'blob:https://a/b', 'about:blank'])
    assert.deepEqual(links(text).filter((link) => !/^(https?|mailto):/.test(link.href)), [], text);
});

test('links: what could be taken for another host is suspect', () => {
  for (const host of ['аррӏе.com', 'pаypal.com', 'xn--80ak6aa92e.com', 'gοοgle.com', 'exa\u2215mple.com', 'сбер.ru'.replace('сбер', 'ѕсаре')]) assert.equal(isSuspect(host), true, host);
  for (const host of ['example.org', 'müller.de', 'пример.рф', 'яндекс.ru', 'президент.рф', 'localhost', '127.0.0.1', 'москва.com'.replace('москва', 'фыва')]) assert.equal(isSuspect(host), false, host);
  for (const link of links('https://www.bank.com@evil.example/login https://user:word@evil.example/'))
    assert.ok(link.suspect || link.href.startsWith('mailto:') || link.text.includes(new URL(link.href).host), link.href);
});

test('mentions: a whole word after a sign that is not within another', () => {
  assert.equal(mentions('Hi @Vera, there', 'vera'), true);
  assert.equal(mentions('Hi @vera.', 'vera'), true);
  for (const text of ['vera', 'a@vera', '@veranda', '@vera_x', 'x@vera.org', '']) assert.equal(mentions(text, 'vera'), false, text);
  assert.equal(mentions('@', ''), false);
});

test('names: nothing that is obeyed, or cannot be seen, is left', () => {
  assert.equal(plainName('\u202exaM\u202c'), 'xaM');
  assert.equal(plainName('A\u200bd\u2066m\ufeffin\u0000\n'), 'Admin');
  assert.equal(plainName('a\u{e0041}b\u3164'), 'ab');
  assert.equal(plainName('ليلى'), 'ليلى');
  assert.equal(plainName('👩‍👧 x'), '👩‍👧 x');
  assert.equal(plainText('a\u202eb\nc\td'), 'ab\nc\td');
});

test('small truths: initials, colours, folding, what is begun, emoji alone', () => {
  assert.deepEqual(['Anna Petrova', 'борис', '  ', '@@'].map(initials), ['AP', 'Б', '', '']);
  for (let i = 0; i < 500; i++) assert.ok(colourOf(`${i}`, 8) >= 0 && colourOf(`${i}`, 8) < 8);
  assert.equal(fold('Ёлка Ärger'), 'елка arger');
  assert.deepEqual([begunWith('hi @an', '@'), begunWith('@', '@'), begunWith('a@b', '@'), begunWith('x :smi', ':'), begunWith('12:30', ':')], ['an', '', undefined, 'smi', undefined]);
  assert.deepEqual(['👍', '👍🏽👍', '👩‍👧', '🇷🇺', 'a👍', '1', ''].map(isEmojiOnly), [true, true, true, true, false, false, false]);
});

test('fuzzed: any text comes apart into itself, and no link leads elsewhere than it says', () => {
  const next = random();
  const parts = ['http://', 'https://', 'javascript:', 'www.', '@', 'vera', ' ', '\n', '.', 'com', ':', '/', '#', '<script>', '"', "'", '\u202e', '\u200b', 'а', 'a', 'xn--', '%', '\ud800', '👍', 'mailto:', '(', ')', '[', ']', '\\', '\u0000', '٠', '//', '&amp;', '?', '=', '127.0.0.1', ':8080'];
  for (let turn = 0; turn < 20000; turn++) {
    let text = '';
    for (let i = next(14); i >= 0; i--) text += parts[next(parts.length)];
    const segments = segmentsOf(text);
    assert.equal(segments.map((segment) => segment.text).join(''), text);
    for (const segment of segments) if (segment.kind === 'link') assert.match(segment.href, /^(https?:\/\/|mailto:)/);
    assert.doesNotMatch(plainName(text), /[\u0000-\u001f\u202a-\u202e\u2066-\u2069\u200b]/);
  }
});

test('a text of the greatest size is taken apart soon', () => {
  for (const piece of ['a@', 'http://a.', '((((', 'www.', '@vera ', 'аррӏе.com ', '\u202e']) {
    const start = performance.now();
    segmentsOf(piece.repeat(Math.floor(16384 / piece.length)));
    assert.ok(performance.now() - start < 1000, piece);
  }
});

/* ---- the lines of the log ---- */

test('rows of one sender within ten minutes make a group; a day and the unread line part it', () => {
  const day = 86_400_000;
  const items = itemsOf([row(1, ANNA, { time: 5 * day + 1000 }), row(2, ANNA, { time: 5 * day + 2000 }), row(3, ANNA, { time: 5 * day + 2000 + GROUP_MS }), row(4, BORIS, { time: 5 * day + 3000 + GROUP_MS }), row(5, BORIS, { time: 6 * day + 5000 + GROUP_MS })], [], sight());
  assert.deepEqual(items.map((item) => [item.newDay, item.first, item.last]), [[true, true, false], [false, false, true], [false, true, true], [false, true, true], [true, true, true]]);
  const unread = itemsOf([row(1, ANNA), row(2, ME), row(3, ANNA), row(4, ANNA)], [], sight({ unreadFrom: 2 }));
  assert.deepEqual(unread.map((item) => item.unread), [false, false, true, false]);
});

test('ticks: of own rows above from, up to what was delivered and read', () => {
  const items = itemsOf([1, 2, 3, 4].map((seq) => row(seq, ME)), [], sight({ ticks: { from: 1, delivered: 3, read: 2 } }));
  assert.deepEqual(items.map((item) => item.state), ['sent', 'read', 'delivered', 'sent']);
});

test('an operation and the row that it made are one line, with one key', () => {
  const before = itemsOf([row(1, ANNA)], [entry('r2', { kind: 'text', text: 'text 2' })], sight());
  const both = itemsOf([row(1, ANNA), row(2, ME)], [entry('r2', { kind: 'text', text: 'text 2' })], sight());
  assert.deepEqual(before.map((item) => [item.key, item.state]), [['1', 'sent'], ['r2', 'queued']]);
  assert.deepEqual(both.map((item) => [item.key, item.seq]), [['1', 1], ['r2', 2]]);
});

test('what alters a row lies over it while it waits; what was refused stands beside it', () => {
  const over = [entry('a', { kind: 'edited', target: 1, text: 'other' }), entry('b', { kind: 'reacted', target: 2, text: '👍' }), entry('c', { kind: 'deleted', target: 3 }),
    entry('d', { kind: 'edited', target: 4, text: 'never' }, { state: 'failed', error: 'not_allowed' }), entry('e', { kind: 'pinned', target: 4 })];
  const items = itemsOf([row(1, ME), row(2, ANNA, { reactions: [{ emoji: '👍', people: 2 }, { emoji: '😂', people: 1 }], reacted: '😂' }), row(3, ME), row(4, ME)], over, sight());
  assert.equal(items.length, 4);
  assert.deepEqual([items[0].text, items[0].edited, items[0].state], ['other', true, 'queued']);
  assert.deepEqual(items[1].reactions, [{ emoji: '👍', people: 3, mine: true }]);
  assert.deepEqual([items[2].kind, items[2].text], ['deleted', '']);
  assert.deepEqual([items[3].text, items[3].refused.length, items[3].pinned], ['text 4', 1, true]);
});

test('away from the newest rows only what alters a row is shown; a refused change of a row that is elsewhere is known', () => {
  const text = entry('a', { kind: 'text', text: 'x' }, { state: 'failed' }), edit = entry('b', { kind: 'edited', target: 1, text: 'other' });
  const far = entry('c', { kind: 'deleted', target: 7 }, { state: 'failed' });
  assert.deepEqual(inWindow([text, edit, far], true), [text, edit, far]);
  assert.deepEqual(inWindow([text, edit, far], false), [edit, far]);
  assert.equal(itemsOf([row(1, ME)], inWindow([text, edit], false), sight())[0].text, 'other');
  assert.deepEqual(astray([text, edit, far], [row(1, ME)]), [far]);
  assert.deepEqual(astray([text, edit, far], [row(7, ME)]), []);
});

test('who is blocked is hidden in groups, until it is asked for; and does not mention', () => {
  const rows = [row(1, ANNA, { text: '@vera' })];
  assert.deepEqual(itemsOf(rows, [], sight()).map((item) => [item.hidden, item.mentioned]), [[false, true]]);
  assert.deepEqual(itemsOf(rows, [], sight({ blocks: new Set([ANNA]) })).map((item) => [item.hidden, item.mentioned]), [[true, false]]);
  assert.equal(itemsOf(rows, [], sight({ blocks: new Set([ANNA]), revealed: new Set(['1']) }))[0].hidden, false);
  assert.equal(itemsOf(rows, [], sight({ blocks: new Set([ANNA]), group: false }))[0].hidden, false);
});

test('lines that are the same stay the same objects', () => {
  const rows = [row(1, ANNA), row(2, ME), row(3, ME)];
  const before = itemsOf(rows, [], sight());
  const after = itemsOf(rows, [], sight({ ticks: { from: 0, delivered: 3, read: 2 } }), { items: before, sight: sight() });
  assert.equal(after[0], before[0]);
  assert.notEqual(after[1], before[1]);
  assert.equal(after[1].state, 'read');
});

test('what was shown before makes no difference to what is shown, whatever came, went or changed between', () => {
  const next = random();
  const pick = (list) => list[next(list.length)];
  const senders = [ME, ANNA, BORIS];
  const day = 86400000;
  let all = Array.from({ length: 60 }, (_, i) => row(i + 1, senders[next(3)], { time: day * 4 + i * GROUP_MS * pick([0, 1, 1, 40]) / 4 }));
  for (let i = 1; i < all.length; i++) if (all[i].time < all[i - 1].time) all[i].time = all[i - 1].time;
  let before;
  let kept = 0;
  for (let turn = 0; turn < 400; turn++) {
    if (next(2)) all = all.map((one) => (next(20) ? one : pick([{ ...one, changed: 100 + turn, text: pick(['other', '@vera', 'other']) }, { ...one }, { ...one, changed: 100 + turn, kind: 'deleted', text: '' }])));
    const from = next(all.length), rows = all.slice(from, from + 1 + next(40));
    const outbox = Array.from({ length: next(4) }, (_, i) => pick([
      entry(`w${next(3)}`, { kind: 'text', text: 'waits' }, { state: pick(['queued', 'failed']) }),
      entry(`o${i}`, { kind: pick(['edited', 'deleted', 'pinned']), target: 1 + next(60), text: 'laid' }, { state: pick(['queued', 'failed']) }),
      entry(`o${i}`, { kind: 'reacted', target: 1 + next(60), text: pick(['👍', '']) }),
    ])).filter((one, index, list) => list.findIndex(({ id }) => id === one.id) === index);
    const look = sight({ ticks: { from: 0, delivered: next(60), read: next(30) }, unreadFrom: pick([0, 0, next(60)]), blocks: pick([new Set(), new Set([ANNA])]),
      revealed: pick([new Set(), new Set(['7', '8', '9'])]), group: next(9) > 0, userName: next(9) ? 'vera' : 'other' });
    const alone = itemsOf(rows, outbox, look), after = itemsOf(rows, outbox, look, before);
    assert.deepEqual(after, alone, `turn ${turn}`);
    kept += after.filter((item) => before?.items.includes(item)).length;
    before = { items: after, sight: look };
  }
  assert.ok(kept > 100, `${kept} kept`);
});

/* ---- the window ---- */

test('rows that come: changed ones replace, new ones follow only where the newest is, others stay out', () => {
  const rows = [row(5, ANNA), row(6, ANNA), row(8, ANNA)];
  const edited = row(6, ANNA, { changed: 20, text: 'edited' });
  assert.deepEqual(follow(rows, [row(3, ANNA), edited, row(7, ANNA), row(9, ME), row(10, ME, { kind: 'setting' })], true).map((one) => one.seq), [5, 6, 7, 8, 9]);
  assert.equal(follow(rows, [edited], true)[1].text, 'edited');
  assert.deepEqual(follow(rows, [row(9, ME)], false).map((one) => one.seq), [5, 6, 8]);
  assert.equal(merge([edited], [row(6, ANNA)])[0].text, 'edited');
  assert.deepEqual([placeOf(rows, 1), placeOf(rows, 6), placeOf(rows, 7), placeOf(rows, 9)], [0, 1, 2, 3]);
});

test('who reacted: in a chat of two by the counts; by reaction, oneself first', () => {
  const shown = [{ emoji: '👍', people: 2, mine: true }, { emoji: '❤️', people: 1, mine: false }];
  const two = reactorsOfTwo(shown, ME, ANNA);
  assert.deepEqual(two, [{ emoji: '👍', user: ME }, { emoji: '👍', user: ANNA }, { emoji: '❤️', user: ANNA }]);
  assert.deepEqual(reactorsOfTwo([{ emoji: '👍', people: 1, mine: true }], ME, ANNA), [{ emoji: '👍', user: ME }]);
  const told = [{ emoji: '❤️', user: ANNA }, { emoji: '👍', user: BORIS }, { emoji: '🔥', user: ANNA }, { emoji: '👍', user: ME }];
  assert.deepEqual(byReaction(told, shown, ME), [{ emoji: '👍', users: [ME, BORIS] }, { emoji: '❤️', users: [ANNA] }, { emoji: '🔥', users: [ANNA] }]);
  assert.deepEqual(byReaction([], shown, ME), []);
});

test('deeds: what the server would refuse is not offered', () => {
  const group = (role) => ({ kind: 'group', left: false, role });
  const kinds = (deeds) => Object.keys(deeds).filter((name) => deeds[name]).sort().join(' ');
  assert.equal(kinds(deedsOn(group('member'), row(1, ANNA), false, 'member')), 'forward react reply');
  assert.equal(kinds(deedsOn(group('member'), row(1, ME), true, 'member')), 'delete edit forward react readers reply');
  assert.equal(kinds(deedsOn(group('admin'), row(1, ANNA), false, 'member')), 'delete forward pin react reply');
  assert.equal(deedsOn(group('admin'), row(1, ANNA), false, 'owner').delete, false);
  assert.equal(kinds(deedsOn({ kind: 'personal', left: false, role: 'none' }, row(1, ANNA), false, 'none')), 'forward pin react reply');
  assert.equal(deedsOn(group('owner'), row(1, ME, { origin: 'Anna' }), true, 'owner').edit, false);
  assert.equal(kinds(deedsOn({ ...group('owner'), left: true }, row(1, ME), true, 'owner')), 'forward readers');
  assert.equal(kinds(deedsOn(group('owner'), row(1, ME, { kind: 'deleted' }), true, 'owner')), '');
});

await run({ before: () => undefined, after: () => undefined });
