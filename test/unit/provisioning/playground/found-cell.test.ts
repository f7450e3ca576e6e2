import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseAgentConfig } from '../../../../agent/config.ts';
import { parseKeeperConfig } from '../../../../agent/keeper/config.ts';
import { parseRoomConfig } from '../../../../agent/room/room-config.ts';
import { parseCoordinatorConfig } from '../../../../coordinator/config.ts';
import { readCellFile } from '../../../../provisioning/playground/cell-file.ts';
import type { PlaygroundOptions } from '../../../../provisioning/playground/config.ts';
import { layoutOf } from '../../../../provisioning/playground/layout.ts';
import type { Layout } from '../../../../provisioning/playground/layout.ts';
import { ensurePorts, openCell } from '../../../../provisioning/playground/open-cell.ts';
import { agentConfig, coordinatorConfig, keeperConfig, roomConfig } from '../../../../provisioning/playground/process-configs.ts';
import { memberOfVoter } from '../../../../shared/ids.ts';
import type { VoterId } from '../../../../shared/ids.ts';
import { decodeSnapshot } from '../../../../shared/ledger/snapshot.ts';
import { loadIdentity } from '../../../../shared/net/identity.ts';
import { loadLeaseKey } from '../../../../shared/net/lease-key.ts';
import { openLedgerStore } from '../../../../shared/store/ledger-store.ts';
import type { LedgerStore } from '../../../../shared/store/ledger-store.ts';
import { createFiles } from '../../../../shared/process/files.ts';
import { chance } from '../../../../shared/process/process-world.ts';
import { ETCD_MISSING } from '../../../support/real-etcd.ts';
import { failureOf, withDirectory } from './support.ts';

const AT = '2026-11-22T10:00:00.000Z';
const BOOT = '11111111-2222-4333-8444-555555555555';
const founding = suite('founding a cell');
const opening = suite('a founded cell');

const asked = (change: Partial<PlaygroundOptions> = {}): PlaygroundOptions => ({ directory: '', port: 8080, nodes: null, profile: null, bmc: null, memoryGiB: null, ledger: null, ...change });

async function withCell(change: Partial<PlaygroundOptions>, use: (layout: Layout) => Promise<void>): Promise<void> {
  await withDirectory(async (directory) => {
    const layout = layoutOf(directory);
    await openCell(layout, asked(change), AT);
    await use(layout);
  });
}

/** What a member's ledger store holds. */
async function storeOf(directory: string): Promise<LedgerStore> {
  const store = await openLedgerStore(directory, { newStoreUuid: () => { throw new Error('a founder’s store was made anew'); } });
  await store.close();
  return store;
}

if (ETCD_MISSING !== null) founding.skip(`leaves the ledger to an etcd, skipped ${ETCD_MISSING}`);
else {
  founding('leaves the ledger to an etcd, if that is asked for', async () => {
    await withCell({ nodes: 3, ledger: 'etcd' }, async (layout) => {
      const { cell } = await openCell(layout, asked({ ledger: 'etcd' }), AT);
      assert.equal([cell.etcd?.isFounded, cell.etcd?.members.map(({ name }) => name)], [false, ['etcd-1', 'etcd-2', 'etcd-3']]);
      const ports = [cell.coordinator.meshPort, ...cell.nodes.flatMap((node) => [node.meshPort, node.leasePort]), ...(cell.etcd?.members ?? []).flatMap((each) => [each.clientPort, each.peerPort])];
      assert.is(new Set(ports).size, 13);
      for (const { id } of cell.nodes) assert.not(existsSync(join(layout.node(id).data, 'ledger')));
      assert.is(await failureOf(() => openCell(layout, asked({ ledger: 'own' }), AT)), 'CellDiffers');
      // Machines that are added take other ports.
      const grown = await openCell(layout, asked({ nodes: 4 }), AT);
      assert.not(ports.includes(grown.cell.nodes[3]?.meshPort ?? 0));
    });
  });
}

founding('gives each founding voter the same committed first snapshot, in its own store', async () => {
  for (const [nodes, expected] of [
    [1, ['node-1']], [2, ['node-1', 'node-2', 'coordinator-1']], [3, ['node-1', 'node-2', 'node-3']], [4, ['node-1', 'node-2', 'node-3']],
    [6, ['node-1', 'node-2', 'node-3', 'node-4', 'node-5']],
  ] as const) {
    await withCell({ nodes }, async (layout) => {
      const snapshots = new Set<string>();
      const uuids: string[] = [];
      for (const member of expected) {
        const store = await storeOf(join(member === 'coordinator-1' ? layout.coordinator : layout.node(member).data, 'ledger'));
        assert.is(store.loaded.kind, 'loaded');
        if (store.loaded.kind !== 'loaded') continue;
        assert.equal(store.loaded.hardState, { term: 1, vote: null, commit: 1 });
        assert.equal([store.loaded.snapshot?.index, store.loaded.snapshot?.term], [1, 1]);
        const conf = store.loaded.snapshot?.conf;
        assert.equal(conf?.voters.map((voter) => memberOfVoter(voter as VoterId)), expected);
        assert.equal(conf?.witnesses.map((voter) => memberOfVoter(voter as VoterId)), nodes === 2 ? ['coordinator-1'] : []);
        assert.ok(conf?.voters.includes(`${member}.${store.storeUuid.slice(0, 8)}`), 'each votes with the store that it has');
        snapshots.add(JSON.stringify(store.loaded.snapshot));
        uuids.push(store.storeUuid);
      }
      assert.is(snapshots.size, 1);
      assert.is(new Set(uuids).size, expected.length);
      for (const name of readdirSync(layout.nodes)) assert.is(existsSync(join(layout.nodes, name, 'ledger')), (expected as readonly string[]).includes(name), name);
    });
  }
});

founding('writes a ledger that knows every member by the keys that lie on its disk', async () => {
  await withCell({ nodes: 3, bmc: 'all', profile: 'fast' }, async (layout) => {
    const { loaded } = await storeOf(join(layout.node('node-1').data, 'ledger'));
    const state = decodeSnapshot(loaded.kind === 'loaded' ? loaded.snapshot?.data : null);
    assert.is(state.parameters.profile, 'fast');
    assert.is(state.nodes.size, 3);
    for (const node of state.nodes.values()) {
      const files = createFiles(layout.node(node.id).data);
      assert.is(node.peerId, (await loadIdentity(files, chance)).peerId);
      assert.is(node.leaseKey, (await loadLeaseKey(files, chance)).publicKey);
      assert.is(node.phase, 'admitted');
      assert.is(node.power.kind, 'ipmi');
    }
    const coordinator = [...state.coordinators.values()][0];
    assert.is(coordinator?.peerId, (await loadIdentity(createFiles(layout.coordinator), chance)).peerId);
    assert.is(coordinator?.storeUuid, (await storeOf(join(layout.coordinator, 'ledger'))).storeUuid);
    const [image] = [...state.images.values()];
    const content = readFileSync(join(layout.images, image?.digest ?? ''));
    assert.is(createHash('sha256').update(content).digest('hex'), image?.digest);
    assert.is(content.byteLength, image?.sizeBytes);
  });
});

founding('keeps secrets to their owner', async () => {
  await withCell({ nodes: 1 }, async (layout) => {
    for (const path of [layout.cellFile, join(layout.node('node-1').data, 'identity.key'), join(layout.node('node-1').data, 'lease.key')]) assert.is(statSync(path).mode & 0o777, 0o600, path);
  });
});

founding('writes what agent, keeper, room and coordinator can read', async () => {
  await withCell({ nodes: 2, bmc: 'all' }, async (layout) => {
    const cell = await readCellFile(layout.cellFile);
    assert.ok(cell !== null);
    if (cell === null) return;
    for (const node of cell.nodes) {
      assert.is(parseAgentConfig(agentConfig(layout, cell, node, BOOT)).node, node.id);
      assert.is(parseKeeperConfig(JSON.stringify(keeperConfig(layout, cell, node, BOOT))).node, node.id);
    }
    assert.is(parseRoomConfig(roomConfig(layout, cell)).room.nodes.length, 2);
    assert.is(parseCoordinatorConfig(JSON.stringify(coordinatorConfig(layout, cell, 8080))).http.port, 8080);
  });
});

founding('is done again after an interruption, from the beginning', async () => {
  await withDirectory(async (directory) => {
    const layout = layoutOf(directory);
    writeFileSync(layout.foundingMark, 'x');
    mkdirSync(layout.node('node-1').data, { recursive: true });
    writeFileSync(join(layout.node('node-1').data, 'identity.key'), 'half a key');
    mkdirSync(layout.node('node-7').data, { recursive: true });
    const { isNew } = await openCell(layout, asked({ nodes: 1 }), AT);
    assert.ok(isNew);
    assert.not.ok(existsSync(layout.foundingMark));
    assert.equal(readdirSync(layout.nodes), ['node-1']);
  });
});

founding('never clears a directory that holds something else', async () => {
  await withDirectory(async (directory) => {
    const layout = layoutOf(directory);
    mkdirSync(layout.nodes);
    writeFileSync(join(layout.nodes, 'thesis.txt'), 'years of work');
    assert.is(await failureOf(() => openCell(layout, asked(), AT)), 'DirectoryNotEmpty');
    assert.is(readFileSync(join(layout.nodes, 'thesis.txt'), 'utf8'), 'years of work');
  });
});

opening('is never founded again, whatever its members lost', async () => {
  await withCell({ nodes: 1 }, async (layout) => {
    const before = readFileSync(layout.cellFile, 'utf8');
    rmSync(layout.node('node-1').data, { recursive: true });
    // Even a founding mark that its end did not get to remove changes nothing.
    writeFileSync(layout.foundingMark, 'x');
    const { isNew } = await openCell(layout, asked(), AT);
    assert.not.ok(isNew);
    assert.is(readFileSync(layout.cellFile, 'utf8'), before);
    assert.not.ok(existsSync(layout.node('node-1').data));
    // And when cell.json is lost, too, nothing here is cleared any more.
    rmSync(layout.cellFile);
    assert.is(await failureOf(() => openCell(layout, asked(), AT)), 'DirectoryNotEmpty');
  });
});

opening('gets more nodes, which the ledger has yet to admit', async () => {
  await withCell({ nodes: 2 }, async (layout) => {
    const { cell } = await openCell(layout, asked({ nodes: 4 }), AT);
    assert.equal(cell.nodes.map(({ id, isAdmitted }) => [id, isAdmitted]), [['node-1', true], ['node-2', true], ['node-3', false], ['node-4', false]]);
    const ports = [cell.coordinator.meshPort, ...cell.nodes.flatMap((node) => [node.meshPort, node.leasePort])];
    assert.is(new Set(ports).size, 9);
    assert.equal((await readCellFile(layout.cellFile))?.nodes, cell.nodes);
    assert.not.ok(existsSync(join(layout.node('node-3').data, 'ledger')), 'a node that joins later founds nothing');
  });
});

opening('is not started as something that it is not', async () => {
  await withCell({ nodes: 3 }, async (layout) => {
    for (const change of [{ nodes: 2 }, { profile: 'soft' }, { bmc: 'all' }, { memoryGiB: 32 }, { ledger: 'etcd' }] as const) assert.is(await failureOf(() => openCell(layout, asked(change), AT)), 'CellDiffers');
    assert.not.ok((await openCell(layout, asked({ nodes: 3, profile: 'standard', bmc: 'none' }), AT)).isNew);
  });
});

opening('gets its image back when that was lost or damaged', async () => {
  await withCell({ nodes: 1 }, async (layout) => {
    const [name = ''] = readdirSync(layout.images);
    const path = join(layout.images, name);
    for (const spoil of [() => writeFileSync(path, 'half'), () => rmSync(path)]) {
      spoil();
      await openCell(layout, asked(), AT);
      assert.is(createHash('sha256').update(readFileSync(path)).digest('hex'), name);
    }
  });
});

opening('is refused when it was ready once and its disks are gone, but not before', async () => {
  await withCell({ nodes: 1 }, async (layout) => {
    await openCell(layout, asked(), AT);
    writeFileSync(layout.envFile, '');
    assert.is(await failureOf(() => openCell(layout, asked(), AT)), 'DisksMissing');
    mkdirSync(dirname(layout.roomJournal));
    writeFileSync(layout.roomJournal, '');
    assert.is(await failureOf(() => openCell(layout, asked(), AT)), 'DisksMissing');
    writeFileSync(layout.roomJournal, 'a line\n');
    assert.not.ok((await openCell(layout, asked(), AT)).isNew);
  });
});

opening('is left alone when its file is damaged', async () => {
  await withCell({ nodes: 1 }, async (layout) => {
    const good = readFileSync(layout.cellFile, 'utf8');
    for (const bad of ['', '{', good.slice(0, 200), good.replace('"version": 1', '"version": 2'), '[]', good.replace(/"clusterUuid": "[^"]*"/, '"clusterUuid": "x"')]) {
      writeFileSync(layout.cellFile, bad);
      assert.is(await failureOf(() => openCell(layout, asked(), AT)), 'CellFileCorrupt');
      assert.is(readFileSync(layout.cellFile, 'utf8'), bad);
    }
    assert.ok(existsSync(join(layout.node('node-1').data, 'ledger')));
  });
});

opening('says which of its ports is taken', async () => {
  await withCell({ nodes: 1 }, async (layout) => {
    const cell = await readCellFile(layout.cellFile);
    if (cell === null) throw new Error('no cell');
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(cell.nodes[0]?.meshPort, '127.0.0.1', resolve));
    try {
      await ensurePorts(cell);
      assert.unreachable();
    } catch (error) {
      assert.match(String(error), new RegExp(`port ${cell.nodes[0]?.meshPort} .*node-1’s mesh.* taken`));
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });
});

founding.run();
opening.run();
