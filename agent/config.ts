/**
 * What is an agent told when it starts? One file, made by whoever installed the node (the keeper's: keeper/config.ts).
 */
import * as v from 'valibot';
import { ClusterError } from '../shared/errors.ts';
import { ledgerConfig } from '../shared/ledger/etcd/config.ts';

const NAME = v.pipe(v.string(), v.regex(/^[a-z][a-z0-9-]{0,30}$/));
const PATH = v.pipe(v.string(), v.minLength(1), v.maxLength(4096));

/** How the process reaches the machine it runs on. */
const MACHINE = v.variant('kind', [
  /** A node of the simulated machine room, spoken to over its socket. */
  v.strictObject({ kind: v.literal('room'), socket: PATH, bootId: v.string() }),
  /** The machine itself: programs, /dev/watchdog, /proc. */
  v.strictObject({ kind: v.literal('real') }),
]);

const AGENT = v.strictObject({
  cell: NAME,
  clusterUuid: v.pipe(v.string(), v.uuid()),
  node: NAME,
  /** Directory of everything that this agent keeps. */
  dataDirectory: PATH,
  /** Multiaddr that the mesh listens at, with a fixed port. */
  meshListen: v.string(),
  /** `host:port` of the lease socket. */
  leaseListen: v.pipe(v.string(), v.regex(/^[0-9A-Za-z.-]+:[0-9]{1,5}$/, 'must be host:port')),
  /** Base64 of the cell's pre-shared key for libp2p (pnet). */
  presharedKey: v.string(),
  /** Members that are known before the ledger is: how a node finds its cell. */
  seeds: v.array(v.strictObject({ id: NAME, peerId: v.string(), address: v.string() })),
  keeperSocket: PATH,
  helperSocket: PATH,
  machine: MACHINE,
  profile: v.picklist(['fast', 'standard', 'soft']),
  /** Where the cell's ledger is. */
  ledger: v.optional(ledgerConfig, { kind: 'own' }),
  /** Name of the volume group for replicas, directory of images. */
  volumeGroup: v.optional(v.string(), 'vg0'),
  imageDirectory: v.optional(v.string(), '/var/lib/ves/images'),
  /** How this node may switch others' power: the secrets that the ledger does not hold. */
  power: v.optional(v.record(NAME, v.strictObject({ username: v.pipe(v.string(), v.minLength(1)), password: v.pipe(v.string(), v.minLength(1)) })), {}),
  logFile: v.optional(v.string()),
});

/** An agent's configuration. */
export type AgentConfig = v.InferOutput<typeof AGENT>;

/** Reads an agent's configuration; throws ClusterError `InvalidConfig` that names every problem with its path. */
export function parseAgentConfig(value: unknown): AgentConfig {
  const result = v.safeParse(AGENT, value);
  if (result.success) return result.output;
  const problems = result.issues.map((issue) => `${v.getDotPath(issue) ?? 'file'}: ${issue.message}`);
  throw new ClusterError('InvalidConfig', `the agent's configuration is wrong: ${problems.join('; ')}`, { retryable: false });
}
