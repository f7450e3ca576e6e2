/**
 * How does the agent of a node start? Configuration, identity, store, mesh, programs; then the runtime takes over.
 *
 *     node agent/main.ts --config FILE
 *
 * Exit codes: 0 asked to stop, 1 failed, 2 wrong usage or configuration. Whoever supervises it starts it again.
 */
import { hkdfSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { ClusterError, describeError } from '../shared/errors.ts';
import { parseBootId, parseCellId, parseMemberId, parseNodeId } from '../shared/ids.ts';
import type { MemberId } from '../shared/ids.ts';
import type { LedgerMember } from '../shared/ledger/replicated-log.ts';
import { DEFAULT_PARAMETERS, emptyCell } from '../shared/model/cell.ts';
import type { CellState } from '../shared/model/cell.ts';
import { TIMING_PROFILES } from '../shared/model/timing.ts';
import type { VolumeRecord } from '../shared/model/volume.ts';
import { openDatagrams, parseAddress } from '../shared/net/datagrams.ts';
import { loadLeaseKey } from '../shared/net/lease-key.ts';
import { connectLines } from '../shared/net/lines.ts';
import { leaveOutLibraries } from '../shared/net/lean-libraries.ts';
import { createSealer } from '../shared/net/lease-seal.ts';
import { openProcessLog } from '../shared/process/process-log.ts';
import { forgetCompiled, staySmall } from '../shared/process/stay-small.ts';
import type { ProcessLog } from '../shared/process/process-log.ts';
import { chance, clock, timers } from '../shared/process/process-world.ts';
import { openGenerationStore } from '../shared/store/generation-store.ts';
import type { Member } from '../shared/wire/mesh.ts';
import { SealedSocket } from '../shared/wire/sealed-socket.ts';
import { parseAgentConfig } from './config.ts';
import type { AgentConfig } from './config.ts';
import { ConfigTexts } from './drivers/drbd/config-texts.ts';
import { Drbd } from './drivers/drbd/run-drbd.ts';
import { createHost } from './drivers/host.ts';
import { Images } from './drivers/image/write-image.ts';
import { Lvm } from './drivers/lvm/run-lvm.ts';
import { createNodeWorld } from './drivers/node-world.ts';
import { Power } from './drivers/power/run-power.ts';
import { Xen, XEN_DEFAULTS } from './drivers/xen/run-xen.ts';
import { openLedger } from './open-ledger.ts';
import { openMachine } from './machine-access.ts';
import { createReplicas } from './replicas.ts';
import { startAgent } from './runtime/agent.ts';
import type { Agent } from './runtime/agent.ts';

/** Silence of a DRBD peer's answer before the link counts as lost, tenths of a second (DRBD.md A8: 2 s). */
const PING_TIMEOUT_TENTHS = 20;
/** The program that DRBD's kernel calls; its contract is SAFETY.md 8. */
const HELPER_PROGRAM = '/usr/lib/ves/drbd-helper';
const STOP_TIMEOUT_MS = 4_000;
const KEEPER_CONNECT_TIMEOUT_MS = 2_000;

async function main(): Promise<void> {
  const config = readConfig();
  const log = openProcessLog(clock, { who: { process: 'agent', node: config.node }, path: config.logFile });
  process.on('uncaughtException', (error) => fail(log, error));
  process.on('unhandledRejection', (error) => fail(log, error));
  const agent = await start(config, log);
  staySmall(timers);
  const stop = (): void => {
    setTimeout(() => process.exit(0), STOP_TIMEOUT_MS).unref();
    // An orderly end leaves domains, replicas and the lease as they are: only this process goes.
    agent.stop().then(() => process.exit(0), (error: unknown) => fail(log, error));
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}

async function start(config: AgentConfig, log: ProcessLog): Promise<Agent> {
  // What is built on libp2p is imported only when the libraries that it can do without are out of the way.
  leaveOutLibraries();
  const { createMesh } = await import('../shared/net/mesh.ts');
  const { loadIdentity } = await import('../shared/net/identity.ts');
  forgetCompiled();
  const node = parseNodeId(config.node);
  const machine = await openMachine(config, () => fail(log, new ClusterError('MachineGone', 'the machine is gone', { retryable: false })));
  const world = createNodeWorld({ log, runner: machine.runner, machine: machine.machine, dataDirectory: config.dataDirectory, helperSocket: config.helperSocket });
  const self = { node, bootId: parseBootId(machine.machine.bootId) };
  const initial = emptyCell(parseCellId(config.cell), config.clusterUuid, { ...DEFAULT_PARAMETERS, profile: config.profile });
  const identity = await loadIdentity(world.files, chance);
  const leaseKey = await loadLeaseKey(world.files, chance);
  const { storeUuid, make } = await openLedger(config.ledger, node, world);
  const generations = await openGenerationStore(world.files.absolute('generations'));
  const seeds: readonly Member[] = config.seeds.map((seed) => ({ id: parseMemberId(seed.id), peerId: seed.peerId, address: seed.address }));
  const mesh = await createMesh({
    cell: initial.cell, self: node, privateKey: identity.privateKey, listenAddress: config.meshListen,
    presharedKey: Buffer.from(config.presharedKey, 'base64'), members: seeds, world,
  });
  const leaseAddress = parseAddress(config.leaseListen);
  if (leaseAddress === null) throw new ClusterError('InvalidConfig', `leaseListen: not an address and port: ${config.leaseListen}`, { retryable: false });
  const sealer = createSealer({ cell: initial.cell, self: node, privateKey: leaseKey.privateKey, peers: () => leaseKeysOf(ledger.state()) });
  const socket = new SealedSocket(await openDatagrams(leaseAddress), sealer);
  const ledger: LedgerMember = make({
    self: node, world, mesh, socket, profile: TIMING_PROFILES[config.profile], seeds: () => seeds.map((seed) => seed.id), onFatal: (error) => fail(log, error),
  }, initial);
  const lvm = new Lvm(machine.runner, config.volumeGroup);
  const xen = new Xen({ runner: machine.runner, files: world.files, bootId: self.bootId, ...XEN_DEFAULTS });
  const drbd = new Drbd(machine.runner, timers, log);
  const configTexts = new ConfigTexts({ volumeGroup: config.volumeGroup, helper: HELPER_PROGRAM, pingTimeoutTenths: PING_TIMEOUT_TENTHS }, (volume) => sharedSecret(config, volume));
  const replicas = createReplicas({ drbd, lvm, images: new Images(machine.runner, config.imageDirectory), files: world.files });
  drbd.start();
  return startAgent({
    self, world, wallMs: () => Date.parse(world.clock.wallTime()), ledger, storeUuid, mesh, seeds, generations, replicas, domains: xen,
    socket,
    connectKeeper: async () => await connectLines(config.keeperSocket, { timers, timeoutMs: KEEPER_CONNECT_TIMEOUT_MS }),
    leaseKeysWith: (voter) => sealer.keysWith(voter),
    host: createHost(xen, lvm, machine.load),
    power: new Power(machine.runner, (other) => machine.powerOf(ledger.state().nodes.get(other))),
    configText: (volume, state) => configTexts.of(volume, volume.replicas.flatMap((id) => state.nodes.get(id) ?? [])),
  });
}

/** Lease keys of all nodes, rebuilt only when the ledger's nodes changed. */
let knownKeys: { readonly nodes: CellState['nodes']; readonly keys: ReadonlyMap<MemberId, string> } | null = null;
function leaseKeysOf(state: CellState): ReadonlyMap<MemberId, string> {
  if (knownKeys?.nodes !== state.nodes) {
    knownKeys = { nodes: state.nodes, keys: new Map(state.nodes.values().filter((node) => node.phase !== 'removed').map((node) => [node.id, node.leaseKey])) };
  }
  return knownKeys.keys;
}

/** A secret for this volume and epoch: a replica that was retired cannot connect any more (SAFETY.md 2.2). */
function sharedSecret(config: AgentConfig, volume: Pick<VolumeRecord, 'id' | 'epoch'>): string {
  const bytes = hkdfSync('sha256', Buffer.from(config.presharedKey, 'base64'), config.clusterUuid, `drbd ${volume.id} ${volume.epoch}`, 32);
  return Buffer.from(bytes).toString('base64');
}

function readConfig(): AgentConfig {
  try {
    const { values } = parseArgs({ options: { config: { type: 'string' } } });
    if (values.config === undefined) throw new ClusterError('InvalidConfig', 'usage: node agent/main.ts --config FILE', { retryable: false });
    return parseAgentConfig(JSON.parse(readFileSync(values.config, 'utf8')));
  } catch (error) {
    process.stderr.write(`ves agent: ${describeError(error)}\n`);
    process.exit(2);
  }
}

/** Nothing may go on half: the supervisor starts a whole process again. */
function fail(log: ProcessLog, error: unknown): never {
  log.write({ event: 'agentFailed', error: describeError(error), stack: error instanceof Error ? error.stack : undefined });
  process.stderr.write(`ves agent: ${describeError(error)}\n`);
  process.exit(1);
}

// Whoever warms the compile cache only imports this. Failures of the start are told and end the process.
if (import.meta.main) {
  main().catch((error: unknown) => {
    process.stderr.write(`ves agent: ${describeError(error)}\n`);
    process.exit(1);
  });
}
