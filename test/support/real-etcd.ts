/**
 * How does a test have a real etcd? Three members on loopback in a directory of their own, gone afterwards, whatever happened.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { clientUrl, ETCD_MEMBERS, etcdCommand, hasEtcd } from '../../provisioning/playground/etcd-members.ts';
import type { EtcdMember } from '../../provisioning/playground/etcd-members.ts';
import { chooseFreePorts } from '../../provisioning/playground/free-ports.ts';
import { createEtcdClient } from '../../shared/net/etcd-client.ts';
import type { EtcdClient } from '../../shared/net/etcd-client.ts';
import { timers } from '../../shared/process/process-world.ts';
import { withDirectory } from './temporary-directory.ts';

/** Why tests with a real etcd are skipped; null: they are not. */
export const ETCD_MISSING: string | null = hasEtcd() ? null : 'because there is no etcd here (on Debian: apt-get install etcd-server)';

const START_MS = 20_000;

export class RealEtcd {
  readonly members: readonly EtcdMember[];
  readonly clients: readonly EtcdClient[];
  readonly #directory: string;
  readonly #children = new Map<number, ChildProcess>();

  constructor(members: readonly EtcdMember[], directory: string) {
    this.members = members;
    this.#directory = directory;
    this.clients = members.map((member) => createEtcdClient({ url: clientUrl(member), timers }));
  }

  start(at: number): void {
    const member = this.members[at];
    if (member === undefined) throw new Error(`no etcd member ${at}`);
    const { file, args } = etcdCommand(member, this.members, join(this.#directory, member.name), 'ves-test');
    this.#children.set(at, spawn(file, args, { stdio: 'ignore' }));
  }

  async kill(at: number): Promise<void> {
    const child = this.#children.get(at);
    if (child === undefined) return;
    this.#children.delete(at);
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  /** Resolves when every member that runs answers. */
  async ready(): Promise<void> {
    const untilMs = performance.now() + START_MS;
    for (const at of this.#children.keys()) {
      while (!(await this.#answers(at))) {
        if (performance.now() > untilMs) throw new Error(`etcd-${at + 1} does not answer`);
        await delay(50);
      }
    }
  }

  async end(): Promise<void> {
    for (const client of this.clients) client.close();
    for (const at of this.#children.keys()) await this.kill(at);
  }

  async #answers(at: number): Promise<boolean> {
    try {
      await this.clients[at]?.read([{ from: 'ready', to: null }], { timeoutMs: 2_000 });
      return true;
    } catch {
      return false;
    }
  }
}

/** Runs `use` with an etcd of three members that all answer. */
export async function withRealEtcd<Result>(use: (etcd: RealEtcd) => Promise<Result>): Promise<Result> {
  return await withDirectory(async (directory) => {
    const ports = await chooseFreePorts(2 * ETCD_MEMBERS);
    const members = Array.from({ length: ETCD_MEMBERS }, (_, at) => ({ name: `etcd-${at + 1}`, clientPort: ports[2 * at] ?? 0, peerPort: ports[2 * at + 1] ?? 0 }));
    const etcd = new RealEtcd(members, directory);
    try {
      for (const at of members.keys()) etcd.start(at);
      await etcd.ready();
      return await use(etcd);
    } finally {
      await etcd.end();
    }
  });
}
