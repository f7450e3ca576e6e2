import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ObservedResource } from '../../../../agent/machines/observed.ts';
import { FencePeer, NOT_DECIDED, PEER_OUTDATED } from '../../../../agent/runtime/fence-peer.ts';
import { parseBootId, parseCellId, parseNodeId, parseVolumeId } from '../../../../shared/ids.ts';
import type { VolumeId } from '../../../../shared/ids.ts';
import type { Command } from '../../../../shared/ledger/commands.ts';
import type { ReplicatedLog } from '../../../../shared/ledger/replicated-log.ts';
import { DEFAULT_PARAMETERS, emptyCell } from '../../../../shared/model/cell.ts';
import type { CellState } from '../../../../shared/model/cell.ts';
import { VirtualWorld } from '../../../support/virtual-world.ts';

const NODE = parseNodeId('node-1');
const OTHER = parseNodeId('node-2');
const BOOT = parseBootId('0c356779-d5fc-4515-a670-d2a02931b102');
const VOLUME = parseVolumeId('vol-0123456789abcdef0');
const EMPTY = emptyCell(parseCellId('default'), '11111111-2222-4333-8444-555555555555', DEFAULT_PARAMETERS);

const FROZEN: ObservedResource = {
  volume: VOLUME, role: 'Primary', suspended: ['fencing'], disk: 'UpToDate', peerDisk: 'DUnknown', peerRole: 'Unknown', connection: 'Connecting', replication: null,
  outOfSyncBytes: 0, syncPercent: null,
};

/** A state in which `holder` holds the volume. */
function heldBy(holder: typeof NODE): CellState {
  const record = {
    id: VOLUME, sizeBytes: 1, image: null, instance: null, device: 'xvda', minor: 1, port: 7001, holder, holderBootId: BOOT, generation: 3, replicas: [NODE, OTHER],
    inSync: [NODE, OTHER], version: 4, epoch: 1, formatted: true, tainted: [], retired: [], deleting: false, degradedSinceIndex: null,
  };
  return { ...EMPTY, volumes: EMPTY.volumes.set(VOLUME, record) };
}

/** The part over a ledger that tests set, and that counts what is proposed. */
function setUp(start: { readonly state: CellState; readonly resource?: ObservedResource; readonly canRead?: boolean; readonly event?: string; readonly writeDurably?: (path: string) => Promise<void>; readonly others?: readonly ObservedResource[]; readonly isDeaf?: boolean }) {
  const world = new VirtualWorld(1);
  const seen = { state: start.state, resource: start.resource, proposed: [] as Command[], canRead: start.canRead ?? true, promoting: new Set<VolumeId>(), resets: 0, isDeaf: start.isDeaf ?? false };
  const log = {
    state: () => seen.state,
    readFresh: () => (seen.canRead ? Promise.resolve(seen.state) : Promise.reject(new Error('no leader'))),
    propose: (command: Command) => {
      seen.proposed.push(command);
      return Promise.resolve({ index: 1, result: { kind: 'applied' } });
    },
  } as unknown as ReplicatedLog;
  const files = { read: () => Promise.resolve(null), writeDurably: start.writeDurably ?? (() => Promise.resolve()), remove: () => Promise.resolve(), list: () => Promise.resolve([]), absolute: (path: string) => path };
  const part = new FencePeer({
    self: { node: NODE, bootId: BOOT }, world, machine: { bootId: BOOT, resetNow: () => void (seen.resets += 1) }, files, log, promoting: seen.promoting,
    resources: () => seen.isDeaf ? null : new Map([...(seen.resource === undefined ? [] : [seen.resource]), ...(start.others ?? [])].map((resource) => [resource.volume, resource])),
  });
  const answer = { code: null as number | null };
  void part.answer({ event: start.event ?? 'fence-peer', resource: VOLUME }).then((code) => {
    answer.code = code;
  });
  return { world, seen, answer, part };
}

const fencePeer = suite('the answer to fence-peer');

fencePeer('comes after the shrink', async () => {
  const { world, seen, answer } = setUp({ state: heldBy(NODE), resource: FROZEN });
  await world.advance(10);
  assert.is(seen.proposed[0]?.kind, 'shrink');
  assert.is(answer.code, PEER_OUTDATED);
});

fencePeer('waits for an agent that has not caught up with the ledger, because the kernel asks only once', async () => {
  const { world, seen, answer } = setUp({ state: EMPTY, resource: FROZEN, canRead: false });
  await world.advance(3_000);
  assert.is(answer.code, null);
  seen.state = heldBy(NODE);
  seen.canRead = true;
  await world.advance(1_000);
  assert.is(answer.code, PEER_OUTDATED);
});

fencePeer('waits for an agent that does not see the resource yet', async () => {
  const { world, seen, answer } = setUp({ state: heldBy(NODE) });
  await world.advance(3_000);
  assert.is(answer.code, null);
  seen.resource = FROZEN;
  await world.advance(1_000);
  assert.is(answer.code, PEER_OUTDATED);
});

fencePeer('is no once the resource is gone, which its events must have shown for a while', async () => {
  const { world, seen, answer } = setUp({ state: heldBy(NODE), isDeaf: true });
  await world.advance(60_000);
  assert.is(answer.code, null, 'nothing is heard of any resource');
  seen.isDeaf = false;
  await world.advance(9_000);
  assert.is(answer.code, null);
  await world.advance(2_000);
  assert.is(answer.code, NOT_DECIDED);
  assert.equal(seen.proposed, []);
});

fencePeer('waits for the event that tells of the loss, when the call comes first', async () => {
  const { world, seen, answer } = setUp({ state: heldBy(NODE), resource: { ...FROZEN, connection: 'Connected', suspended: [] } });
  await world.advance(300);
  assert.is(answer.code, null);
  seen.resource = FROZEN;
  await world.advance(1_000);
  assert.is(answer.code, PEER_OUTDATED);
});

fencePeer('is no shrink when the peer is there again', async () => {
  const { world, seen, answer } = setUp({ state: heldBy(NODE), resource: { ...FROZEN, connection: 'Connected', suspended: [] } });
  await world.advance(5_000);
  assert.is(answer.code, NOT_DECIDED);
  assert.equal(seen.proposed, []);
});

fencePeer('never lets a primary go on that another node holds', async () => {
  const { world, seen, answer } = setUp({ state: heldBy(OTHER), resource: FROZEN });
  await world.advance(1_000);
  assert.is(answer.code, NOT_DECIDED);
  assert.equal(seen.proposed, []);
});

fencePeer('refuses a promotion that nobody gave a permit for', async () => {
  const { world, answer } = setUp({ state: heldBy(NODE), resource: { ...FROZEN, role: 'Secondary', suspended: [] } });
  await world.advance(1_000);
  assert.is(answer.code, NOT_DECIDED);
});

fencePeer('refuses a promotion under a permit while the ledger counts the other replica as in sync', async () => {
  const { world, seen, answer } = setUp({ state: heldBy(NODE) });
  seen.promoting.add(VOLUME);
  await world.advance(1_000);
  assert.is(answer.code, NOT_DECIDED);
});

fencePeer('is under way until the newest call has its answer', async () => {
  const { world, seen, answer, part } = setUp({ state: EMPTY, resource: FROZEN, canRead: false });
  await world.advance(1_000);
  assert.ok(part.isAsked(VOLUME));
  const second = part.answer({ event: 'fence-peer', resource: VOLUME });
  await world.advance(1_000);
  assert.is(answer.code, NOT_DECIDED, 'the older call is overtaken');
  assert.ok(part.isAsked(VOLUME), 'the newer one is not answered yet');
  seen.state = heldBy(NODE);
  seen.canRead = true;
  await world.advance(1_000);
  assert.is(await second, PEER_OUTDATED);
  assert.not.ok(part.isAsked(VOLUME));
});

fencePeer('to a failed disk is a reset, also when the mark cannot be written', async () => {
  for (const writeDurably of [() => Promise.reject(new Error('no space')), () => new Promise<void>(() => undefined)]) {
    const { world, seen } = setUp({ state: heldBy(NODE), resource: FROZEN, writeDurably, event: 'local-io-error' });
    await world.advance(2_000);
    assert.is(seen.resets, 1);
  }
});

fencePeer('to a failed disk marks every replica on it: the reset comes before the others can tell', async () => {
  const [failed, well] = [parseVolumeId('vol-0123456789abcdef1'), parseVolumeId('vol-0123456789abcdef2')];
  const marks: string[] = [];
  const { world, seen } = setUp({
    state: heldBy(NODE), resource: { ...FROZEN, disk: 'Failed' }, event: 'local-io-error',
    others: [{ ...FROZEN, volume: failed, disk: 'Failed' }, { ...FROZEN, volume: well }],
    writeDurably: async (path) => {
      await Promise.resolve();
      if (seen.resets === 0) marks.push(path);
    },
  });
  await world.advance(100);
  assert.equal(marks, [`tainted/${VOLUME}`, `tainted/${failed}`]);
  assert.is(seen.resets, 1);
});

fencePeer('to a split brain is nothing, and people are told of it now and then, however often the two meet', async () => {
  const { world, part } = setUp({ state: heldBy(NODE), resource: FROZEN, event: 'split-brain' });
  const meet = async (): Promise<void> => {
    assert.is(await part.answer({ event: 'split-brain', resource: VOLUME }), 0);
    await world.advance(400);
  };
  for (let time = 0; time < 70; time += 1) await meet();
  const alarms = (): number => world.facts.filter(({ event, reason }) => event === 'alarm' && reason === 'DRBD reports split-brain').length;
  assert.is(alarms(), 1);
  await world.advance(5_000);
  await meet();
  assert.is(alarms(), 2);
});

fencePeer.run();
