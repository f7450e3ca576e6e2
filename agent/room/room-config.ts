/**
 * What is the room's process told when it starts? One JSON file; every problem in it is named with its path.
 *
 *     {
 *       "directory": "/…/.ves",                the room serves DIRECTORY/room.sock and keeps its journal in DIRECTORY/room
 *       "nodes": [{ "id": "node-1", "directories": ["/…/nodes/node-1", "/…/images"], "helperSocket": "/…/drbd.sock",
 *                   "memoryMiB": 16384, "vcpus": 8, …, "bmc": { "address", "username", "password" } | null }],
 *       "timings": { "bootMs": 3000, … }       optional, like everything of a node but id, directories and helperSocket
 *     }
 */
import { isAbsolute } from 'node:path';
import { ClusterError } from '../../shared/errors.ts';
import { parseNodeId } from '../../shared/ids.ts';
import { isJsonObject } from '../../shared/json.ts';
import type { JsonObject } from '../../shared/json.ts';
import { nodeSpec, ROOM_TIMINGS } from './model/config.ts';
import type { BmcSpec, NodeSpec, RoomConfig, RoomTimings } from './model/config.ts';

/** What stands around the model. */
export interface RoomProcessConfig {
  readonly directory: string;
  readonly room: RoomConfig;
  /** Directories that each node may read, absolute. */
  readonly directories: ReadonlyMap<string, readonly string[]>;
  /** Where each node's agent serves DRBD's helper. */
  readonly helperSockets: ReadonlyMap<string, string>;
}

/** A room has at most so many nodes. */
const NODES_MAX = 64;

/** Reads the configuration. Throws ClusterError `InvalidConfig` that names every problem. */
export function parseRoomConfig(value: unknown): RoomProcessConfig {
  const problems: string[] = [];
  const problem = (path: string, what: string): void => void problems.push(`${path}: ${what}`);
  const root = strict(value, 'file', ['directory', 'nodes', 'timings'], problem);
  const directory = absolute(root['directory'], 'directory', problem);
  const list = Array.isArray(root['nodes']) ? (root['nodes'] as unknown[]) : [];
  if (list.length < 1 || list.length > NODES_MAX) problem('nodes', `must be a list of 1 to ${NODES_MAX} nodes`);
  const directories = new Map<string, readonly string[]>();
  const helperSockets = new Map<string, string>();
  const nodes = list.map((item, at) => {
    const path = `nodes[${at}]`;
    const node = strict(item, path, NODE_KEYS, problem);
    const spec = readNode(node, path, problem);
    if (directories.has(spec.id)) problem(`${path}.id`, 'is there twice');
    const own = Array.isArray(node['directories']) ? (node['directories'] as unknown[]) : [];
    directories.set(spec.id, own.map((each, index) => absolute(each, `${path}.directories[${index}]`, problem)));
    helperSockets.set(spec.id, absolute(node['helperSocket'], `${path}.helperSocket`, problem));
    return spec;
  });
  const timings = readTimings(root['timings'] ?? {}, problem);
  if (problems.length > 0) throw new ClusterError('InvalidConfig', `the room's configuration is wrong: ${problems.join('; ')}`, { retryable: false });
  return { directory, room: { nodes, timings }, directories, helperSockets };
}

type Problem = (path: string, what: string) => void;

const NODE_KEYS = ['id', 'directories', 'helperSocket', 'memoryMiB', 'controlMemoryMiB', 'vcpus', 'volumeGroup', 'volumeGroupBytes', 'bridges', 'bmc'];

function strict(value: unknown, path: string, keys: readonly string[], problem: Problem): JsonObject {
  if (!isJsonObject(value)) {
    problem(path, 'must be an object');
    return {};
  }
  for (const key of Object.keys(value)) if (!keys.includes(key)) problem(`${path}.${key}`, 'is not known');
  return value;
}

function absolute(value: unknown, path: string, problem: Problem): string {
  if (typeof value === 'string' && isAbsolute(value) && value.length <= 4096) return value;
  problem(path, 'must be an absolute path');
  return '/';
}

function readNode(node: JsonObject, path: string, problem: Problem): NodeSpec {
  let id = '';
  try {
    id = parseNodeId(String(node['id']));
  } catch {
    problem(`${path}.id`, 'must be a node id');
  }
  const number = (key: string): Record<string, number> => {
    const value = node[key];
    if (value === undefined) return {};
    if (typeof value === 'number' && Number.isSafeInteger(value) && value > 0) return { [key]: value };
    problem(`${path}.${key}`, 'must be a positive whole number');
    return {};
  };
  const group = node['volumeGroup'];
  if (group !== undefined && (typeof group !== 'string' || !/^[A-Za-z0-9_.+][A-Za-z0-9_.+-]{0,60}$/.test(group))) problem(`${path}.volumeGroup`, 'must be a name');
  const bridges = node['bridges'];
  if (bridges !== undefined && !(Array.isArray(bridges) && bridges.every((bridge) => typeof bridge === 'string'))) problem(`${path}.bridges`, 'must be a list of names');
  return nodeSpec(id, {
    ...number('memoryMiB'), ...number('controlMemoryMiB'), ...number('vcpus'), ...number('volumeGroupBytes'),
    ...(typeof group === 'string' ? { volumeGroup: group } : {}),
    ...(Array.isArray(bridges) ? { bridges: bridges.map(String) } : {}),
    ...(isJsonObject(node['bmc']) ? { bmc: readBmc(node['bmc'], `${path}.bmc`, problem) } : {}),
  });
}

function readBmc(value: unknown, path: string, problem: Problem): BmcSpec {
  const bmc = strict(value, path, ['address', 'username', 'password'], problem);
  for (const key of ['address', 'username', 'password']) if (typeof bmc[key] !== 'string' || bmc[key] === '') problem(`${path}.${key}`, 'must be a text');
  return { address: String(bmc['address']), username: String(bmc['username']), password: String(bmc['password']) };
}

function readTimings(value: unknown, problem: Problem): RoomTimings {
  const given = strict(value, 'timings', Object.keys(ROOM_TIMINGS), problem);
  const timings: Record<string, number> = { ...ROOM_TIMINGS };
  for (const [key, duration] of Object.entries(given)) {
    if (typeof duration === 'number' && Number.isFinite(duration) && duration > 0) timings[key] = duration;
    else problem(`timings.${key}`, 'must be a positive number');
  }
  return timings as unknown as RoomTimings;
}
