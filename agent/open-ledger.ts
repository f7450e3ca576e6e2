/**
 * Which engine holds this node's ledger? Ours, in a store on its boot disk, or one over an etcd, as the configuration says.
 */
import { isUuid } from '../shared/ids.ts';
import type { MemberId, NodeId } from '../shared/ids.ts';
import type { EtcdConfig, LedgerConfig } from '../shared/ledger/etcd/config.ts';
import type { LedgerMember } from '../shared/ledger/replicated-log.ts';
import type { CellState } from '../shared/model/cell.ts';
import type { TimingProfile } from '../shared/model/timing.ts';
import { uuid } from '../shared/random.ts';
import type { Mesh } from '../shared/wire/mesh.ts';
import type { SealedSocket } from '../shared/wire/sealed-socket.ts';
import type { NodeWorld } from '../shared/world.ts';

/** What either engine is made from. */
export interface LedgerParts {
  readonly self: NodeId;
  readonly world: NodeWorld;
  readonly mesh: Mesh;
  readonly socket: SealedSocket;
  readonly profile: TimingProfile;
  /** Members that may know the ledger, for one that knows nothing yet. */
  readonly seeds: () => readonly MemberId[];
  /** The process must end: its ledger cannot be relied on. */
  readonly onFatal: (error: unknown) => void;
}

/** A ledger that is ready to be made, and the UUID of the boot disk that this node keeps its own things on: once that is another one, its replicas are, too. */
export interface OpenedLedger {
  readonly storeUuid: string;
  /** Makes it, at once; it does nothing before it is started. `initial`: the state before anything was heard. */
  make(parts: LedgerParts, initial: CellState): LedgerMember;
}

/** Opens what the engine keeps. Only what is needed is loaded: agents are to be small. */
export async function openLedger(config: LedgerConfig, self: NodeId, world: NodeWorld): Promise<OpenedLedger> {
  return config.kind === 'etcd' ? await openEtcd(config, world) : await openOwn(self, world);
}

async function openOwn(self: NodeId, world: NodeWorld): Promise<OpenedLedger> {
  const [{ openLedgerStore }, { LedgerNode }, { createHeartbeatPath }] = await Promise.all([
    import('../shared/store/ledger-store.ts'), import('../shared/ledger/node/ledger-node.ts'), import('../shared/ledger/node/heartbeat-path.ts'),
  ]);
  const store = await openLedgerStore(world.files.absolute('ledger'), { newStoreUuid: () => uuid(world.chance) });
  if (store.loaded.kind === 'amnesia') world.log.write({ event: 'alarm', subject: self, reason: `the ledger's store was damaged: ${store.loaded.reason}; this node begins a new one` });
  return {
    storeUuid: store.storeUuid,
    make: (parts, initial) => {
      const heartbeats = createHeartbeatPath({ self, socket: parts.socket, clock: world.clock, state: () => ledger.state(), profile: parts.profile });
      const ledger: LedgerMember = new LedgerNode({ ...parts, store, heartbeats }, initial);
      return ledger;
    },
  };
}

/** Where the UUID is kept, below the agent's directory, when the ledger itself is elsewhere. */
const STORE_UUID_FILE = 'store-uuid';

async function openEtcd(config: EtcdConfig, { chance, files, timers }: NodeWorld): Promise<OpenedLedger> {
  const [{ createEtcdClients }, { EtcdLedger }] = await Promise.all([import('../shared/net/etcd-client.ts'), import('../shared/ledger/etcd/etcd-ledger.ts')]);
  const endpoints = await createEtcdClients(config, timers);
  const kept = await files.read(STORE_UUID_FILE);
  const storeUuid = kept !== null && isUuid(kept) ? kept : uuid(chance);
  if (storeUuid !== kept) await files.writeDurably(STORE_UUID_FILE, storeUuid);
  return { storeUuid, make: (parts, initial) => new EtcdLedger({ ...parts, endpoints, mayLead: true }, initial) };
}
