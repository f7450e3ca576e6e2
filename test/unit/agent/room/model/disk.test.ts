/**
 * Does a simulated disk forget what was not flushed, and nothing else?
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DiskError, createDisk, restoreDisk } from '../../../../../agent/room/model/disk.ts';
import type { BlockDevice, DiskChange } from '../../../../../agent/room/model/disk.ts';
import { seededChance } from '../../../../../shared/random.ts';

const MIB = 1024 * 1024;
const forgetful = (): BlockDevice => createDisk(MIB, seededChance(1), { surviveProbability: 0 });

const contents = (disk: BlockDevice): unknown => [disk.image(), disk.writtenBlocks().map((block) => [block, disk.read(block)]), disk.metadata()];

const disk = suite('a disk');

disk('is full of zeroes at first', () => {
  const fresh = forgetful();
  assert.is(fresh.read(0), null);
  assert.is(fresh.read(255), null);
  assert.is(fresh.image(), null);
  assert.equal(fresh.writtenBlocks(), []);
});

disk('reads what was written, also before a flush', () => {
  const one = forgetful();
  one.write(3, 'a');
  assert.is(one.read(3), 'a');
  one.flush();
  one.write(3, 'b');
  assert.is(one.read(3), 'b');
});

disk('keeps what was flushed through a power loss and forgets the rest', () => {
  const one = forgetful();
  one.write(1, 'durable');
  one.write(2, 'old');
  one.flush();
  one.write(2, 'new');
  one.write(3, 'gone');
  one.setMetadata({ written: 'through' });
  one.powerLoss();
  assert.is(one.read(1), 'durable');
  assert.is(one.read(2), 'old');
  assert.is(one.read(3), null);
  assert.equal(one.metadata(), { written: 'through' });
});

disk('lets unflushed blocks survive by chance, each for itself', () => {
  const one = createDisk(MIB, seededChance(5), { surviveProbability: 0.5 });
  for (let block = 0; block < 100; block += 1) one.write(block, 'x');
  one.powerLoss();
  const survived = one.writtenBlocks().length;
  assert.ok(survived > 25 && survived < 75, `${survived} of 100`);
});

disk('is replaced as a whole by an image or a wipe, once that is flushed', () => {
  const one = forgetful();
  one.write(7, 'before');
  one.flush();
  one.writeImage('sha256:1');
  one.write(8, 'after');
  assert.equal(contents(one), ['sha256:1', [[8, 'after']], null]);
  one.powerLoss();
  assert.equal(contents(one), [null, [[7, 'before']], null]);
  one.writeImage('sha256:1');
  one.write(8, 'after');
  one.flush();
  one.powerLoss();
  assert.equal(contents(one), ['sha256:1', [[8, 'after']], null]);
  one.clear();
  one.flush();
  assert.equal(contents(one), [null, [], null]);
});

disk('fails every access after an error, until it is repaired, and loses nothing by it', () => {
  const one = forgetful();
  one.write(1, 'kept');
  one.flush();
  one.fail('error');
  assert.ok(one.failed);
  for (const access of [() => one.read(1), () => one.write(1, 'x'), () => one.flush(), () => one.metadata(), () => one.setMetadata(1), () => one.writeImage('x'), () => one.clear()]) {
    assert.throws(access, (error: unknown) => error instanceof DiskError && error.code === 'DiskError');
  }
  one.repair();
  assert.is(one.read(1), 'kept');
});

disk('says that it is slow and still is what it was', () => {
  const one = forgetful();
  one.fail('slow');
  assert.ok(one.slow && !one.failed);
  one.repair();
  assert.not.ok(one.slow);
});

disk('has no block beyond its end', () => {
  const one = forgetful();
  for (const block of [256, -1, 1.5]) {
    assert.throws(() => one.write(block, 'x'), /beyond the end/);
    assert.throws(() => one.read(block), /beyond the end/);
  }
});

disk('is the same again after save and restore, and after replaying its journal', () => {
  const chance = seededChance(9);
  const original = createDisk(MIB, seededChance(3));
  const journal: DiskChange[] = [];
  const start = original.save();
  original.onChange((change) => journal.push(change));
  for (let step = 0; step < 2_000; step += 1) {
    const draw = chance.next();
    const block = Math.floor(chance.next() * 40);
    if (draw < 0.6) original.write(block, draw < 0.1 ? null : `v${step}`);
    else if (draw < 0.8) original.flush();
    else if (draw < 0.85) original.powerLoss();
    else if (draw < 0.87) original.writeImage(`sha256:${step}`);
    else if (draw < 0.88) original.clear();
    else original.setMetadata({ step });
  }
  const plain = JSON.parse(JSON.stringify({ start, journal, end: original.save() })) as { start: typeof start; journal: DiskChange[]; end: typeof start };
  const replayed = restoreDisk(plain.start, seededChance(77));
  for (const change of plain.journal) replayed.apply(change);
  assert.equal(contents(replayed), contents(original));
  assert.equal(contents(restoreDisk(plain.end, seededChance(78))), contents(original));
  replayed.powerLoss();
  replayed.flush();
});

disk('tells its listeners nothing after they left', () => {
  const one = forgetful();
  let heard = 0;
  const leave = one.onChange(() => {
    heard += 1;
  });
  one.write(1, 'x');
  leave();
  one.write(2, 'x');
  assert.is(heard, 1);
});

disk.run();
