/**
 * How does a ledger in etcd begin? With the first state as its snapshot, and a head that nobody leads yet.
 */
import { ClusterError } from '../../errors.ts';
import type { CellState } from '../../model/cell.ts';
import type { World } from '../../world.ts';
import { encodeSnapshot } from '../snapshot.ts';
import type { Endpoints } from './endpoints.ts';
import { encodeHead, headKey } from './records.ts';
import { writeSnapshot } from './snapshot-writer.ts';

/** The founding state is that after entry 1, of term 1, as with our own log. */
const FOUNDING = { index: 1, term: 1 };
const TIMEOUT_MS = 5_000;

/**
 * Founds the ledger of a cell, unless it is there. Resolves false when it was there already; rejects with a retryable ClusterError
 * when etcd did not answer: repeat it. `name`: new for each attempt.
 */
export async function foundEtcdLedger(world: World, endpoints: Endpoints, state: CellState, name: string): Promise<boolean> {
  const key = headKey(state.clusterUuid);
  const endpoint = endpoints.current();
  const { ranges } = await endpoint.read([{ from: key, to: null }], { timeoutMs: TIMEOUT_MS });
  if ((ranges[0]?.length ?? 0) > 0) return false;
  const base = await writeSnapshot({ world, endpoints, clusterUuid: state.clusterUuid, timeoutMs: TIMEOUT_MS }, { ...FOUNDING, name, data: encodeSnapshot(state) });
  if (base === null) throw new ClusterError('EtcdFailed', 'etcd did not take the first state of the cell', { retryable: true });
  const value = encodeHead({ ...FOUNDING, leader: null, campaign: '', beat: 0, base });
  return (await endpoint.write({ key, modRevision: 0, puts: [{ key, value }], deletes: [] }, { timeoutMs: TIMEOUT_MS })).happened;
}
