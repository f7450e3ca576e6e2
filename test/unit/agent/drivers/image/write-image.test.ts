/** Images on devices: the right file, all of it, read back. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Images } from '../../../../../agent/drivers/image/write-image.ts';
import { createRunner } from '../../../../../agent/drivers/runner.ts';
import type { Runner } from '../../../../../shared/world.ts';

const images = suite('images');

const directory = mkdtempSync(join(tmpdir(), 'ves-images-'));
const content = Buffer.alloc(5 * 1024 * 1024 + 123, 'image ');
const digest = createHash('sha256').update(content).digest('hex');
const device = join(directory, 'device');
const code = async (promise: Promise<unknown>): Promise<string | undefined> => await promise.then(() => undefined, (thrown: { code?: string }) => thrown.code);

images.before.each(() => {
  writeFileSync(join(directory, digest), content);
  // Larger than the image, as a device is, and full of something else.
  writeFileSync(device, Buffer.alloc(8 * 1024 * 1024, 'old'));
});
images.after(() => rmSync(directory, { recursive: true, force: true }));

/** dd truncates a plain file, which a device does not: the stand-in for a device needs to be told. */
function overFile(change: (argv: readonly string[]) => readonly string[] = (argv) => argv): { runner: Runner; argvs: string[] } {
  const real = createRunner();
  const argvs: string[] = [];
  return {
    argvs,
    runner: { stream: real.stream, run: async (argv, options) => {
      argvs.push(argv[0] ?? '');
      return await real.run(change(argv.map((word) => (word === 'conv=fsync' ? 'conv=fsync,notrunc' : word))), options);
    } },
  };
}

images('are copied whole and verified, with the real programs', async () => {
  const { runner, argvs } = overFile();
  const own = new Images(runner, directory);
  await own.write(digest, device);
  assert.equal(argvs, ['sha256sum', 'dd', 'cmp']);
  const written = readFileSync(device);
  assert.is(written.length, 8 * 1024 * 1024);
  assert.ok(written.subarray(0, content.length).equals(content));
  await own.write(digest, device);
  assert.equal(argvs.slice(3), ['dd', 'cmp'], 'an unchanged file is hashed once');
});

images('whose copy came out wrong are an error', async () => {
  const cutShort = overFile((argv) => (argv[0] === 'dd' ? [...argv, 'count=1'] : argv));
  assert.is(await code(new Images(cutShort.runner, directory).write(digest, device)), 'ImageWriteFailed');
  assert.is(await code(new Images(overFile().runner, directory).write(digest, '/nowhere/device')), 'ImageWriteFailed');
});

images('whose file is not what its name says are never written', async () => {
  writeFileSync(join(directory, digest), 'something else');
  const { runner, argvs } = overFile();
  assert.is(await code(new Images(runner, directory).write(digest, device)), 'ImageCorrupt');
  assert.equal(argvs, ['sha256sum']);
});

images('that are not there, or are no digests, are an error', async () => {
  const { runner } = overFile();
  assert.is(await code(new Images(runner, directory).write('f'.repeat(64), device)), 'ImageMissing');
  for (const name of ['../../etc/passwd', 'x', `${digest}/`]) assert.is(await code(new Images(runner, directory).write(name, device)), 'ImageMissing');
});

images.run();
