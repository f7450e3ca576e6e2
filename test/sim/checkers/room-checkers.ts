/**
 * Did anything run twice, was a record lost, did DRBD come apart? What the simulated room itself shows: S1, S2, S5, S15, L8.
 */
import type { RoomEvent } from '../../../agent/room/model/ports.ts';
import type { NodeId, VolumeId } from '../../../shared/ids.ts';
import type { Checker, Scene } from './checker.ts';

/** S1 SingleRunner, S2 NoLostAck: the room's own observer saw it. */
export function watchObserver({ cell, violate }: Scene): Checker {
  let seen = 0;
  return {
    look: () => {
      const violations = cell.room.observer.violations();
      for (const violation of violations.slice(seen)) violate(`${violation.kind === 'ranTwice' ? 'S1' : 'S2'} ${violation.kind} ${violation.instance}: ${violation.detail}`);
      seen = violations.length;
    },
  };
}

/** S5 NoDivergence: never two primaries, never a split brain. */
export function watchPrimaries({ cell, violate }: Scene): Checker {
  return {
    look: () => {
      const primaries = new Map<string, string>();
      for (const fact of cell.drbd.room?.facts() ?? []) {
        if (fact.role !== 'Primary') continue;
        const other = primaries.get(fact.resource);
        if (other !== undefined) violate(`S5 ${fact.resource} is primary on ${other} and ${fact.node}`);
        primaries.set(fact.resource, fact.node);
      }
      if ((cell.drbd.room?.splitBrains ?? 0) > 0) violate('S5 DRBD reports a split brain');
    },
  };
}

/**
 * S15 EpochSecret: a replica that was replaced never becomes connected (again). Whoever was connected when it was replaced may be so until its peer hears of
 * it; and so long as its peer calls it, that one has not heard.
 */
export function watchRetired({ cell, newest, violate }: Scene): Checker {
  let connectedBefore = new Set<string>();
  let outsideBefore = new Set<string>();
  return {
    look: () => {
      const volumes = newest()?.volumes;
      const connected = new Set<string>();
      const outside = new Set<string>();
      const facts = cell.drbd.room?.facts() ?? [];
      for (const { node, resource, connection, address } of facts) {
        const key = `${resource} on ${node}`;
        const volume = volumes?.get(resource as VolumeId);
        const isOutside = volume !== undefined && !volume.replicas.includes(node as NodeId);
        if (isOutside) outside.add(key);
        if (!isConnected(connection)) continue;
        connected.add(key);
        const isCalled = facts.some((other) => other.resource === resource && other.peerAddress === address);
        if (isOutside && outsideBefore.has(key) && !connectedBefore.has(key) && !isCalled) violate(`S15 ${key} was replaced, and connects`);
      }
      connectedBefore = connected;
      outsideBefore = outside;
    },
  };
}

function isConnected(connection: string): boolean {
  return !['StandAlone', 'Disconnecting', 'Unconnected', 'Timeout', 'BrokenPipe', 'NetworkFailure', 'ProtocolError', 'TearDown', 'WFConnection', 'Connecting', 'WFReportParams'].includes(connection);
}

/** L8 (no false fence): in mild weather no node dies. Nobody else may be the cause: then look is told so. */
export function watchInnocents({ cell, violate }: Scene): (isMild: boolean) => void {
  let last: RoomEvent | undefined;
  return (isMild) => {
    for (let at = cell.events.length - 1; at >= 0; at -= 1) {
      const event = cell.events[at];
      if (event === undefined || event === last) break;
      if (isMild && event.kind === 'died') violate(`L8 ${event.node} died (${event.reason}) without a cause`);
    }
    last = cell.events.at(-1);
  };
}
