/**
 * How does a whole cell in virtual time keep its ledger in an etcd? Its members make this where they would make a member of our own log.
 *
 * A test that says so replaces ledger-node.ts by this file before it loads virtual-cell.ts ({@link keepLedgerInEtcd}), so neither the
 * cell nor any of its users has to know of a second engine.
 */
import { registerHooks } from 'node:module';
import { Endpoints } from '../../shared/ledger/etcd/endpoints.ts';
import { EtcdLedger } from '../../shared/ledger/etcd/etcd-ledger.ts';
import type { EtcdEndpoint } from '../../shared/ledger/etcd/etcd-port.ts';
import { foundEtcdLedger } from '../../shared/ledger/etcd/found.ts';
import type { LedgerNodeOptions } from '../../shared/ledger/node/ports.ts';
import { decodeSnapshot } from '../../shared/ledger/snapshot.ts';
import type { CellState } from '../../shared/model/cell.ts';
import type { World } from '../../shared/world.ts';
import { FakeEtcd } from './fake-etcd.ts';

/** The etcd of the cell that is being tested: one at a time. */
let current: { readonly etcd: FakeEtcd; readonly world: World; isFounded: boolean } | null = null;

/** From now on, cells in virtual time that are loaded keep their ledgers in etcd. */
export function keepLedgerInEtcd(): void {
  registerHooks({
    resolve: (specifier, context, next) => (specifier.endsWith('/ledger/node/ledger-node.ts') ? { url: import.meta.url, shortCircuit: true } : next(specifier, context)),
  });
}

/** An etcd for the cell in this world; call it in the turn in which the cell was made. */
export function etcdFor(world: World): FakeEtcd {
  current = { etcd: new FakeEtcd(world), world, isFounded: false };
  return current.etcd;
}

/** Members reach the etcd only once they ask: the cell is made before it. */
function endpointsOf(world: World): readonly EtcdEndpoint[] {
  const at = (which: number): EtcdEndpoint => {
    const endpoint = current?.etcd.endpoints(world)[which];
    if (endpoint === undefined) throw new Error('the cell has no etcd');
    return endpoint;
  };
  return [0, 1, 2].map((which) => ({
    name: `etcd-${which + 1}`,
    read: async (ranges, options) => await at(which).read(ranges, options),
    write: async (write, options) => await at(which).write(write, options),
    watch: (range, watcher) => at(which).watch(range, watcher),
  }));
}

/** In the place of our own log's member. The first one with a founder's store founds the ledger in etcd. */
export class LedgerNode extends EtcdLedger {
  constructor({ self, world, mesh, profile, onFatal, store }: LedgerNodeOptions, initial: CellState) {
    super({ self, world, mesh, profile, onFatal, endpoints: endpointsOf(world), mayLead: self.startsWith('node-') }, initial);
    const { loaded } = store;
    if (current === null || current.isFounded || loaded.kind !== 'loaded' || loaded.snapshot === null) return;
    current.isFounded = true;
    const { etcd, world: outer } = current;
    // A founding that fails leaves a cell without a ledger, which every test notices.
    void foundEtcdLedger(outer, new Endpoints(etcd.endpoints(), 0, outer.log), decodeSnapshot(loaded.snapshot.data), 'founding');
  }
}
