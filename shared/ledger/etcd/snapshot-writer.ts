/**
 * How does a leader keep the log in etcd short? It writes the state there in pieces; when all are there the head may name them.
 */
import { describeError } from '../../errors.ts';
import type { World } from '../../world.ts';
import type { Endpoints } from './endpoints.ts';
import { pieceKey } from './records.ts';
import type { Base } from './records.ts';

/** Characters per piece: with escapes and three bytes each still below what etcd takes. Each is a JSON string, since a cut may split a character. */
const PIECE_CHARACTERS = 256 * 1024;

/** Cuts a state's JSON into pieces. */
export function piecesOf(text: string): readonly string[] {
  const count = Math.max(1, Math.ceil(text.length / PIECE_CHARACTERS));
  return Array.from({ length: count }, (_, piece) => text.slice(piece * PIECE_CHARACTERS, (piece + 1) * PIECE_CHARACTERS));
}

/** What a snapshot is written with. */
export interface SnapshotWriterOptions {
  readonly world: World;
  readonly endpoints: Endpoints;
  readonly clusterUuid: string;
  readonly timeoutMs: number;
}

/**
 * Writes a snapshot; null when etcd did not take it (a later one is tried then; pieces that are left go with the next). `name`
 * must be new: pieces of two snapshots never mix.
 */
export async function writeSnapshot(
  { world, endpoints, clusterUuid, timeoutMs }: SnapshotWriterOptions, snapshot: { readonly index: number; readonly term: number; readonly name: string; readonly data: unknown },
): Promise<Base | null> {
  const { index, term, name } = snapshot;
  const pieces = piecesOf(JSON.stringify(snapshot.data));
  const endpoint = endpoints.current();
  try {
    for (const [piece, value] of pieces.entries()) {
      const key = pieceKey(clusterUuid, { index, name }, piece);
      await endpoint.write({ key, modRevision: 0, puts: [{ key, value: JSON.stringify(value) }], deletes: [] }, { timeoutMs });
    }
  } catch (error) {
    endpoints.failed(endpoint, describeError(error));
    world.log.write({ event: 'ledgerSnapshotFailed', index, error: describeError(error) });
    return null;
  }
  return { index, term, name, pieces: pieces.length };
}
