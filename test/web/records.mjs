/* Records as the core keeps them (core/record.h), made by hand for tests that want many: runs in a page, too. */
const varint = (value) => {
  const out = [];
  for (let left = value; ; left = Math.floor(left / 128)) {
    if (left < 128) return [...out, left];
    out.push((left % 128) | 128);
  }
};
const number = (tag, value) => [...varint(tag << 3), ...varint(value)];
const fixed = (tag, bytes) => [...varint((tag << 3) | 1), ...[...bytes].reverse()];
const bytes = (tag, list) => [...varint((tag << 3) | 2), ...varint(list.length), ...list];
const be = (value, size) => Array.from({ length: size }, (_, i) => Math.floor(value / 256 ** (size - 1 - i)) % 256);
const hex = (text) => text.match(/../g).map((byte) => Number.parseInt(byte, 16));
const utf8 = (text) => [...new TextEncoder().encode(text)];

/** The id of the index-th group. */
export const group = (index) => `018900000000700080000000${index.toString(16).padStart(8, '0')}`;

/** A message; all were written one minute after the other. */
export const rowRecord = (room, seq, sender, text, time = 1700000000000 + seq * 60000) => ({
  key: new Uint8Array([0x4d, ...hex(room), ...be(seq, 8)]),
  value: new Uint8Array([1, ...number(1, seq), ...number(2, seq), ...number(3, seq), ...number(4, time), ...fixed(5, be(sender, 8)), ...number(6, 1),
    ...bytes(7, [...be(seq, 8), ...be(seq, 8)]), ...bytes(8, utf8(text))]),
});

/** A group that was read to its head, without a hole. */
export const roomRecord = (room, head, title, time = 1700000000000) => ({
  key: new Uint8Array([0x52, ...hex(room)]),
  value: new Uint8Array([1, ...be(head, 8), ...be(0, 8), 0, 0, ...bytes(1, hex(room)), ...number(2, 1), ...number(3, head), ...number(11, time),
    ...bytes(12, utf8(title)), ...number(13, 1), ...number(14, 3)]),
});
