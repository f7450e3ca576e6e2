/** Does a whole coordinator follow a real voter over libp2p, propose through it, and tell the truth after a restart? */
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { signedHeaders } from '../../../coordinator/cli/sign.ts';
import { parseCoordinatorConfig } from '../../../coordinator/config.ts';
import { startCoordinator } from '../../../coordinator/coordinator.ts';
import type { Coordinator } from '../../../coordinator/coordinator.ts';
import { createFiles } from '../../../shared/process/files.ts';
import { parseCellId, parseMemberId, voterIdOf } from '../../../shared/ids.ts';
import { apply } from '../../../shared/ledger/apply.ts';
import type { Command } from '../../../shared/ledger/commands.ts';
import { LedgerNode } from '../../../shared/ledger/node/ledger-node.ts';
import { encodeSnapshot } from '../../../shared/ledger/snapshot.ts';
import { DEFAULT_PARAMETERS, emptyCell } from '../../../shared/model/cell.ts';
import type { CellState } from '../../../shared/model/cell.ts';
import { TIMING_PROFILES } from '../../../shared/model/timing.ts';
import { loadIdentity } from '../../../shared/net/identity.ts';
import { createMesh } from '../../../shared/net/mesh.ts';
import { seededChance, uuid } from '../../../shared/random.ts';
import { openLedgerStore } from '../../../shared/store/ledger-store.ts';
import type { Member } from '../../../shared/wire/mesh.ts';
import type { NodesAnswer } from '../../../shared/wire/rest.ts';
import { eventually, realWorld } from '../../support/real-world.ts';
import { withDirectory } from '../../support/temporary-directory.ts';

const CELL = parseCellId('default');
const CLUSTER = '11111111-2222-4333-8444-555555555555';
const PRESHARED = new Uint8Array(32).fill(9);
const NODE = parseMemberId('node-1');
const COORDINATOR = parseMemberId('coordinator-1');
const KEY = { accessKeyId: 'AKIAVESEXAMPLE00001', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', region: 'ves-1' };
const NEW_NODE = { id: 'node-7', peerId: 'peer-7', meshAddress: '/ip4/127.0.0.1/tcp/1', leaseAddress: '127.0.0.1:2', leaseKey: 'a2V5', storageAddress: '127.0.0.1', failureDomain: '', power: { kind: 'none', address: '' } };

/** A cell that knows one node and one coordinator. */
function genesis(node: Member, coordinator: Member): CellState {
  const commands: readonly Command[] = [
    { kind: 'admitNode', node: { ...NEW_NODE, id: NODE as never, peerId: node.peerId, meshAddress: node.address, power: { kind: 'none', address: '' } } },
    { kind: 'admitCoordinator', coordinator: { id: COORDINATOR, peerId: coordinator.peerId, meshAddress: coordinator.address, storeUuid: null } },
  ];
  return commands.reduce((state, command) => {
    const applied = apply(state, { index: 1, term: 1, data: { command, at: '2026-11-22T12:00:00.000Z', by: NODE } });
    assert.is(applied.result.kind, 'applied');
    return applied.state;
  }, emptyCell(CELL, CLUSTER, DEFAULT_PARAMETERS));
}

/** The cell's only voter, in this process. */
class OneVoter {
  readonly #directory: string;
  #stop: () => Promise<void> = () => Promise.resolve();
  member: Member = { id: NODE, peerId: '', address: '/ip4/127.0.0.1/tcp/0' };

  constructor(directory: string) {
    this.#directory = directory;
  }

  async start(coordinator: Member): Promise<void> {
    const world = realWorld(1);
    const { privateKey, peerId } = await loadIdentity(createFiles(this.#directory), world.chance);
    const store = await openLedgerStore(join(this.#directory, 'ledger'), { newStoreUuid: () => uuid(world.chance) });
    const mesh = await createMesh({ cell: CELL, self: NODE, privateKey, listenAddress: this.member.address, presharedKey: PRESHARED, members: [coordinator], world, gossipHeartbeatMs: 500 });
    this.member = { id: NODE, peerId, address: mesh.addresses[0] ?? '' };
    if (store.loaded.kind === 'fresh') {
      const conf = { voters: [voterIdOf(NODE, store.storeUuid)], learners: [], witnesses: [] };
      await store.save({ hardState: { term: 1, vote: null, commit: 1 }, snapshot: { index: 1, term: 1, conf, data: encodeSnapshot(genesis(this.member, coordinator)) } });
      await store.close();
      await mesh.stop();
      return await this.start(coordinator);
    }
    const ledger = new LedgerNode({
      self: NODE, world, mesh, store, profile: TIMING_PROFILES.fast, seeds: () => [],
      onFatal: (error) => {
        throw error instanceof Error ? error : new Error(String(error));
      },
    }, emptyCell(CELL, CLUSTER, DEFAULT_PARAMETERS));
    ledger.start();
    this.#stop = async () => {
      ledger.stop();
      await mesh.stop();
      await store.close();
    };
  }

  async stop(): Promise<void> {
    await this.#stop();
  }
}

async function startUnder(directory: string, meshListen: string, seed: Member): Promise<Coordinator> {
  const config = parseCoordinatorConfig(JSON.stringify({
    cell: CELL, clusterUuid: CLUSTER, member: COORDINATOR, dataDirectory: directory, http: { port: 0 }, meshListen, presharedKey: Buffer.from(PRESHARED).toString('base64'),
    seeds: [seed], accounts: [{ accessKeyId: KEY.accessKeyId, secretAccessKey: KEY.secretAccessKey, environment: 'playground', name: 'me' }], profile: 'fast',
  }));
  return await startCoordinator(config, realWorld(2), (error) => {
    throw error instanceof Error ? error : new Error(String(error));
  }, { gossipHeartbeatMs: 500 });
}

async function ask(coordinator: Coordinator, method: string, path: string, body?: unknown): Promise<{ readonly status: number; readonly body: unknown }> {
  const url = new URL(`http://127.0.0.1:${coordinator.httpPort}/v1${path}`);
  const text = body === undefined ? '' : JSON.stringify(body);
  const { host: _, ...headers } = signedHeaders({ method, url, body: text }, KEY, new Date());
  const response = await fetch(url, { method, headers, ...(body === undefined ? {} : { body: text }) });
  return { status: response.status, body: await response.json() };
}

const coordinatorSuite = suite('coordinator');

coordinatorSuite('follows the ledger, commits what is asked, reads its own writes, and remembers all of it without a leader', async () => {
  await withDirectory(async (directory) => {
    const voter = new OneVoter(join(directory, 'node'));
    const own = join(directory, 'coordinator');
    const { peerId } = await loadIdentity(createFiles(own), seededChance(5));
    // Its port is known to the cell before it first starts: found by starting it once, alone.
    const probe = await startUnder(own, '/ip4/127.0.0.1/tcp/0', { ...voter.member, peerId, address: '/ip4/127.0.0.1/tcp/1' });
    const self: Member = { id: COORDINATOR, peerId, address: probe.meshAddresses[0] ?? '' };
    await probe.stop();
    await voter.start(self);

    let coordinator = await startUnder(own, self.address, voter.member);
    try {
      await eventually('it hears the leader', () => coordinator.ledger.status().leader === NODE && coordinator.ledger.state().nodes.size === 1, 20_000);
      const admitted = await ask(coordinator, 'POST', '/nodes', NEW_NODE);
      assert.is(admitted.status, 200, JSON.stringify(admitted.body));
      const nodes = (await ask(coordinator, 'GET', '/nodes')).body as NodesAnswer;
      assert.equal(nodes.nodes.map((node) => [node.id, node.phase]), [['node-1', 'admitted'], ['node-7', 'admitted']]);
      assert.equal(nodes.nodes[0]?.roles, ['leader', 'voter']);
      assert.is(nodes.asOf.isStale, false);
      assert.is(coordinator.ledger.status().role, 'subscriber');

      await coordinator.stop();
      await voter.stop();
      coordinator = await startUnder(own, self.address, voter.member);
      const remembered = (await ask(coordinator, 'GET', '/nodes')).body as NodesAnswer;
      assert.is(remembered.nodes.length, 2);
      assert.is(remembered.asOf.isStale, true);
      assert.is(remembered.asOf.leader, null);

      await voter.start(self);
      await eventually('it hears the leader again', () => coordinator.ledger.status().leader === NODE, 20_000);
      assert.is((await ask(coordinator, 'POST', '/nodes/node-7/cordon')).status, 200);
      const events = (await ask(coordinator, 'GET', '/events')).body as { readonly events: readonly { readonly kind: string }[] };
      assert.ok(events.events.some((event) => event.kind === 'nodeCordoned'), JSON.stringify(events));
    } finally {
      await coordinator.stop();
      await voter.stop();
    }
  });
});

coordinatorSuite.run();
