/* What every storage must do (platform/storage.ts), told to one that is empty: runs in node and, as it is, in a browser's page. */
const bytes = (...list) => new Uint8Array(list);
const text = (list) => list.map((one) => [...one].join('.')).join(' ');
const NONE = new Uint8Array(0);

function expect(what, found, wanted) {
  if (JSON.stringify(found) !== JSON.stringify(wanted)) throw new Error(`${what}: ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`);
}

async function refused(what, promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`not refused: ${what}`);
}

const keysOf = (storage, from, to, limit = 100) => storage.look(async (look) => text((await look.range(from, to, limit)).map(([key]) => key)));

export const contract = {
  'keys are ordered as bytes, the shorter first': async (open) => {
    const storage = await open();
    await storage.lead('one');
    const keys = [bytes(255), bytes(1, 0), bytes(1), bytes(127), bytes(128), bytes(1, 0, 0), bytes(2)];
    await storage.keep(keys.map((key) => ({ key, value: key })), false);
    expect('all', await keysOf(storage, NONE, NONE), '1 1.0 1.0.0 2 127 128 255');
    expect('from, to', await keysOf(storage, bytes(1, 0), bytes(128)), '1.0 1.0.0 2 127');
    expect('a limit', await keysOf(storage, bytes(1), NONE, 2), '1 1.0');
    await storage.look(async (look) => {
      expect('one', [...(await look.get(bytes(127)))], [127]);
      expect('none', await look.get(bytes(126)), undefined);
      expect('values', text(await look.values(bytes(127), NONE, 10)), '127 128 255');
      expect('last', text(await look.last(NONE, bytes(128))), '127 127');
      expect('no last', await look.last(bytes(3), bytes(4)), undefined);
      expect('how many', await look.count(bytes(1), bytes(2)), 3);
    });
  },

  'a batch keeps and drops in its own order, and as a whole': async (open) => {
    const storage = await open();
    await storage.lead('one');
    await storage.keep([1, 2, 3, 4].map((key) => ({ key: bytes(key), value: bytes(key) })), true);
    await storage.keep([{ key: bytes(2), end: bytes(4) }, { key: bytes(3), value: bytes(33) }, { key: bytes(4), end: bytes(4, 0) }], false);
    expect('what is left', await storage.look(async (look) => text(await look.values(NONE, NONE, 10))), '1 33');
    await storage.keep([{ key: bytes(1), end: NONE }], false);
    expect('to the end', await keysOf(storage, NONE, NONE), '');
  },

  'batches are done in the order in which they were asked for, and a look sees what was asked before': async (open) => {
    const storage = await open();
    await storage.lead('one');
    const kept = [];
    for (let i = 0; i < 20; i++) void storage.keep([{ key: bytes(7), value: bytes(i) }], i % 2 === 0).then(() => kept.push(i));
    expect('the last', await storage.look(async (look) => [...(await look.get(bytes(7)))]), [19]);
    expect('told in order', kept, [...Array(20).keys()]);
  },

  'who does not lead any more keeps nothing, but may put into the outbox': async (open) => {
    const storage = await open();
    const other = await open();
    await storage.lead('one');
    await other.lead('two');
    const error = await refused('a keep of who does not lead', storage.keep([{ key: bytes(9), value: bytes(1) }], false));
    expect('why', error.constructor.name, 'NotLeading');
    expect('nothing', await keysOf(other, NONE, NONE), '');
    await storage.put([{ key: bytes(0x4f), value: bytes(5) }]);
    await other.keep([{ key: bytes(9), value: bytes(2) }], false);
    expect('both', await keysOf(storage, NONE, NONE), '9 79');
  },
};
