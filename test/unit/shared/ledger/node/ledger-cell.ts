/**
 * How do a few members of the ledger run without the rest of a cell? In one process and virtual time, with nothing above them.
 */
import * as assert from 'uvu/assert';
import { parseCellId, parseMemberId, voterIdOf } from '../../../../../shared/ids.ts';
import type { MemberId } from '../../../../../shared/ids.ts';
import { apply } from '../../../../../shared/ledger/apply.ts';
import { LedgerNode } from '../../../../../shared/ledger/node/ledger-node.ts';
import type { ConfState } from '../../../../../shared/ledger/raft/types.ts';
import { encodeSnapshot } from '../../../../../shared/ledger/snapshot.ts';
import { hashState } from '../../../../../shared/ledger/state-hash.ts';
import { DEFAULT_PARAMETERS, emptyCell } from '../../../../../shared/model/cell.ts';
import type { CellState } from '../../../../../shared/model/cell.ts';
import { TIMING_PROFILES } from '../../../../../shared/model/timing.ts';
import { MemoryStore } from '../../../../support/memory-store.ts';
import { VirtualNetwork } from '../../../../support/virtual-mesh.ts';
import type { VirtualMesh } from '../../../../support/virtual-mesh.ts';
import { VirtualWorld } from '../../../../support/virtual-world.ts';

const CLUSTER = '11111111-2222-4333-8444-555555555555';
export const COORDINATOR = parseMemberId('coordinator-1');

/** A cell that takes proposals of one coordinator. */
function initial(): CellState {
  const empty = emptyCell(parseCellId('default'), CLUSTER, DEFAULT_PARAMETERS);
  const coordinator = { id: COORDINATOR, peerId: 'peer-c', meshAddress: '/ip4/127.0.0.1/tcp/3999', storeUuid: null };
  return apply(empty, { index: 1, term: 1, data: { command: { kind: 'admitCoordinator', coordinator }, at: '2026-11-22T00:00:00.000Z', by: COORDINATOR } }).state;
}

/** Members `node-1`, `node-2` ...; the first of them vote. */
export class Cell {
  readonly world: VirtualWorld;
  readonly network: VirtualNetwork;
  readonly nodes = new Map<MemberId, LedgerNode>();
  readonly stores = new Map<MemberId, MemoryStore>();
  readonly #meshes = new Map<MemberId, VirtualMesh>();
  readonly members: readonly MemberId[];

  constructor(seed: number, voters: number, others: number) {
    this.world = new VirtualWorld(seed);
    this.network = new VirtualNetwork(this.world);
    this.members = Array.from({ length: voters + others }, (_, at) => parseMemberId(`node-${at + 1}`));
    for (const member of this.members) this.stores.set(member, new MemoryStore(this.world));
    const founding = this.members.slice(0, voters);
    const conf: ConfState = { voters: founding.map((member) => voterIdOf(member, this.store(member).storeUuid)), learners: [], witnesses: [] };
    for (const member of founding) {
      this.store(member).hardState = { term: 1, vote: null, commit: 1 };
      this.store(member).snapshot = { index: 1, term: 1, conf, data: encodeSnapshot(initial()) };
    }
    for (const member of this.members) this.start(member);
  }

  store(member: MemberId): MemoryStore {
    const store = this.stores.get(member);
    if (store === undefined) throw new Error(`no store of ${member}`);
    return store;
  }

  start(member: MemberId): LedgerNode {
    const mesh = this.network.join(member);
    this.#meshes.set(member, mesh);
    const node: LedgerNode = new LedgerNode({
      self: member, world: this.world, mesh, store: this.store(member).forProcess(() => this.nodes.get(member) === node), profile: TIMING_PROFILES.standard,
      seeds: () => this.members, snapshotEvery: 50,
      onFatal: (error) => {
        throw error instanceof Error ? error : new Error(String(error));
      },
    }, initial());
    this.nodes.set(member, node);
    node.start();
    return node;
  }

  /** What the member's ledger stored is gone; it must not run. */
  loseStore(member: MemberId): void {
    this.stores.set(member, new MemoryStore(this.world));
  }

  stop(member: MemberId): void {
    this.network.cut(member);
    this.node(member).stop();
    this.nodes.delete(member);
  }

  /** Entries that one member sends to these get lost from now on; everything else arrives. */
  holdAppends(from: MemberId, to: readonly MemberId[]): void {
    const mesh = this.#meshes.get(from);
    if (mesh === undefined) throw new Error(`${from} does not run`);
    const send = mesh.send.bind(mesh);
    mesh.send = (member, channel, message) => {
      const isAppend = typeof message === 'object' && message !== null && 'kind' in message && message.kind === 'append';
      return to.includes(member) && isAppend ? true : send(member, channel, message);
    };
  }

  node(member: MemberId): LedgerNode {
    const node = this.nodes.get(member);
    if (node === undefined) throw new Error(`${member} does not run`);
    return node;
  }

  leader(): LedgerNode | null {
    return [...this.nodes.values()].find((node) => node.raftStatus().isTermCommitted) ?? null;
  }

  async elect(): Promise<LedgerNode> {
    await this.world.until('a leader', () => this.leader() !== null, 20_000);
    const leader = this.leader();
    if (leader === null) throw new Error('no leader');
    return leader;
  }

  async finish<Value>(promise: Promise<Value>): Promise<Value> {
    let isDone = false;
    const watched = promise.finally(() => {
      isDone = true;
    });
    watched.catch(() => {});
    await this.world.until('the promise settles', () => isDone, 30_000);
    return await watched;
  }

  async setRebuild(member: MemberId, rebuildAfterMs: number): Promise<void> {
    const { result } = await this.finish(this.node(member).propose({ kind: 'setParameters', change: { rebuildAfterMs } }, { timeoutMs: 10_000 }));
    assert.is(result.kind, 'applied');
  }

  converged(): boolean {
    return new Set([...this.nodes.values()].map((node) => hashState(node.state()))).size === 1;
  }
}

export const member = (at: number): MemberId => parseMemberId(`node-${at}`);
