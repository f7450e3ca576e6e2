/**
 * What is asked of an etcd? Three calls of one of its members, each a plain value in and out, so that a test's etcd fits as well.
 *
 * All of them are linearizable (etcd's default): what they answer was so at a moment between the call and the answer. The
 * edge is shared/net/etcd-client.ts.
 */

/** A key with its value. `modRevision`: of the write that made it what it is. */
export interface EtcdPair {
  readonly key: string;
  readonly value: string;
  readonly modRevision: number;
}

/** Keys from `from` on and before `to`, in order; `to` null: `from` alone. */
export interface EtcdRange {
  readonly from: string;
  readonly to: string | null;
  readonly limit?: number;
}

/** What several ranges held at one moment, each in its order. `revision`: of the whole store, at that moment. */
export interface EtcdRead {
  readonly revision: number;
  readonly ranges: readonly (readonly EtcdPair[])[];
}

/** A write that happens if `key` was last written at `modRevision` (0: is not there), and else not at all. */
export interface EtcdWrite {
  readonly key: string;
  readonly modRevision: number;
  readonly puts: readonly { readonly key: string; readonly value: string }[];
  readonly deletes: readonly { readonly from: string; readonly to: string }[];
}

/** `revision`: what everything that was written has now; only of use when it `happened`. */
export interface EtcdWritten {
  readonly happened: boolean;
  readonly revision: number;
}

/** What a watch tells: the pairs of one or more writes, those of one write together, in order. It ends once, by whatever reason. */
export interface EtcdWatcher {
  onPairs(pairs: readonly EtcdPair[], revision: number): void;
  onEnd(reason: string): void;
}

/**
 * One member of an etcd. Each promise rejects with ClusterError `EtcdUnreachable`, `EtcdTimeout` or `EtcdFailed`, all retryable; a write that
 * rejects may have happened all the same, and may still happen later.
 */
export interface EtcdEndpoint {
  /** For the log. */
  readonly name: string;
  read(ranges: readonly EtcdRange[], options: { readonly timeoutMs: number }): Promise<EtcdRead>;
  write(write: EtcdWrite, options: { readonly timeoutMs: number }): Promise<EtcdWritten>;
  /** Tells puts to keys from `from` on and before `to`, from `sinceRevision` on. Returns how to end it; then nothing more is told. */
  watch(range: { readonly from: string; readonly to: string; readonly sinceRevision: number }, watcher: EtcdWatcher): () => void;
}
