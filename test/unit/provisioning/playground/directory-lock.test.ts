import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { lockDirectory } from '../../../../provisioning/playground/directory-lock.ts';
import { failureOf, withDirectory } from './support.ts';

const lock = suite('the lock of a playground’s directory');

lock('is held by one process, and free after it', async () => {
  await withDirectory(async (directory) => {
    const path = join(directory, 'lock');
    const unlock = lockDirectory(path);
    assert.is(await failureOf(() => lockDirectory(path)), 'PlaygroundAlreadyRuns');
    assert.match(readFileSync(path, 'utf8'), String(process.pid));
    unlock();
    assert.not.ok(existsSync(path));
    lockDirectory(path)();
  });
});

lock('is taken over from a process that was killed', async () => {
  await withDirectory(async (directory) => {
    const path = join(directory, 'lock');
    const child = spawn(process.execPath, ['-e', '']);
    await once(child, 'close');
    writeFileSync(path, `${child.pid} 12345\n`);
    lockDirectory(path)();
  });
});

lock('is taken over when its pid belongs to another process now', async () => {
  await withDirectory(async (directory) => {
    const path = join(directory, 'lock');
    writeFileSync(path, `${process.pid} 1\n`);
    lockDirectory(path)();
  });
});

lock('is taken over when its file is empty or nonsense', async () => {
  await withDirectory(async (directory) => {
    const path = join(directory, 'lock');
    for (const text of ['', 'x y z', '-1 0']) {
      writeFileSync(path, text);
      lockDirectory(path)();
    }
  });
});

lock('cannot be taken where nothing can be written', async () => {
  assert.is(await failureOf(() => lockDirectory('/proc/lock')), 'DirectoryUnusable');
});

lock.run();
