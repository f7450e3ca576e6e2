/**
 * How does a cell's ledger come into its etcd, once? When that answers for the first time; cell.json then says that it is there.
 *
 *     cell.json: not founded --etcd answers--> the first state is written, unless it is there --cell.json--> founded
 *
 * A founded ledger is never founded again: one that is not there any more was lost, and only people may decide what follows.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { describeError } from '../../shared/errors.ts';
import { Endpoints } from '../../shared/ledger/etcd/endpoints.ts';
import { foundEtcdLedger } from '../../shared/ledger/etcd/found.ts';
import { createEtcdClient } from '../../shared/net/etcd-client.ts';
import { chance, createWorld, timers } from '../../shared/process/process-world.ts';
import { hexDigits } from '../../shared/random.ts';
import { writeCellFile } from './cell-file.ts';
import type { CellFile } from './cell-file.ts';
import { clientUrl } from './etcd-members.ts';
import { genesisState } from './genesis.ts';
import type { Layout } from './layout.ts';
import { testImage } from './test-image.ts';

const RETRY_MS = 100;

/** What founding needs. */
export interface FoundInEtcd {
  readonly layout: Layout;
  readonly cell: CellFile;
  /** Wall-clock time, for people. */
  readonly at: string;
  readonly signal: AbortSignal;
  /** Why etcd will not answer; null: it still may. Whatever it throws ends the waiting. */
  readonly check: () => void;
  /** Told why it was not founded yet, each time that another reason comes up. */
  readonly onWait: (words: string) => void;
}

/** Resolves when the ledger is there (or the signal came first). It waits for etcd for as long as `check` lets it. */
export async function foundInEtcd({ layout, cell, at, signal, check, onWait }: FoundInEtcd): Promise<void> {
  const { etcd } = cell;
  if (etcd === undefined || etcd.isFounded) return;
  const clients = etcd.members.map((member) => createEtcdClient({ url: clientUrl(member), timers }));
  const world = createWorld({ write: () => undefined });
  const endpoints = new Endpoints(clients, 0, world.log);
  const state = genesisState(cell, testImage(at), null, at);
  let said = '';
  try {
    while (!signal.aborted) {
      check();
      try {
        await foundEtcdLedger(world, endpoints, state, `founding.${hexDigits(chance, 8)}`);
        etcd.isFounded = true;
        await writeCellFile(layout.cellFile, cell);
        return;
      } catch (error) {
        const words = describeError(error);
        if (words !== said) onWait(words);
        said = words;
        endpoints.failed(endpoints.current(), words);
        await delay(RETRY_MS, undefined, { signal }).catch(() => undefined); // an interruption is seen by the loop
      }
    }
  } finally {
    for (const client of clients) client.close();
  }
}
