/**
 * What does `drbdsetup events2` print? The initial state of resources, and a line per object for every notice after.
 *
 * Keys and their order as drbd-utils 9.22 prints them for the 8.4 module (test/fixtures/drbd, events2-*).
 */
import { unreachable } from '../../../../shared/errors.ts';
import { deviceFigures, deviceSwitches, peerDeviceFigures } from './print-state.ts';
import type { Notice, Resource } from './resource.ts';
import { connectionName9, diskName, isSuspended, replicationName9, resyncSuspendedName, roleName, suspendedName } from './states.ts';
import type { State } from './states.ts';

type Pair = readonly [string, string];

const join = (pairs: readonly Pair[]): string => pairs.map(([key, text]) => ` ${key}:${text}`).join('');

/** Once the network configuration is gone, the connection has no name any more. */
const connectionKey = (resource: Resource): Pair[] => [
  ['name', resource.name], ['peer-node-id', '0'], ...(resource.net === null ? [] : [['conn-name', 'peer'] as const]),
];

const resourceInfo = (state: State): Pair[] => [['role', roleName(state.role)], ['suspended', suspendedName(state)]];
const connectionInfo = (state: State): Pair[] => [['connection', connectionName9(state.conn)], ['role', roleName(state.peer)]];
const deviceInfo = (state: State): Pair[] => [['disk', diskName(state.disk)]];
const peerDeviceInfo = (state: State): Pair[] => [
  ['replication', replicationName9(state.conn)], ['peer-disk', diskName(state.pdsk)], ['resync-suspended', resyncSuspendedName(state)],
];

/** The `exists` (or `create`) lines of one resource. */
export function stateLines(resource: Resource, action: 'exists' | 'create', hasStatistics: boolean): string[] {
  const { state } = resource;
  const extra = (pairs: readonly Pair[]): readonly Pair[] => (hasStatistics ? pairs : []);
  return [
    `${action} resource${join([['name', resource.name], ...resourceInfo(state), ...extra([['write-ordering', 'flush']])])}`,
    `${action} connection${join([...connectionKey(resource), ...connectionInfo(state), ...extra([['congested', 'no']])])}`,
    `${action} device${join([...deviceKey(resource), ...deviceInfo(state), ...extra([...deviceFigures(resource), ...deviceSwitches(resource)])])}`,
    `${action} peer-device${join([...connectionKey(resource), ['volume', '0'], ...peerDeviceInfo(state), ...extra(peerDeviceFigures(resource))])}`,
  ];
}

const deviceKey = (resource: Resource): Pair[] => [['name', resource.name], ['volume', '0'], ['minor', String(resource.minor)]];

const changedPairs = (before: readonly Pair[], after: readonly Pair[]): Pair[] => after.filter(([, text], at) => before[at]?.[1] !== text);

/** The lines of one notice. `wasBlocked`: what the reader was last told of `blocked`. */
export function noticeLines(resource: Resource, notice: Notice, hasStatistics: boolean, wasBlocked: boolean): string[] {
  switch (notice.kind) {
    case 'changed': return changeLines(resource, notice.before, notice.after, hasStatistics, wasBlocked);
    case 'created': return stateLines(resource, 'create', hasStatistics);
    case 'connectionCreated': {
      const lines = stateLines(resource, 'create', hasStatistics);
      return lines.filter((line) => / (?:connection|peer-device) /.test(line));
    }
    case 'connectionDestroyed': return connectionDestroyLines(resource);
    case 'destroyed': return [
      ...connectionDestroyLines(resource), `destroy device${join(deviceKey(resource))}`, `destroy resource${join([['name', resource.name]])}`,
    ];
    case 'helperCalled': return [`call helper${join(helperKey(resource, notice.perDevice))} helper:${notice.helper}`];
    case 'helperAnswered': return [`response helper${join(helperKey(resource, notice.perDevice))} helper:${notice.helper} status:${notice.status}`];
    default: return unreachable(notice);
  }
}

function connectionDestroyLines(resource: Resource): string[] {
  return [`destroy peer-device${join([...connectionKey(resource), ['volume', '0']])}`, `destroy connection${join(connectionKey(resource))}`];
}

function helperKey(resource: Resource, perDevice: boolean): Pair[] {
  return perDevice ? [...connectionKey(resource), ['volume', '0'], ['minor', String(resource.minor)]] : connectionKey(resource);
}

function changeLines(resource: Resource, before: State, after: State, hasStatistics: boolean, wasBlocked: boolean): string[] {
  const lines: string[] = [];
  const resourceChange = changedPairs(resourceInfo(before), resourceInfo(after));
  if (resourceChange.length > 0) lines.push(`change resource${join([['name', resource.name], ...resourceChange])}`);
  const connectionChange = changedPairs(connectionInfo(before), connectionInfo(after));
  if (connectionChange.length > 0) lines.push(`change connection${join([...connectionKey(resource), ...connectionChange])}`);
  const deviceChange = changedPairs(deviceInfo(before), deviceInfo(after));
  if (deviceChange.length > 0) {
    const switches = isSuspended(after) === wasBlocked ? [] : deviceSwitches(resource).filter(([key]) => key === 'blocked');
    lines.push(`change device${join([...deviceKey(resource), ...deviceChange, ...(hasStatistics ? [...deviceFigures(resource), ...switches] : [])])}`);
  }
  const peerChange = changedPairs(peerDeviceInfo(before), peerDeviceInfo(after));
  if (peerChange.length > 0) {
    lines.push(`change peer-device${join([...connectionKey(resource), ['volume', '0'], ...peerChange, ...(hasStatistics ? peerDeviceFigures(resource) : [])])}`);
  }
  return lines;
}

