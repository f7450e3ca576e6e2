/**
 * What is a coordinator told when it starts? One JSON file, made by whoever installed it.
 */
import * as v from 'valibot';
import { ClusterError } from '../shared/errors.ts';
import type { CellId, MemberId } from '../shared/ids.ts';
import { ledgerConfig } from '../shared/ledger/etcd/config.ts';
import { cellId, environment, memberId, uuid } from '../shared/ledger/field-schema.ts';

const PATH = v.pipe(v.string(), v.minLength(1), v.maxLength(4096));
const ADDRESS = v.pipe(v.string(), v.startsWith('/', 'not a multiaddr, e.g. /ip4/127.0.0.1/tcp/4001'), v.maxLength(255));
/** libp2p's private networks take 32 bytes. */
const KEY = v.pipe(v.string(), v.check((text) => Buffer.from(text, 'base64').length === 32, 'not 32 bytes in base64'));

const ACCOUNT = v.strictObject({
  accessKeyId: v.pipe(v.string(), v.regex(/^[\w-]{16,128}$/, 'not 16 to 128 letters and digits')),
  secretAccessKey: v.pipe(v.string(), v.minLength(16), v.maxLength(128)),
  /** What instances are recorded under. */
  environment,
  name: v.pipe(v.string(), v.maxLength(128)),
  /** `operator`: the whole fleet over REST; `user`: its own environment's instances only. */
  role: v.optional(v.picklist(['operator', 'user']), 'operator'),
});

const COORDINATOR = v.strictObject({
  cell: cellId,
  clusterUuid: uuid,
  /** Its name in the mesh and the ledger. */
  member: memberId,
  /** Directory of everything that it keeps: identity, ledger store, projection. */
  dataDirectory: PATH,
  http: v.strictObject({
    host: v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(255)), '127.0.0.1'),
    /** 0: any free one, told in the log. */
    port: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(65_535)),
  }),
  meshListen: ADDRESS,
  /** Base64 of the cell's pre-shared key for libp2p (pnet). */
  presharedKey: KEY,
  /** Members that are admitted before the ledger is known. */
  seeds: v.pipe(v.array(v.strictObject({ id: memberId, peerId: v.pipe(v.string(), v.minLength(1), v.maxLength(255)), address: ADDRESS })), v.maxLength(1000)),
  accounts: v.pipe(v.array(ACCOUNT), v.maxLength(10_000)),
  profile: v.optional(v.picklist(['fast', 'standard', 'soft']), 'standard'),
  /** Where the cell's ledger is. */
  ledger: v.optional(ledgerConfig, { kind: 'own' }),
  /** Playground only: the machine room's socket, which opens `/v1/room`. */
  roomSocket: v.optional(PATH),
  /** Facts go here, else to standard error. */
  logFile: v.optional(PATH),
});

/** A coordinator's configuration. */
export type CoordinatorConfig = v.InferOutput<typeof COORDINATOR> & { readonly cell: CellId; readonly member: MemberId };
export type AccountConfig = v.InferOutput<typeof ACCOUNT>;

/** Reads a coordinator's configuration; throws ClusterError `InvalidConfig` that names every problem with its path. */
export function parseCoordinatorConfig(text: string): CoordinatorConfig {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new ClusterError('InvalidConfig', "the coordinator's configuration is no JSON", { retryable: false, cause });
  }
  const result = v.safeParse(COORDINATOR, value);
  if (!result.success) throw invalid(result.issues.map((issue) => `${v.getDotPath(issue) ?? 'file'}: ${issue.message}`));
  const config = result.output;
  const keys = config.accounts.map((account) => account.accessKeyId);
  const repeated = keys.filter((key, at) => keys.indexOf(key) !== at);
  if (repeated.length > 0) throw invalid([`accounts: the access key ${repeated.join(', ')} is there more than once`]);
  return config;
}

function invalid(problems: readonly string[]): ClusterError {
  return new ClusterError('InvalidConfig', `the coordinator's configuration is wrong: ${problems.join('; ')}`, { retryable: false });
}
