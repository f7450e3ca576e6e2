/**
 * How is a ledger in etcd tested? Members in one process and virtual time, over an etcd in memory.
 */
import { parseCellId, parseMemberId } from '../../../../../shared/ids.ts';
import type { MemberId } from '../../../../../shared/ids.ts';
import type { Command } from '../../../../../shared/ledger/commands.ts';
import { apply } from '../../../../../shared/ledger/apply.ts';
import { Endpoints } from '../../../../../shared/ledger/etcd/endpoints.ts';
import { EtcdLedger } from '../../../../../shared/ledger/etcd/etcd-ledger.ts';
import { foundEtcdLedger } from '../../../../../shared/ledger/etcd/found.ts';
import { hashState } from '../../../../../shared/ledger/state-hash.ts';
import { DEFAULT_PARAMETERS, emptyCell } from '../../../../../shared/model/cell.ts';
import type { CellState } from '../../../../../shared/model/cell.ts';
import { TIMING_PROFILES } from '../../../../../shared/model/timing.ts';
import { FakeEtcd } from '../../../../support/fake-etcd.ts';
import { VirtualNetwork } from '../../../../support/virtual-mesh.ts';
import { VirtualWorld } from '../../../../support/virtual-world.ts';
import { ProcessClock } from './process-clock.ts';

export const CLUSTER = '11111111-2222-4333-8444-555555555555';
export const PROFILE = TIMING_PROFILES.standard;
export const initial = (): CellState => emptyCell(parseCellId('default'), CLUSTER, DEFAULT_PARAMETERS);
export const member = (at: number): MemberId => parseMemberId(`node-${at}`);

/** A cell whose nodes are admitted, and coordinators after them. */
export function foundingState(nodes: number, coordinators = 0): CellState {
  let state = initial();
  const give = (command: Command): void => {
    const applied = apply(state, { index: 1, term: 0, data: { command, at: '2026-01-01T00:00:00.000Z', by: member(1) } });
    if (applied.result.kind === 'rejected') throw new Error(applied.result.message);
    state = applied.state;
  };
  for (let at = nodes + 1; at <= nodes + coordinators; at += 1) {
    give({ kind: 'admitCoordinator', coordinator: { id: member(at), peerId: `peer-${at}`, meshAddress: `/ip4/127.0.0.1/tcp/${4000 + at}`, storeUuid: null } });
  }
  for (let at = 1; at <= nodes; at += 1) {
    give({
      kind: 'admitNode',
      node: {
        id: `node-${at}` as never, peerId: `peer-${at}`, meshAddress: `/ip4/127.0.0.1/tcp/${4000 + at}`, leaseAddress: `127.0.0.1:${5000 + at}`, leaseKey: `key-${at}`, storageAddress: `10.0.0.${at}`,
        failureDomain: `node-${at}`, power: { kind: 'none', address: '' },
      },
    });
  }
  return state;
}

/** Members of a cell of `nodes` nodes, and observers that never lead. */
export class EtcdCell {
  readonly world: VirtualWorld;
  readonly network: VirtualNetwork;
  readonly etcd: FakeEtcd;
  readonly running = new Map<MemberId, { readonly ledger: EtcdLedger; readonly process: ProcessClock }>();
  readonly members: readonly MemberId[];
  readonly fatal: unknown[] = [];
  readonly #nodes: number;
  readonly #snapshotEvery: number;

  private constructor(world: VirtualWorld, nodes: number, observers: number, snapshotEvery: number) {
    this.world = world;
    this.network = new VirtualNetwork(world);
    this.etcd = new FakeEtcd(world);
    this.#nodes = nodes;
    this.#snapshotEvery = snapshotEvery;
    this.members = Array.from({ length: nodes + observers }, (_, at) => member(at + 1));
  }

  static async found(seed: number, nodes: number, { observers = 0, snapshotEvery = 2_000, areCoordinators = false } = {}): Promise<EtcdCell> {
    const world = new VirtualWorld(seed);
    const cell = new EtcdCell(world, nodes, observers, snapshotEvery);
    await cell.finish(foundEtcdLedger(world, new Endpoints(cell.etcd.endpoints(), 0, world.log), foundingState(nodes, areCoordinators ? observers : 0), 'founding'));
    for (const each of cell.members) cell.start(each);
    return cell;
  }

  start(self: MemberId): EtcdLedger {
    const process = new ProcessClock(this.world);
    const ledger = new EtcdLedger({
      self, world: process, mesh: this.network.join(self, () => !process.isDead), endpoints: this.etcd.endpoints(process), profile: PROFILE,
      mayLead: this.members.indexOf(self) < this.#nodes, snapshotEvery: this.#snapshotEvery,
      onFatal: (error) => this.fatal.push(error),
    }, initial());
    this.running.set(self, { ledger, process });
    ledger.start();
    return ledger;
  }

  /** As a process dies: nothing of it is said any more, and nothing heard. */
  kill(self: MemberId): void {
    const running = this.running.get(self);
    if (running === undefined) return;
    running.process.isDead = true;
    this.network.cut(self);
    this.running.delete(self);
  }

  ledger(self: MemberId): EtcdLedger {
    const running = this.running.get(self);
    if (running === undefined) throw new Error(`${self} does not run`);
    return running.ledger;
  }

  ledgers(): readonly EtcdLedger[] {
    return [...this.running.values()].map(({ ledger }) => ledger);
  }

  leader(): EtcdLedger | null {
    return this.ledgers().filter((ledger) => ledger.isLeading()).toSorted((left, right) => right.status().term - left.status().term)[0] ?? null;
  }

  async elect(limitMs = 10_000): Promise<EtcdLedger> {
    await this.world.until('a leader', () => this.leader() !== null, limitMs);
    const leader = this.leader();
    if (leader === null) throw new Error('no leader');
    return leader;
  }

  async finish<Value>(promise: Promise<Value>, limitMs = 30_000): Promise<Value> {
    let isDone = false;
    const watched = promise.finally(() => {
      isDone = true;
    });
    watched.catch(() => {});
    await this.world.until('the promise settles', () => isDone, limitMs);
    return await watched;
  }

  /** Proposes through a member; the ledger keeps the last number. */
  async set(through: EtcdLedger, rebuildAfterMs: number, timeoutMs = 10_000): Promise<number> {
    const { index } = await this.finish(through.propose({ kind: 'setParameters', change: { rebuildAfterMs } }, { timeoutMs }));
    return index;
  }

  isConverged(): boolean {
    return new Set(this.ledgers().map((ledger) => `${ledger.status().appliedIndex} ${hashState(ledger.state())}`)).size === 1;
  }
}
