/**
 * Which domains does Xen have? The text of `xl list` (which alone shows zombies; the JSON of `xl list -l` does not), and our tags.
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

/** Reads the tag that the agent wrote, null when it is not one. */
export function parseTag(text: string): DomainTag | null {
  const match = /^(i-[0-9a-f]{17}) (\d{1,15}) ([0-9a-f-]{36})\n?$/.exec(text);
  return match === null ? null : { instance: match[1] ?? '', generation: Number(match[2]), bootId: match[3] ?? '' };
}

function unreadable(program: string, text: string): ClusterError {
  return new ClusterError('UnreadableOutput', `${program} printed what nobody expected: ${JSON.stringify(text.slice(0, 120))}`, { retryable: true });
}
