/**
 * Does the driver do its work on a DRBD that behaves like the real one? The driver over the room's model, on virtual time.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Drbd, redact } from '../../../../../agent/drivers/drbd/run-drbd.ts';
import { ClusterError } from '../../../../../shared/errors.ts';
import type { LogFact, Runner } from '../../../../../shared/world.ts';
import { Lab } from '../../room/model/drbd/lab.ts';
import type { NodeName } from '../../room/model/drbd/lab.ts';

const FILE = '/etc/r0.res';

interface Bench {
  readonly lab: Lab;
  readonly drbd: Record<NodeName, Drbd>;
  readonly facts: LogFact[];
}

function bench(): Bench {
  const lab = new Lab();
  const facts: LogFact[] = [];
  const on = (node: NodeName): Drbd => {
    const runner: Runner = { run: (argv) => lab.room.run(node, argv), stream: (argv, reader) => lab.room.stream(node, argv, reader) };
    const drbd = new Drbd(runner, lab.time, { write: (fact) => facts.push(fact) });
    drbd.start();
    return drbd;
  };
  return { lab, facts, drbd: { node1: on('node1'), node2: on('node2') } };
}

/** Lets time pass until a call ended; what it rejected with, or null. */
async function ended(lab: Lab, call: Promise<void>): Promise<unknown> {
  let outcome: { readonly error: unknown } | null = null;
  call.then(() => {
    outcome = { error: null };
  }, (error: unknown) => {
    outcome = { error };
  });
  for (let waited = 0; waited < 60_000 && outcome === null; waited += 50) await lab.time.pass(50);
  assert.ok(outcome !== null, 'the call hangs');
  return (outcome as { readonly error: unknown }).error;
}

async function codeOf(lab: Lab, call: Promise<void>): Promise<string | null> {
  const error = await ended(lab, call);
  if (error === null) return null;
  assert.instance(error, ClusterError);
  return (error as ClusterError).code;
}

/** Both up and connected, node1 promoted as new. */
async function synced(): Promise<Bench> {
  const made = bench();
  const { lab, drbd } = made;
  for (const node of ['node1', 'node2'] as const) {
    assert.is(await codeOf(lab, drbd[node].createMetadata(FILE, 'r0')), null);
    assert.is(await codeOf(lab, drbd[node].up(FILE, 'r0')), null);
  }
  await lab.time.pass(2_000);
  assert.is(await codeOf(lab, drbd.node1.primaryNew(FILE, 'r0')), null);
  await lab.time.pass(3_000);
  return made;
}

const runDrbd = suite('the DRBD driver on the DRBD model');

runDrbd('sees a volume from its creation to its first promotion', async () => {
  const { drbd, facts } = await synced();
  const view = drbd.node1.views().get('r0');
  assert.equal(view, {
    name: 'r0', minor: 0, role: 'Primary', suspended: [], disk: 'UpToDate', peerRole: 'Secondary', connection: 'Connected', peerDisk: 'UpToDate',
    replication: 'Established', sizeKiB: 65_496, outOfSyncKiB: 0,
  });
  assert.is(drbd.node2.views().get('r0')?.peerRole, 'Primary');
  assert.equal(facts, []);
});

runDrbd('sees the freeze and the thaw of a primary that lost its peer', async () => {
  const { lab, drbd } = await synced();
  lab.policy = (_node, event) => (event === 'fence-peer' ? null : 0);
  lab.cut();
  await lab.time.pass(4_000);
  assert.equal(drbd.node1.views().get('r0')?.suspended, ['fencing']);
  assert.is(drbd.node1.views().get('r0')?.connection, 'Connecting');
  lab.helpers[0]?.answer(7);
  await lab.time.pass(500);
  assert.equal(drbd.node1.views().get('r0')?.suspended, []);
  assert.is(drbd.node1.views().get('r0')?.peerDisk, 'Outdated');
});

runDrbd('sees within seconds that writes go out of sync while the peer still counts as good', async () => {
  const { lab, drbd } = await synced();
  lab.policy = (_node, event) => (event === 'local-io-error' ? null : 0);
  lab.disk('node2').fail('error');
  const told: (string | null)[] = [];
  drbd.node1.onChange((name) => told.push(name));
  assert.is(await lab.write('node1', 9, 'only here', 100), 'acked');
  await lab.time.pass(2_000);
  const view = drbd.node1.views().get('r0');
  assert.is(view?.peerDisk, 'UpToDate');
  assert.is(view?.outOfSyncKiB, 4);
  assert.equal(told, ['r0']);
});

runDrbd('looks at figures only while a primary serves', async () => {
  const { lab, drbd } = await synced();
  assert.is(await codeOf(lab, drbd.node1.secondary(FILE, 'r0')), null);
  await lab.time.pass(3_000);
  assert.is(lab.time.pending, 0);
});

runDrbd('tells refusals apart', async () => {
  const { lab, drbd } = await synced();
  assert.is(await codeOf(lab, drbd.node2.primary(FILE, 'r0')), 'DrbdRefusedPeerPrimary');
  lab.device('node1').open();
  assert.is(await codeOf(lab, drbd.node1.secondary(FILE, 'r0')), 'DrbdRefusedInUse');
  lab.device('node1').close();
  assert.is(await codeOf(lab, drbd.node1.secondary(FILE, 'r0')), null);
  lab.cut();
  await lab.time.pass(5_000);
  lab.policy = (_node, event) => (event === 'fence-peer' ? 1 : 0);
  assert.is(await codeOf(lab, drbd.node1.primary(FILE, 'r0')), 'DrbdRefusedPeerNotOutdated');
  lab.policy = (_node, event) => (event === 'fence-peer' ? 6 : 0);
  assert.is(await codeOf(lab, drbd.node1.primary(FILE, 'r0')), 'DrbdRefusedNotUpToDate');
});

runDrbd('parts from a peer, and may be told twice', async () => {
  const { lab, drbd } = await synced();
  assert.is(await codeOf(lab, drbd.node2.disconnectForce(FILE, 'r0')), null);
  assert.is(drbd.node2.views().get('r0')?.disk, 'UpToDate');
  assert.is(drbd.node2.views().get('r0')?.connection, null);
  assert.is(await codeOf(lab, drbd.node2.disconnectForce(FILE, 'r0')), null);
  assert.is(await codeOf(lab, drbd.node2.connect(FILE, 'r0')), null);
  assert.is(drbd.node2.views().get('r0')?.connection, 'Connecting');
});

runDrbd('forgets a resource that went down, and down is harmless when there is none', async () => {
  const { lab, drbd } = await synced();
  assert.is(await codeOf(lab, drbd.node2.down(FILE, 'r0')), null);
  assert.not.ok(drbd.node2.views().has('r0'));
  assert.is(await codeOf(lab, drbd.node2.down(FILE, 'r0')), null);
});

runDrbd('adjusts a kernel to a changed file without dropping its connection', async () => {
  const { lab, drbd } = await synced();
  lab.files.set('node2', (lab.files.get('node2') ?? '').replace('ko-count 4', 'ko-count 5'));
  assert.is(await codeOf(lab, drbd.node2.adjust(FILE, 'r0')), null);
  assert.is(drbd.node2.views().get('r0')?.connection, 'Connected');
});

runDrbd('never lets the shared secret into a message', async () => {
  const { lab, drbd } = await synced();
  const error = await ended(lab, drbd.node1.connect(FILE, 'r0'));
  assert.instance(error, ClusterError);
  assert.match(String(error), /shared-secret=\*\*\*/);
  assert.not.match(String(error), /epoch1-secret/);
  assert.is(redact('a "shared-secret \\"x y"'.replaceAll('\\', '')).includes('x'), false);
});

runDrbd('begins its stream again after the node came back', async () => {
  const { lab, drbd, facts } = await synced();
  lab.kill('node2');
  assert.not.ok(drbd.node2.isCurrent());
  await lab.time.pass(2_000);
  assert.ok(drbd.node2.isCurrent());
  assert.is(drbd.node2.views().size, 0);
  assert.is(facts[0]?.event, 'drbdStreamEnded');
});

runDrbd.run();
