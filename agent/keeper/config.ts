/**
 * What must a keeper be told before it can start? Its configuration file, checked by hand: the keeper loads no schema library.
 */
import { ClusterError } from '../../shared/errors.ts';
import { parseBootId, parseCellId, parseNodeId } from '../../shared/ids.ts';
import type { BootId, CellId, NodeId } from '../../shared/ids.ts';
import { isJsonObject } from '../../shared/json.ts';
import type { JsonObject } from '../../shared/json.ts';
import { TIMING_PROFILES } from '../../shared/model/timing.ts';
import type { TimingProfile } from '../../shared/model/timing.ts';

/** Where the watchdog is: in the simulated machine room, or in the machine. */
export type MachineConfig =
  | { readonly kind: 'room'; readonly socket: string; readonly bootId: BootId }
  | { readonly kind: 'real'; readonly watchdog: string };

/** Named as in the agent's configuration (agent/config.ts), where both need the same. */
export interface KeeperConfig {
  readonly cell: CellId;
  readonly clusterUuid: string;
  readonly node: NodeId;
  /** The agent's directory: the keeper keeps the last known voters there. */
  readonly dataDirectory: string;
  /** `host:port` to send renewals from; port 0 lets the kernel choose. */
  readonly leaseListen: string;
  /** Path of the unix socket that the agent connects to. */
  readonly keeperSocket: string;
  /** Figures to go by until the agent names the cell's. */
  readonly profile: TimingProfile['name'];
  readonly machine: MachineConfig;
  /** Standard error without one. */
  readonly logFile?: string;
}

const FIELDS = ['cell', 'clusterUuid', 'node', 'dataDirectory', 'leaseListen', 'keeperSocket', 'profile', 'machine', 'logFile'];

/** Throws ClusterError `InvalidConfig` that names every problem with its path. */
export function parseKeeperConfig(text: string): KeeperConfig {
  const problems: string[] = [];
  const fields = parseObject(text);
  for (const name of Object.keys(fields)) if (!FIELDS.includes(name)) problems.push(`${name}: unknown field`);
  const string = (from: JsonObject, path: string, pattern = /^[\s\S]{1,4096}$/): string => {
    const value = from[path.slice(path.lastIndexOf('.') + 1)];
    if (typeof value === 'string' && pattern.test(value)) return value;
    problems.push(`${path}: ${value === undefined ? 'missing' : `not valid: ${JSON.stringify(value)}`}`);
    return '';
  };
  const id = <Id>(from: JsonObject, path: string, parse: (value: string) => Id): Id => {
    const value = string(from, path);
    if (value === '') return value as Id; // Told already.
    try {
      return parse(value);
    } catch {
      problems.push(`${path}: not valid: ${JSON.stringify(value)}`);
      return value as Id;
    }
  };
  const machineFields = isJsonObject(fields['machine']) ? fields['machine'] : {};
  const machine: MachineConfig =
    string(machineFields, 'machine.kind', /^(room|real)$/) === 'room'
      ? { kind: 'room', socket: string(machineFields, 'machine.socket'), bootId: id(machineFields, 'machine.bootId', parseBootId) }
      : { kind: 'real', watchdog: string(machineFields, 'machine.watchdog', /^\//) };
  const config: KeeperConfig = {
    cell: id(fields, 'cell', parseCellId),
    // A ledger's identity has the same form as a boot's.
    clusterUuid: id(fields, 'clusterUuid', parseBootId),
    node: id(fields, 'node', parseNodeId),
    dataDirectory: string(fields, 'dataDirectory'),
    leaseListen: string(fields, 'leaseListen', /^[^\s]+:[0-9]{1,5}$/),
    keeperSocket: string(fields, 'keeperSocket'),
    profile: string(fields, 'profile', new RegExp(`^(${Object.keys(TIMING_PROFILES).join('|')})$`)) as TimingProfile['name'],
    machine,
    ...(fields['logFile'] === undefined ? {} : { logFile: string(fields, 'logFile') }),
  };
  if (problems.length > 0) throw new ClusterError('InvalidConfig', `the keeper's configuration is not usable: ${[...new Set(problems)].join('; ')}`, { retryable: false });
  return config;
}

function parseObject(text: string): JsonObject {
  try {
    const value: unknown = JSON.parse(text);
    if (isJsonObject(value)) return value;
  } catch {
    // Said below, in one sentence for both.
  }
  throw new ClusterError('InvalidConfig', "the keeper's configuration is not a JSON object", { retryable: false });
}
