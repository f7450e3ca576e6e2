import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ClusterError } from '../../../../shared/errors.ts';
import { openProjectionStore } from '../../../../shared/store/projection-store.ts';
import type { ProjectionStore } from '../../../../shared/store/projection-store.ts';
import type { LogFact } from '../../../../shared/world.ts';
import { withDirectory } from '../../../support/temporary-directory.ts';

const projection = suite('projection store');

interface TestEvent { readonly index: number; readonly ordinal: number; readonly text: string }
type TestStore = ProjectionStore<{ readonly nodes: readonly string[] }, TestEvent>;

const event = (index: number, ordinal = 0): TestEvent => ({ index, ordinal, text: `event ${index}.${ordinal}` });
const places = (events: readonly TestEvent[]): string[] => events.map(({ index, ordinal }) => `${index}.${ordinal}`);

async function using<Result>(directory: string, facts: LogFact[], use: (store: TestStore) => Promise<Result>): Promise<Result> {
  const store: TestStore = await openProjectionStore(directory, { log: { write: (fact) => void facts.push(fact) }, eventsMax: 6 });
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

projection('gives back state and events, oldest first, and drops the oldest', async () => {
  await withDirectory(async (directory) => {
    const facts: LogFact[] = [];
    await using(directory, facts, async (store) => {
      assert.is(store.loaded, null);
      await store.saveState({ appliedIndex: 7, state: { nodes: ['node-1'] } });
      await store.appendEvents([event(1), event(2), event(2, 1), event(9)]);
      await store.appendEvents([event(9), event(10), event(100), event(100, 11)]);
      assert.equal(places(await store.readEvents(null, 10)), ['2.0', '2.1', '9.0', '10.0', '100.0', '100.11']);
    });
    await using(directory, facts, async (store) => {
      assert.equal(store.loaded, { appliedIndex: 7, state: { nodes: ['node-1'] } });
      assert.equal(await store.readEvents({ index: 9, ordinal: 0 }, 2), [event(10), event(100)]);
      assert.equal(places(await store.latestEvents(2)), ['100.0', '100.11']);
      await store.appendEvents([event(101)]);
      assert.equal(places(await store.readEvents(null, 10)).at(0), '2.1');
      const second = await openProjectionStore(directory, { log: { write: () => undefined } }).catch((error: unknown) => error as ClusterError);
      assert.ok('code' in second && second.code === 'StoreLocked');
    });
    assert.equal(facts, []);
  });
});

projection('is emptied, with a fact that says why, when it is damaged', async () => {
  await withDirectory(async (directory) => {
    await using(directory, [], async (store) => await store.saveState({ appliedIndex: 7, state: { nodes: [] } }));
    await using(directory, [], async (store) => await store.appendEvents([event(1)]));
    for (const name of (await readdir(join(directory, 'projection'))).filter((file) => /\.ldb$|^CURRENT$/.test(file))) {
      const path = join(directory, 'projection', name);
      const bytes = await readFile(path);
      bytes[4] = (bytes[4] ?? 0) ^ 0xff;
      await writeFile(path, bytes);
    }
    const facts: LogFact[] = [];
    await using(directory, facts, async (store) => {
      assert.is(store.loaded, null);
      assert.equal(await store.readEvents(null, 10), []);
      await store.saveState({ appliedIndex: 9, state: { nodes: [] } });
    });
    assert.equal(facts.map((fact) => fact.event), ['projectionRebuilt']);
    await using(directory, facts, async (store) => await Promise.resolve(assert.is(store.loaded?.appliedIndex, 9)));
    assert.is(facts.length, 1);
  });
});

projection.run();
