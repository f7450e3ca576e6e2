/**
 * How does a playground have an etcd? Three members on loopback, each a process of its own with a directory of its own, as a site would run them.
 *
 * They are started through setpriv (util-linux), so that the kernel ends them when the playground is killed: they know nothing of its leash.
 */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { ClusterError } from '../../shared/errors.ts';

/** A member's place on 127.0.0.1. */
export interface EtcdMember {
  readonly name: string;
  readonly clientPort: number;
  readonly peerPort: number;
}

export const ETCD_MEMBERS = 3;
/**
 * Beats and elections of etcd itself, ms. On one Ethernet, as cells are: no lease is confirmed while etcd has no leader, and with its own defaults
 * (100 and 1000) that takes up to 2 s after the death of one, which is nearly all that `standard` allows (shared/model/timing.ts).
 */
const HEARTBEAT_MS = 50;
const ELECTION_MS = 500;
/** Revisions that are kept: a watch that was interrupted goes on from there. Beats make two a second. */
const KEPT_REVISIONS = 10_000;

/** A program on the PATH, or null. */
function find(program: string): string | null {
  for (const directory of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(directory, program);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // The next directory may have it.
    }
  }
  return null;
}

/** Whether an etcd can be started here. */
export function hasEtcd(): boolean {
  return find('etcd') !== null && find('setpriv') !== null;
}

/** Throws ClusterError `EtcdMissing`, which says what to install. */
export function ensureEtcd(): void {
  if (find('etcd') === null) throw new ClusterError('EtcdMissing', 'there is no etcd here: install it (on Debian: apt-get install etcd-server), or leave --ledger etcd out', { retryable: false });
  if (find('setpriv') === null) throw new ClusterError('EtcdMissing', 'there is no setpriv here, which ends etcd with the playground: install util-linux', { retryable: false });
}

/** Where a member answers. */
export const clientUrl = ({ clientPort }: Pick<EtcdMember, 'clientPort'>): string => `http://127.0.0.1:${clientPort}`;
const peerUrl = ({ peerPort }: EtcdMember): string => `http://127.0.0.1:${peerPort}`;

/** The command of one member of them all, without its program. `directory`: its own; `token` sets this etcd apart from any other. */
export function etcdCommand(member: EtcdMember, all: readonly EtcdMember[], directory: string, token: string): { readonly file: string; readonly args: readonly string[] } {
  return {
    file: find('setpriv') ?? 'setpriv',
    args: [
      '--pdeathsig', 'KILL', '--', find('etcd') ?? 'etcd',
      '--name', member.name, '--data-dir', directory, '--logger', 'zap', '--log-outputs', 'stderr', '--log-level', 'warn',
      '--listen-client-urls', clientUrl(member), '--advertise-client-urls', clientUrl(member),
      '--listen-peer-urls', peerUrl(member), '--initial-advertise-peer-urls', peerUrl(member),
      // Of no effect once the directory holds something.
      '--initial-cluster', all.map((each) => `${each.name}=${peerUrl(each)}`).join(','), '--initial-cluster-token', token, '--initial-cluster-state', 'new',
      '--heartbeat-interval', String(HEARTBEAT_MS), '--election-timeout', String(ELECTION_MS),
      '--auto-compaction-mode', 'revision', '--auto-compaction-retention', String(KEPT_REVISIONS),
    ],
  };
}
