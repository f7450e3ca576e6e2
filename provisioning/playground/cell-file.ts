/**
 * Which cell lives in this directory? DIR/cell.json: what founding decided, once, and what no ledger holds (secrets, ports).
 */
import * as v from 'valibot';
import { ClusterError } from '../../shared/errors.ts';
import { readText, writeJson } from './files.ts';

const NAME = v.pipe(v.string(), v.regex(/^[a-z][a-z0-9-]{0,30}$/));
const PORT = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535));
const SECRET = v.pipe(v.string(), v.minLength(16), v.maxLength(128));

const NODE = v.strictObject({
  id: NAME,
  peerId: v.string(),
  /** X25519 public key, base64. */
  leaseKey: v.string(),
  meshPort: PORT,
  leasePort: PORT,
  /** Whether the ledger is known to have admitted it. Founders are, from the beginning. */
  isAdmitted: v.boolean(),
});

const CELL_FILE = v.strictObject({
  version: v.literal(1),
  cell: NAME,
  clusterUuid: v.pipe(v.string(), v.uuid()),
  profile: v.picklist(['fast', 'standard', 'soft']),
  bmc: v.picklist(['none', 'all']),
  /** Of all BMCs, user `ves`. */
  bmcPassword: SECRET,
  /** 32 bytes in base64: libp2p's pre-shared key. */
  presharedKey: v.pipe(v.string(), v.base64(), v.length(44)),
  accessKeyId: v.pipe(v.string(), v.regex(/^[A-Z0-9]{16,32}$/)),
  secretAccessKey: SECRET,
  coordinator: v.strictObject({ id: NAME, peerId: v.string(), meshPort: PORT }),
  /** Of each machine. */
  memoryGiB: v.optional(v.pipe(v.number(), v.integer(), v.minValue(2), v.maxValue(1_024)), 16),
  nodes: v.pipe(v.array(NODE), v.minLength(1), v.maxLength(10)),
  /** There when the ledger is in an etcd. `isFounded`: it was written there, and is never written there again. */
  etcd: v.optional(v.strictObject({
    isFounded: v.boolean(),
    members: v.pipe(v.array(v.strictObject({ name: NAME, clientPort: PORT, peerPort: PORT })), v.minLength(1)),
  })),
});

/** The contents of DIR/cell.json. */
export type CellFile = v.InferOutput<typeof CELL_FILE>;
export type CellNode = CellFile['nodes'][number];

/** Reads the file; null when there is none. Throws ClusterError `CellFileCorrupt`. */
export async function readCellFile(path: string): Promise<CellFile | null> {
  const text = await readText(path);
  if (text === null) return null;
  const result = v.safeParse(CELL_FILE, parseJson(text));
  if (result.success) return result.output;
  const problems = result.issues.slice(0, 3).map((issue) => `${v.getDotPath(issue) ?? 'file'}: ${issue.message}`);
  throw new ClusterError(
    'CellFileCorrupt',
    `${path} does not describe a cell (${problems.join('; ')}): restore it from a copy, or start a new fleet in another directory with --dir. Nothing was changed`,
    { retryable: false },
  );
}

export async function writeCellFile(path: string, cell: CellFile): Promise<void> {
  await writeJson(path, cell);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // the schema says what is wrong with it
  }
}

/** How others reach a member's mesh. */
export function meshAddress(member: { readonly meshPort: number }): string {
  return `/ip4/127.0.0.1/tcp/${member.meshPort}`;
}

/** How keepers reach a node's lease socket. */
export function leaseAddress(node: { readonly leasePort: number }): string {
  return `127.0.0.1:${node.leasePort}`;
}
