/** Does a user whose fleet can have no leader any more hear why? */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { CellFile } from '../../../../provisioning/playground/cell-file.ts';
import { layoutOf } from '../../../../provisioning/playground/layout.ts';
import { findLostStores, lostStoresText } from '../../../../provisioning/playground/lost-stores.ts';
import { openLedgerStore } from '../../../../shared/store/ledger-store.ts';
import { withDirectory } from './support.ts';

const stores = suite('lost stores');

const UUID = '11111111-2222-4333-8444-555555555555';
const cellOf = (...ids: readonly string[]) => ({ nodes: ids.map((id) => ({ id })) }) as unknown as CellFile;

/** A node's store, damaged and opened again so many times. */
async function makeStore(directory: string, damages: number): Promise<void> {
  const open = async (): Promise<void> => await (await openLedgerStore(join(directory, 'ledger'), { newStoreUuid: () => UUID })).close();
  mkdirSync(directory, { recursive: true });
  await open();
  for (let round = 0; round < damages; round += 1) {
    writeFileSync(join(directory, 'ledger/current/slot.0'), 'damaged');
    await open();
  }
}

stores('are those that were set aside and begun anew, not those that are merely new, whole, or missing', async () => {
  await withDirectory(async (root) => {
    const layout = layoutOf(root);
    await makeStore(layout.node('node-1').data, 0);
    await makeStore(layout.node('node-2').data, 1);
    await makeStore(layout.node('node-3').data, 2);
    const lost = await findLostStores(layout, cellOf('node-1', 'node-2', 'node-3', 'node-4'));
    assert.equal(lost, [
      { node: 'node-2', keptAt: join(root, 'nodes/node-2/ledger/damaged-1') }, { node: 'node-3', keptAt: join(root, 'nodes/node-3/ledger/damaged-2') },
    ]);
  });
});

stores('are forgotten once a leader has spoken to the new one', async () => {
  await withDirectory(async (root) => {
    const layout = layoutOf(root);
    await makeStore(layout.node('node-1').data, 1);
    const store = await openLedgerStore(join(layout.node('node-1').data, 'ledger'), { newStoreUuid: () => UUID });
    await store.save({ hardState: { term: 3, vote: null, commit: 0 } });
    await store.close();
    assert.equal(await findLostStores(layout, cellOf('node-1')), []);
  });
});

stores('are told with their places and what to do, within 80 columns but for the places', () => {
  const text = lostStoresText([{ node: 'node-1', keptAt: '/x/damaged-1' }, { node: 'node-3', keptAt: '/y/damaged-4' }]);
  assert.match(text, /node-1, node-3 was damaged.*\n {4}\/x\/damaged-1\n {4}\/y\/damaged-4\n[^]*--dir/);
  for (const line of text.split('\n')) assert.ok(line.length <= 80, line);
  assert.is(lostStoresText([]), '');
});

stores.run();
