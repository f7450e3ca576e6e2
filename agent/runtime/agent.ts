/**
 * How is an agent put together? Every part of it, wired over ports: the same in the simulator, the playground and on a node.
 */
import type { NodeId, VolumeId } from '../../shared/ids.ts';
import { followMembers } from '../../shared/ledger/node/follow-members.ts';
import type { VoterMesh } from '../../shared/ledger/node/follow-members.ts';
import type { LedgerMember } from '../../shared/ledger/replicated-log.ts';
import type { CellState } from '../../shared/model/cell.ts';
import { TIMING_PROFILES } from '../../shared/model/timing.ts';
import type { VolumeRecord } from '../../shared/model/volume.ts';
import type { SealedSocket } from '../../shared/wire/sealed-socket.ts';
import type { Member, Mesh } from '../../shared/wire/mesh.ts';
import type { NodeWorld } from '../../shared/world.ts';
import type { ObservedResource, Self } from '../machines/observed.ts';
import { Boot } from './boot.ts';
import { BusyWatch } from './busy-watch.ts';
import { DeafWatch } from './deaf-watch.ts';
import { FencePeer } from './fence-peer.ts';
import type { Fencer } from './fencer-ports.ts';
import { startFencer } from './fencer.ts';
import { Gate } from './gate.ts';
import { Healer } from './healer.ts';
import { Health } from './health.ts';
import { IdleWatch } from './idle-watch.ts';
import { serveIntake } from './intake.ts';
import type { VolumeStateAnswer } from './intake.ts';
import { KeeperLink } from './leases.ts';
import type { LeaseKeysWith, LineConnection } from './leases.ts';
import { isGranted } from './permits.ts';
import type { DomainPort, GenerationPort, HostPort, PowerPort, ReplicaPort } from './ports.ts';
import { Reconciler } from './reconciler.ts';

/** Everything that an agent is made from. */
export interface AgentPorts {
  readonly self: Self;
  readonly world: NodeWorld;
  /** Wall clock in ms, for the ledger's rate limits only. */
  readonly wallMs: () => number;
  readonly ledger: LedgerMember;
  readonly storeUuid: string;
  readonly mesh: VoterMesh;
  /** Members that are admitted before the ledger is known. */
  readonly seeds: readonly Member[];
  /** The socket behind this node's `leaseAddress`. */
  readonly socket: SealedSocket;
  readonly connectKeeper: () => Promise<LineConnection>;
  /** The keeper holds no private key: it is told what to seal with. */
  readonly leaseKeysWith: LeaseKeysWith;
  readonly generations: GenerationPort;
  readonly replicas: ReplicaPort;
  readonly domains: DomainPort;
  readonly host: HostPort;
  readonly power: PowerPort;
  readonly configText: (volume: VolumeRecord, state: CellState) => string;
}

/** A running agent. */
export interface Agent {
  readonly reconciler: Reconciler;
  readonly fencer: Fencer;
  readonly keeper: KeeperLink;
  stop(): Promise<void>;
}

const VOLUME_STATE_TIMEOUT_MS = 2_000;

/** Starts an agent: from here on it acts by itself. */
export function startAgent(ports: AgentPorts): Agent {
  const { self, world, ledger, mesh } = ports;
  followMembers(ledger, mesh, () => ports.seeds);
  const keeper = new KeeperLink({ world, log: ledger, bootId: self.bootId, connect: ports.connectKeeper, leaseKeysWith: ports.leaseKeysWith });
  const profile = () => TIMING_PROFILES[ledger.state().parameters.profile];
  const gate = new Gate({
    node: self.node, bootId: self.bootId, clusterUuid: ledger.state().clusterUuid, lease: keeper, generations: ports.generations,
    marginMs: () => profile().commandMarginMs,
    isGranted: (permit) => isGranted(ledger.state(), permit),
  });
  const reconciler = new Reconciler({
    self, world, machine: world.machine, log: ledger, gate, generations: ports.generations, replicas: ports.replicas, domains: ports.domains, configText: ports.configText,
    peerAgrees: async (peer, volume) => isComplete(await askPeer(mesh, peer, volume)),
    peerMisses: async (peer, volume) => {
      const resource = await askPeer(mesh, peer, volume);
      return isComplete(resource) && resource.outOfSyncBytes > 0;
    },
    peerIsDown: async (peer, volume) => await askWhetherDown(mesh, peer, volume),
    isAsked: (volume) => fencePeer.isAsked(volume),
  });
  const fencePeer = new FencePeer({
    self, world, machine: world.machine, files: world.files, log: ledger, promoting: reconciler.promoting,
    resources: () => (ports.replicas.isCurrent() ? ports.replicas.resources() : null),
  });
  world.helpers.serve(async (call) => await fencePeer.answer(call));
  const fencer = startFencer({
    world, wallMs: ports.wallMs, log: ledger, socket: ports.socket, mesh, power: ports.power, self: self.node,
    formerContactAtMs: () => ledger.voterSet?.formerContactAtMs() ?? null,
    storageReachable: (node) => storageReachable(ports, node),
  });
  const health = new Health({ self, world, mesh, log: ledger, host: ports.host, observed: () => reconciler.observed() });
  const healer = new Healer({ world, log: ledger, fencer, mesh, health: () => health.known() });
  const deaf = hasResign(ledger) ? new DeafWatch({ world, log: ledger, fencer }) : null;
  const busy = new BusyWatch(world);
  ledger.admitUsersBy(() => busy.admit());
  ledger.vetUsersBy((command) => healer.refuseUser(command));
  serveIntake({
    busy,
    mesh, log: ledger, domains: ports.domains, resources: () => currentResources(ports.replicas), hints: () => healer.placementHints(), healerView: () => healer.view(),
  });
  const idle = new IdleWatch({
    self, world, log: ledger, observed: () => (ports.replicas.isCurrent() ? reconciler.observed() : null), allowDisarm: (allowed) => keeper.allowDisarm(allowed),
  });
  const boot = new Boot({
    self, world, machine: world.machine, files: world.files, log: ledger, lease: keeper, host: ports.host, storeUuid: ports.storeUuid,
    startReconciler: async () => {
      await reconciler.start();
      idle.start();
    },
    observed: () => ({ observed: reconciler.observed(), isDrbdCurrent: ports.replicas.isCurrent() }),
  });
  ledger.start();
  health.start();
  healer.start();
  boot.start();
  return {
    reconciler, fencer, keeper,
    stop: async () => {
      boot.stop();
      deaf?.stop();
      busy.stop();
      idle.stop();
      reconciler.stop();
      healer.stop();
      health.stop();
      fencer.stop();
      keeper.stop();
      ledger.stop();
      await mesh.stop();
    },
  };
}

function hasResign(ledger: LedgerMember): ledger is LedgerMember & { resign(): void } {
  return ledger.resign !== undefined;
}

/** How a volume looks from its other end; null when that does not answer: the reconciler asks again. */
async function askPeer(mesh: Mesh, peer: NodeId, volume: VolumeRecord['id']): Promise<ObservedResource | null> {
  try {
    const { resource } = (await mesh.request(peer, 'volumeState', { volume }, { timeoutMs: VOLUME_STATE_TIMEOUT_MS })) as VolumeStateAnswer;
    return resource;
  } catch {
    return null;
  }
}

/** Whether a node says that its kernel does not have a volume; one that does not answer says nothing. */
async function askWhetherDown(mesh: Mesh, peer: NodeId, volume: VolumeRecord['id']): Promise<boolean> {
  try {
    const { resource } = (await mesh.request(peer, 'volumeState', { volume }, { timeoutMs: VOLUME_STATE_TIMEOUT_MS })) as VolumeStateAnswer;
    return resource === null;
  } catch {
    return false;
  }
}

function isComplete(resource: ObservedResource | null): resource is ObservedResource {
  return resource !== null && resource.connection === 'Connected' && resource.replication === 'Established' && resource.disk === 'UpToDate' && resource.peerDisk === 'UpToDate';
}

/** What DRBD shows now; nothing while its event stream is down: nobody is told what was so before. */
function currentResources(replicas: ReplicaPort): ReadonlyMap<VolumeId, ObservedResource> {
  return replicas.isCurrent() ? replicas.resources() : new Map<VolumeId, ObservedResource>();
}

/** Whether this node's replicas see their peers on that node; null when it shares none. */
function storageReachable({ ledger, replicas, self }: AgentPorts, node: NodeId): boolean | null {
  let answer: boolean | null = null;
  for (const resource of replicas.resources().values()) {
    const volume = ledger.state().volumes.get(resource.volume);
    if (volume === undefined || !volume.replicas.includes(node) || !volume.replicas.includes(self.node)) continue;
    if (resource.connection === 'Connected') return true;
    answer = false;
  }
  return answer;
}
