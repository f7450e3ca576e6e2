/**
 * Which domains does Xen have? The text of `xl list` (which alone shows zombies), the JSON of `xl list -l`, and our tags.
 */
import { ClusterError } from '../../../shared/errors.ts';
import type { DomainTag } from './build-commands.ts';

/** One row of `xl list`. A zombie's name is `(null)`: its domain is gone but for requests that have not ended. */
export interface ListedDomain {
  readonly domainId: number;
  readonly name: string;
  readonly memoryMiB: number;
  readonly vcpus: number;
  readonly isRunning: boolean;
  readonly isBlocked: boolean;
  readonly isPaused: boolean;
  readonly isShutDown: boolean;
  readonly isCrashed: boolean;
  readonly isDying: boolean;
}

const ROW = /^(\S.*?)\s+(\d+)\s+(\d+)\s+(\d+)\s+([r-][b-][p-][s-][c-][d-])\s+\d+\.\d+\s*$/;

/** Reads `xl list`, the control domain included. Throws ClusterError `UnreadableOutput`. */
export function parseList(text: string): readonly ListedDomain[] {
  const [header, ...lines] = text.split('\n');
  if (header === undefined || !/^Name\s+ID\s+Mem\s+VCPUs\s+State\s+Time\(s\)/.test(header)) throw unreadable('xl list', header ?? '');
  return lines.filter((line) => line !== '').map((line) => {
    const match = ROW.exec(line);
    const [, name, id, memory, vcpus, state] = match ?? [];
    if (name === undefined || state === undefined) throw unreadable('xl list', line);
    return {
      domainId: Number(id), name, memoryMiB: Number(memory), vcpus: Number(vcpus),
      isRunning: state[0] === 'r', isBlocked: state[1] === 'b', isPaused: state[2] === 'p', isShutDown: state[3] === 's', isCrashed: state[4] === 'c', isDying: state[5] === 'd',
    };
  });
}

/** One domain of `xl list -l`. */
export interface DetailedDomain {
  readonly domainId: number;
  readonly name: string;
  readonly uuid: string | null;
  readonly kind: string;
  readonly memoryMiB: number;
  readonly memoryMiBMax: number;
  readonly diskPaths: readonly string[];
  readonly macAddresses: readonly string[];
}

/** Reads `xl list -l`, the control domain included (zombies are not in it). Throws ClusterError `UnreadableOutput`. */
export function parseLongList(text: string): readonly DetailedDomain[] {
  const list = parseJson(text);
  if (!Array.isArray(list)) throw unreadable('xl list -l', text);
  return (list as unknown[]).map((item) => {
    const config = field(item, 'config');
    const created = field(config, 'c_info');
    const built = field(config, 'b_info');
    const domainId = field(item, 'domid');
    const name = field(created, 'name');
    if (typeof domainId !== 'number' || typeof name !== 'string') throw unreadable('xl list -l', JSON.stringify(item));
    const uuid = field(created, 'uuid');
    return {
      domainId, name, uuid: typeof uuid === 'string' ? uuid : null, kind: String(field(created, 'type')),
      memoryMiB: Math.round(Number(field(built, 'target_memkb') ?? 0) / 1024), memoryMiBMax: Math.round(Number(field(built, 'max_memkb') ?? 0) / 1024),
      diskPaths: texts(field(config, 'disks'), 'pdev_path'), macAddresses: texts(field(config, 'nics'), 'mac'),
    };
  });
}

/** Reads the tag that the agent wrote, null when it is not one. */
export function parseTag(text: string): DomainTag | null {
  const match = /^(i-[0-9a-f]{17}) (\d{1,15}) ([0-9a-f-]{36})\n?$/.exec(text);
  return match === null ? null : { instance: match[1] ?? '', generation: Number(match[2]), bootId: match[3] ?? '' };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
}

function texts(list: unknown, name: string): readonly string[] {
  if (!Array.isArray(list)) return [];
  return (list as unknown[]).map((item) => field(item, name)).filter((text) => typeof text === 'string');
}

function unreadable(program: string, text: string): ClusterError {
  return new ClusterError('UnreadableOutput', `${program} printed what nobody expected: ${JSON.stringify(text.slice(0, 120))}`, { retryable: true });
}
