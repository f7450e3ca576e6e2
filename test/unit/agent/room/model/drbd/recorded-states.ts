/**
 * How does one get into each state that was recorded on the real module? The laboratory's steps, replayed on the model
 * (test/fixtures/drbd/README.md tells how the recordings were made).
 */
import type { Lab, LabOptions, NodeName } from './lab.ts';

/** A recorded state: its name in the fixtures, whose eyes it was seen with, and the steps that lead there. */
export interface RecordedState {
  readonly name: string;
  readonly node: NodeName;
  readonly options?: LabOptions;
  readonly reach: (lab: Lab) => Promise<void>;
}

const slow: LabOptions = { disk: 'c-plan-ahead 0; resync-rate 1M;' };
const two: LabOptions = { net: 'allow-two-primaries yes;' };

const fencing = (exitCode: number | null) => (_node: string, event: string): number | null => (event === 'fence-peer' ? exitCode : 0);

/** node1 Primary with a guest, its fence-peer helper answering `exitCode` (null: never), the link cut and a write pending. */
async function frozen(lab: Lab, exitCode: number | null): Promise<void> {
  await lab.synced();
  lab.device('node1').open();
  await lab.write('node1', 1, 'before');
  lab.policy = fencing(exitCode);
  lab.cut();
  await lab.write('node1', 2, 'pending', 5_000);
}

async function syncing(lab: Lab): Promise<void> {
  await lab.fresh();
  await lab.ok('node1', 'primary', '--force');
  await lab.time.pass(4_000);
}

async function takeOver(lab: Lab): Promise<void> {
  await lab.synced();
  lab.device('node1').open();
  lab.policy = (node, event) => (event === 'fence-peer' ? (node === 'node1' ? null : 7) : 0);
  await lab.ok('node2', 'disconnect', '--force');
  await lab.write('node1', 2, 'pending', 1_000);
  await lab.ok('node2', 'primary');
  await lab.write('node2', 3, 'new holder');
}

async function refusedReconnect(lab: Lab): Promise<void> {
  await takeOver(lab);
  await lab.ok('node2', 'connect');
  await lab.time.pass(3_000);
}

/** Both sides go on alone: two histories. */
async function splitBrain(lab: Lab): Promise<void> {
  await lab.synced();
  await lab.ok('node1', 'secondary');
  lab.cut();
  await lab.time.pass(5_000);
  lab.policy = fencing(5);
  for (const node of ['node1', 'node2'] as const) {
    await lab.ok(node, 'primary');
    await lab.write(node, 7, node);
    await lab.ok(node, 'secondary');
  }
  lab.heal();
  await lab.time.pass(5_000);
}

async function diskErrorOn(lab: Lab, node: NodeName, isHelperStuck: boolean): Promise<void> {
  await lab.synced();
  lab.device('node1').open();
  lab.policy = (_node, event) => (event === 'local-io-error' && isHelperStuck ? null : 0);
  lab.disk(node).fail('error');
  await lab.write('node1', 4, 'hits the error', 3_000);
  await lab.write('node1', 5, 'after the error', 3_000);
}

async function dualPrimary(lab: Lab): Promise<void> {
  await lab.synced();
  await lab.ok('node2', 'primary');
}

async function dualCut(lab: Lab): Promise<void> {
  await dualPrimary(lab);
  lab.device('node1').open();
  lab.policy = (node, event) => (event === 'fence-peer' ? (node === 'node1' ? 4 : null) : 0);
  lab.cut();
  await lab.time.pass(5_000);
  await lab.write('node1', 1, 'survivor');
  lab.heal();
  await lab.time.pass(5_000);
}

async function rebooted(lab: Lab, node: NodeName): Promise<void> {
  lab.kill(node);
  await lab.ok(node, 'up');
}

export const RECORDED_STATES: readonly RecordedState[] = [
  { name: 'connected-secondary-secondary-inconsistent', node: 'node1', reach: (lab) => lab.fresh() },
  { name: 'connected-primary', node: 'node1', reach: (lab) => lab.synced() },
  { name: 'connected-secondary-of-primary', node: 'node2', reach: (lab) => lab.synced() },
  { name: 'connected-secondary-secondary', node: 'node1', reach: async (lab) => {
    await lab.synced();
    await lab.ok('node1', 'secondary');
  } },
  { name: 'sync-source-primary', node: 'node1', options: slow, reach: syncing },
  { name: 'sync-target-secondary', node: 'node2', options: slow, reach: syncing },
  ...(['paused-sync-source', 'paused-sync-target'] as const).map((name): RecordedState => ({
    name, node: name === 'paused-sync-source' ? 'node1' : 'node2', options: slow, reach: async (lab) => {
      await syncing(lab);
      await lab.ok('node2', 'pause-sync');
      await lab.time.pass(500);
    },
  })),
  ...(['verify-source', 'verify-target'] as const).map((name): RecordedState => ({
    name, node: name === 'verify-source' ? 'node1' : 'node2', options: { disk: 'c-plan-ahead 0; resync-rate 16M;' }, reach: async (lab) => {
      await lab.synced();
      await lab.time.pass(5_000);
      await lab.ok('node1', 'verify');
      await lab.time.pass(500);
    },
  })),
  ...(['standalone-inconsistent', 'wfconnection-primary-peer-inconsistent'] as const).map((name): RecordedState => ({
    name, node: name === 'standalone-inconsistent' ? 'node2' : 'node1', options: slow, reach: async (lab) => {
      await syncing(lab);
      await lab.ok('node2', 'disconnect');
      await lab.time.pass(500);
    },
  })),
  ...(['standalone-secondary-outdated', 'wfconnection-primary-peer-outdated-after-graceful'] as const).map((name): RecordedState => ({
    name, node: name === 'standalone-secondary-outdated' ? 'node2' : 'node1', reach: async (lab) => {
      await lab.synced();
      await lab.write('node1', 1, 'before');
      await lab.ok('node2', 'disconnect');
      await lab.write('node1', 2, 'alone');
    },
  })),
  { name: 'standalone-secondary-uptodate-after-force', node: 'node2', reach: async (lab) => {
    await lab.synced();
    lab.policy = fencing(null);
    await lab.ok('node2', 'disconnect', '--force');
  } },
  { name: 'wfconnection-secondary-uptodate-peer-unknown', node: 'node2', reach: async (lab) => {
    await lab.synced();
    lab.kill('node1');
    await lab.time.pass(5_000);
  } },
  { name: 'wfconnection-secondary-outdated', node: 'node2', reach: async (lab) => {
    await lab.synced();
    lab.kill('node1');
    await lab.time.pass(5_000);
    lab.policy = fencing(6);
    await lab.adm('node2', 'primary');
  } },
  { name: 'wfconnection-primary-peer-outdated', node: 'node2', reach: async (lab) => {
    await lab.synced();
    lab.kill('node1');
    await lab.time.pass(5_000);
    lab.policy = fencing(5);
    await lab.ok('node2', 'primary');
  } },
  { name: 'wfconnection-secondary-uptodate-peer-outdated', node: 'node2', reach: async (lab) => {
    await lab.synced();
    lab.kill('node1');
    await lab.time.pass(5_000);
    lab.policy = fencing(5);
    await lab.ok('node2', 'primary');
    await lab.ok('node2', 'secondary');
  } },
  { name: 'suspended-fencing-handler-running-primary', node: 'node1', reach: (lab) => frozen(lab, null) },
  { name: 'suspended-fencing-handler-exit1-primary', node: 'node1', reach: (lab) => frozen(lab, 1) },
  { name: 'suspended-fencing-handler-exit6-primary', node: 'node1', reach: (lab) => frozen(lab, 6) },
  { name: 'suspended-user-and-fencing-primary', node: 'node1', reach: async (lab) => {
    await frozen(lab, null);
    await lab.ok('node1', 'suspend-io');
  } },
  { name: 'frozen-detached-forced-primary', node: 'node1', reach: async (lab) => {
    await frozen(lab, null);
    await lab.ok('node1', 'suspend-io');
    await lab.ok('node1', 'detach', '--force');
  } },
  ...([3, 5, 7] as const).map((exitCode): RecordedState => ({ name: `after-handler-exit-${exitCode}-primary`, node: 'node1', reach: (lab) => frozen(lab, exitCode) })),
  { name: 'disk-failed-primary', node: 'node1', reach: (lab) => diskErrorOn(lab, 'node1', true) },
  { name: 'disk-failed-secondary', node: 'node2', reach: (lab) => diskErrorOn(lab, 'node2', true) },
  { name: 'peer-disk-failed-primary', node: 'node1', reach: (lab) => diskErrorOn(lab, 'node2', true) },
  { name: 'diskless-primary-after-io-error', node: 'node1', reach: (lab) => diskErrorOn(lab, 'node1', false) },
  { name: 'diskless-secondary', node: 'node2', reach: (lab) => diskErrorOn(lab, 'node2', false) },
  { name: 'suspended-no-data-primary', node: 'node1', reach: async (lab) => {
    await diskErrorOn(lab, 'node1', false);
    lab.cut();
    await lab.write('node1', 6, 'no data', 5_000);
  } },
  ...(['diskless-primary', 'peer-diskless-secondary'] as const).map((name): RecordedState => ({
    name, node: name === 'diskless-primary' ? 'node1' : 'node2', reach: async (lab) => {
      await lab.synced();
      await lab.ok('node1', 'detach');
      await lab.write('node1', 6, 'to the peer alone');
    },
  })),
  { name: 'takeover-new-primary-standalone', node: 'node2', reach: takeOver },
  { name: 'new-primary-after-refused-reconnect-node2', node: 'node2', reach: refusedReconnect },
  { name: 'frozen-old-primary-refused-node1', node: 'node1', reach: refusedReconnect },
  { name: 'after-reboot-consistent', node: 'node1', reach: async (lab) => {
    await lab.synced();
    await lab.ok('node1', 'secondary');
    lab.cut();
    lab.kill('node2');
    lab.kill('node1');
    await lab.ok('node1', 'up');
  } },
  { name: 'after-reboot-uptodate-peer-outdated', node: 'node2', reach: async (lab) => {
    await lab.synced();
    await lab.ok('node1', 'secondary');
    lab.cut();
    await lab.time.pass(5_000);
    lab.policy = fencing(5);
    await lab.ok('node2', 'primary');
    await lab.write('node2', 1, 'alone');
    await rebooted(lab, 'node2');
  } },
  { name: 'after-attach-dont-care-stale-uptodate', node: 'node2', options: { disk: 'fencing dont-care;' }, reach: async (lab) => {
    await lab.synced();
    lab.cut();
    await rebooted(lab, 'node2');
  } },
  { name: 'standalone-split-brain-node1', node: 'node1', reach: splitBrain },
  { name: 'split-brain-node2', node: 'node2', reach: splitBrain },
  { name: 'dual-primary-connected', node: 'node1', options: two, reach: dualPrimary },
  { name: 'dual-primary-cut-survivor', node: 'node1', options: two, reach: dualCut },
  { name: 'dual-primary-cut-suspended', node: 'node2', options: two, reach: dualCut },
  { name: 'standalone-split-brain-dual-primary', node: 'node1', options: two, reach: async (lab) => {
    await dualPrimary(lab);
    lab.policy = fencing(5);
    lab.cut();
    await lab.time.pass(5_000);
    await lab.write('node1', 1, 'one');
    await lab.write('node2', 1, 'two');
    lab.heal();
    await lab.time.pass(5_000);
  } },
  ...(['node1', 'node2'] as const).map((node): RecordedState => ({
    name: `secret-mismatch-${node}`, node, reach: async (lab) => {
      await lab.synced();
      await lab.ok('node1', 'secondary');
      await lab.ok('node2', 'disconnect');
      lab.files.set('node2', (lab.files.get('node2') ?? '').replace('epoch1-secret', 'epoch2-secret'));
      await lab.ok('node2', 'connect');
      await lab.time.pass(3_000);
    },
  })),
  { name: 'connected-after-clear-bitmap-trap', node: 'node1', reach: async (lab) => {
    await lab.fresh();
    await lab.ok('node1', 'new-current-uuid', '--clear-bitmap');
    await lab.time.pass(500);
  } },
];
