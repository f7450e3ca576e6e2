import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ClusterError } from '../../../../shared/errors.ts';
import { slotDisk } from '../../../../shared/store/durable-file.ts';
import { GENERATIONS_MAX, openGenerationStore } from '../../../../shared/store/generation-store.ts';
import { withDirectory } from '../../../support/temporary-directory.ts';

const generations = suite('generation store');

const codeOf = async (work: Promise<unknown>): Promise<string> => await work.then(() => 'done', (error: unknown) => (error as ClusterError).code);

generations('only ever go up, and are durable before they are told', async () => {
  await withDirectory(async (directory) => {
    const store = await openGenerationStore(directory);
    assert.is(store.seen('i-1'), 0);
    const raised = store.raise('i-1', 3);
    assert.is(store.seen('i-1'), 0, 'not before it is durable');
    await raised;
    assert.is(store.seen('i-1'), 3);
    await store.raise('i-1', 2);
    assert.is(store.seen('i-1'), 3);
    await Promise.all([store.raise('i-2', 5), store.raise('i-1', 4), store.raise('i-2', 1)]);
    const again = await openGenerationStore(directory);
    assert.equal([again.seen('i-1'), again.seen('i-2'), again.seen('i-3')], [4, 5, 0]);
    await again.forget(['i-1', 'i-9']);
    const last = await openGenerationStore(directory);
    assert.equal([last.seen('i-1'), last.seen('i-2')], [0, 5]);
  });
});

generations('are not guessed when a slot is damaged', async () => {
  await withDirectory(async (directory) => {
    await (await openGenerationStore(directory)).raise('i-1', 3);
    for (const name of ['generations.0', 'generations.1']) {
      const path = join(directory, name);
      const bytes = await readFile(path);
      await writeFile(path, bytes.subarray(0, -1));
      assert.is(await codeOf(openGenerationStore(directory)), 'StoreDamaged');
      await writeFile(path, bytes);
    }
    assert.is((await openGenerationStore(directory)).seen('i-1'), 3);
  });
});

generations('tell nothing that could not be written', async () => {
  await withDirectory(async (directory) => {
    let isBroken = false;
    const store = await openGenerationStore(directory, { ...slotDisk, replace: async (path, bytes) => await (isBroken ? Promise.reject(new Error('EIO')) : slotDisk.replace(path, bytes)) });
    await store.raise('i-1', 1);
    isBroken = true;
    assert.is(await codeOf(store.raise('i-1', 2)), 'StoreFailed');
    assert.is(store.seen('i-1'), 1);
    assert.is(await codeOf(store.raise('i-2', 1)), 'StoreFailed');
  });
});

generations('are bounded', async () => {
  await withDirectory(async (directory) => {
    const store = await openGenerationStore(directory);
    await Promise.all(Array.from({ length: GENERATIONS_MAX }, async (_, at) => await store.raise(`i-${at}`, 1)));
    assert.is(await codeOf(store.raise('one-more', 1)), 'StoreFull');
    await store.raise('i-0', 2);
  });
});

generations.run();
