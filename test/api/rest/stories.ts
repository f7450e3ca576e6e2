/** What happens in a fake cell, as a story that tests tell with few words. */
import { parseBootId, parseInstanceId, parseMemberId, parseReservationId, parseVolumeId } from '../../../shared/ids.ts';
import type { InstanceId, NodeId } from '../../../shared/ids.ts';
import type { Command } from '../../../shared/ledger/commands.ts';
import type { PlacementRefusal } from '../../../shared/model/instance.ts';
import type { FenceObservation } from '../../../shared/model/node.ts';
import { GIB } from '../../../shared/units.ts';
import { IMAGE } from '../support/fake-cell.ts';
import { NODE_1, NODE_2 } from './support.ts';
import type { ToldCell } from './support.ts';

const hex = (number: number): string => number.toString(16).padStart(17, '0');
export const instanceId = (number: number): InstanceId => parseInstanceId(`i-${hex(number)}`);
export const bootIdOf = (node: NodeId) => parseBootId(`00000000-0000-4000-8000-00000000000${node.slice(5)}`);
export const actorOf = (node: NodeId) => ({ node, bootId: bootIdOf(node) });

/** Commits what must be applied. */
export function run(cell: ToldCell, ...commands: readonly Command[]): void {
  for (const command of commands) {
    const { result } = cell.commit(command);
    if (result.kind === 'rejected') throw new Error(`${command.kind}: ${result.reason}, ${result.message}`);
  }
}

/** An instance that runs on node-1, in sync on node-2. */
export function launch(cell: ToldCell, number: number, environment = 'alice', refused: readonly PlacementRefusal[] = []): InstanceId {
  const instance = instanceId(number);
  const volume = parseVolumeId(`vol-${hex(number)}`);
  run(
    cell,
    {
      kind: 'createInstances', reservation: parseReservationId(`r-${hex(number)}`), environment, clientToken: null, requestHash: 'hash', image: IMAGE, type: 't1.micro',
      vcpus: 1, memoryMiB: 128, diskBytes: GIB, keyName: null, userData: null, tags: { Name: `web-${number}` }, terminationProtected: false, shutdownBehavior: 'stop',
      instances: [{ id: instance, volume, placement: { ...actorOf(NODE_1), standby: NODE_2, refused } }],
    },
    { kind: 'volumeFormatted', actor: actorOf(NODE_1), volume, generation: 1 },
    { kind: 'reportStarted', actor: actorOf(NODE_1), instance, generation: 1 },
    { kind: 'expand', actor: actorOf(NODE_1), volume, generation: 1, expectVersion: 1, replica: NODE_2 },
  );
  return instance;
}

const seen = (what: FenceObservation['what'], afterMs: number, detail = '', by = 'node-2'): FenceObservation => ({
  what, afterMs, by: parseMemberId(by), at: new Date(Date.parse('2026-11-22T11:59:51.000Z') + afterMs).toISOString(), detail,
});

/** How node-1 was proven dead by its lease. */
export const LEASE_STORY: readonly FenceObservation[] = [
  seen('lastRenewal', 0), seen('suspected', 2_000, 'no renewal for 2000 ms'), seen('probeFailed', 2_510, 'agent does not answer, storage unreachable', 'node-3'),
  seen('deadline', 9_000, '9000 ms since its last renewal: lease, watchdog and drift of clocks are over'),
];

/** node-1 dies, which is proven by its lease. */
export function fence(cell: ToldCell, observations: readonly FenceObservation[] = LEASE_STORY): void {
  run(cell, { kind: 'proveFenced', ...actorOf(NODE_1), proof: 'leaseExpired', fenceWaitMs: 9_000, term: 1, leader: parseMemberId('node-2'), observations });
}

/** node-2 takes over what node-1 held. */
export function takeOver(cell: ToldCell, instance: InstanceId, refused: readonly PlacementRefusal[] = []): void {
  run(
    cell,
    { kind: 'takeOver', instance, expectGeneration: 1, from: actorOf(NODE_1), placement: { ...actorOf(NODE_2), standby: null, refused } },
    { kind: 'reportStarted', actor: actorOf(NODE_2), instance, generation: 2 },
  );
}
