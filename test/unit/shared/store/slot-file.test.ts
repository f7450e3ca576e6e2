import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ClusterError } from '../../../../shared/errors.ts';
import { slotDisk } from '../../../../shared/store/durable-file.ts';
import { decodeSlot, encodeSlot, judgeSlots, openSlots } from '../../../../shared/store/slot-file.ts';
import { withDirectory } from '../../../support/temporary-directory.ts';

const slots = suite('slot files');

const value = { term: 7, vote: 'node-1.5f2c9a10' };

slots('give back what was written last', async () => {
  await withDirectory(async (directory) => {
    assert.equal((await openSlots(directory, 'x')).found, { kind: 'empty' });
    const opened = await openSlots(directory, 'x');
    for (let term = 0; term < 5; term += 1) {
      await opened.write({ term });
      assert.equal((await openSlots(directory, 'x')).found, { kind: 'intact', value: { term } });
    }
  });
});

slots('notice every flipped bit and every truncation of either file', async () => {
  await withDirectory(async (directory) => {
    const opened = await openSlots(directory, 'x');
    await opened.write({ term: 1 });
    await opened.write(value);
    for (const name of ['x.0', 'x.1']) {
      const path = join(directory, name);
      const bytes = await readFile(path);
      assert.is(decodeSlot(bytes).kind, 'held');
      for (let bit = 0; bit < bytes.length * 8; bit += 1) {
        const changed = Buffer.from(bytes);
        changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        assert.is(decodeSlot(changed).kind, 'damaged', `bit ${bit} of ${name}`);
      }
      for (let length = 0; length < bytes.length; length += 1) assert.is(decodeSlot(bytes.subarray(0, length)).kind, 'damaged', `${length} bytes of ${name}`);
      await writeFile(path, bytes.subarray(0, 20));
      assert.is((await openSlots(directory, 'x')).found.kind, 'damaged');
      await rm(path);
      assert.is((await openSlots(directory, 'x')).found.kind, 'damaged', `${name} is gone`);
      await writeFile(path, bytes);
      assert.is((await openSlots(directory, 'x')).found.kind, 'intact');
    }
  });
});

slots('are judged together', () => {
  const held = (sequence: number) => decodeSlot(encodeSlot(sequence, { sequence }));
  const absent = decodeSlot(null);
  const kind = (first: ReturnType<typeof held>, second: ReturnType<typeof held>) => judgeSlots(first, second).content.kind;
  assert.is(kind(absent, absent), 'empty');
  assert.is(kind(held(0), absent), 'intact', 'a crash during the very first write');
  assert.is(kind(held(2), absent), 'damaged');
  assert.is(kind(absent, held(1)), 'damaged');
  assert.equal(judgeSlots(held(4), held(5)), { content: { kind: 'intact', value: { sequence: 5 } }, nextSequence: 6 });
  assert.equal(judgeSlots(held(6), held(5)), { content: { kind: 'intact', value: { sequence: 6 } }, nextSequence: 7 });
  assert.is(kind(held(4), held(7)), 'damaged', 'an older copy of one slot was put back');
  assert.is(kind(held(5), held(4)), 'damaged', 'swapped');
});

slots('keep the older value when a crash leaves the next one in its temporary file', async () => {
  await withDirectory(async (directory) => {
    await (await openSlots(directory, 'x')).write(value);
    await writeFile(join(directory, 'x.0.tmp'), encodeSlot(2, { term: 8 }).subarray(0, 30));
    const again = await openSlots(directory, 'x');
    assert.equal(again.found, { kind: 'intact', value });
    await again.write({ term: 9 });
    assert.equal((await openSlots(directory, 'x')).found, { kind: 'intact', value: { term: 9 } });
  });
});

slots('refuse every write after one that failed', async () => {
  await withDirectory(async (directory) => {
    let isBroken = false;
    const opened = await openSlots(directory, 'x', {
      ...slotDisk,
      replace: (path, bytes) => (isBroken ? Promise.reject(new Error('EIO: fsync')) : slotDisk.replace(path, bytes)),
    });
    await opened.write({ term: 1 });
    isBroken = true;
    const codeOf = async (write: Promise<void>) => await write.then(() => 'written', (error: unknown) => (error as ClusterError).code);
    assert.is(await codeOf(opened.write({ term: 2 })), 'StoreFailed');
    isBroken = false;
    assert.is(await codeOf(opened.write({ term: 3 })), 'StoreFailed');
    assert.equal((await openSlots(directory, 'x')).found, { kind: 'intact', value: { term: 1 } });
  });
});

slots('are never written over while they are damaged', async () => {
  await withDirectory(async (directory) => {
    await writeFile(join(directory, 'x.0'), 'nonsense');
    const opened = await openSlots(directory, 'x');
    assert.is(await opened.write(value).catch((error: unknown) => (error as ClusterError).code), 'StoreDamaged');
    assert.is(await readFile(join(directory, 'x.0'), 'utf8'), 'nonsense');
  });
});

slots('serve all waiting writes with the newest value', async () => {
  await withDirectory(async (directory) => {
    let replaced = 0;
    const opened = await openSlots(directory, 'x', { ...slotDisk, replace: async (path, bytes) => { replaced += 1; await slotDisk.replace(path, bytes); } });
    await Promise.all([1, 2, 3, 4, 5, 6].map(async (term) => await opened.write({ term })));
    assert.equal((await openSlots(directory, 'x')).found, { kind: 'intact', value: { term: 6 } });
    assert.ok(replaced <= 4, `${replaced} files written`);
  });
});

slots.run();
