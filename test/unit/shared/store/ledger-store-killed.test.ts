import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openLedgerStore } from '../../../../shared/store/ledger-store.ts';
import { withDirectory } from '../../../support/temporary-directory.ts';

const killed = suite('ledger store of a killed process');

const CHILD = fileURLToPath(new URL('./saving-child.ts', import.meta.url));

/** Lets a process save until it has acknowledged `count` saves, then kills it. Returns the last acknowledged term and index. */
async function saveAndKill(directory: string, seed: number, count: number): Promise<{ readonly term: number; readonly last: number }> {
  const child = spawn(process.execPath, [CHILD, directory, String(seed)], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    if (output.split('\n').length > count) child.kill('SIGKILL');
  });
  await new Promise((resolve) => child.once('close', resolve));
  const line = output.slice(0, output.lastIndexOf('\n')).split('\n').at(-1) ?? '';
  const [term = NaN, last = NaN] = line.split(' ').map(Number);
  assert.ok(Number.isInteger(term) && Number.isInteger(last), `${output}${errors}`);
  return { term, last };
}

killed('holds everything that was acknowledged, each time', async () => {
  await withDirectory(async (directory) => {
    for (let round = 1; round <= 8; round += 1) {
      const acknowledged = await saveAndKill(directory, round, 10 + 13 * round);
      const store = await openLedgerStore(directory, { newStoreUuid: () => { throw new Error('no new store is needed'); } });
      const { loaded } = store;
      await store.close();
      if (loaded.kind !== 'loaded') throw new Error(JSON.stringify(loaded));
      const last = loaded.entries.at(-1)?.index ?? loaded.snapshot?.index ?? 0;
      // One more save may have become durable without having been acknowledged: at most 4 entries, or one conflict.
      assert.ok(loaded.hardState.term >= acknowledged.term && loaded.hardState.term <= acknowledged.term + 1, `term ${loaded.hardState.term} after ${acknowledged.term}`);
      assert.ok(last >= acknowledged.last - (loaded.hardState.term > acknowledged.term ? 1 : 0) && last <= acknowledged.last + 4, `entry ${last} after ${acknowledged.last}`);
    }
  });
});

killed.run();
