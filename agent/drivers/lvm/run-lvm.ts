/**
 * What does the agent do with logical volumes? Make, tag, list and remove them, in one volume group.
 */
import { ClusterError } from '../../../shared/errors.ts';
import type { Runner, RunResult } from '../../../shared/world.ts';
import { buildChangeTags, buildCreateVolume, buildListVolumes, buildRemoveVolume, buildShowGroup, volumePath } from './build-commands.ts';
import { parseGroups, parseVolumes } from './parse-report.ts';
import type { ListedVolume, VolumeGroupSize } from './parse-report.ts';

/** LVM waits for its own locks, and for slow disks. */
const TIMEOUT_MS = 20_000;

/** One volume group. Methods reject with ClusterError: `LvmNoSpace`, `LvmVolumeInUse`, `LvmFailed`, or what the runner throws. */
export class Lvm {
  readonly group: string;
  readonly #runner: Runner;

  constructor(runner: Runner, group: string) {
    this.#runner = runner;
    this.group = group;
  }

  pathOf(name: string): string {
    return volumePath(this.group, name);
  }

  async list(): Promise<readonly ListedVolume[]> {
    return parseVolumes((await this.#succeed(buildListVolumes(this.group), 'list the volumes')).stdout);
  }

  async size(): Promise<VolumeGroupSize> {
    const [group] = parseGroups((await this.#succeed(buildShowGroup(this.group), 'measure')).stdout);
    if (group === undefined) throw new ClusterError('LvmFailed', `vgs shows no volume group ${this.group}`, { retryable: false });
    return group;
  }

  /** Makes a volume; one that exists with at least this size is taken as it is, its tags added. */
  async create(name: string, sizeBytes: number, tags: readonly string[]): Promise<void> {
    const result = await this.#run(buildCreateVolume(this.group, name, sizeBytes, tags));
    if (result.exitCode === 0) return;
    if (!result.stderr.includes('already exists')) throw failure(`could not create ${this.group}/${name}`, result);
    const existing = (await this.list()).find((volume) => volume.name === name);
    if (existing === undefined || existing.sizeBytes < sizeBytes) throw failure(`${this.group}/${name} exists with another size`, result);
    const missing = tags.filter((tag) => !existing.tags.includes(tag));
    if (missing.length > 0) await this.changeTags(name, { add: missing });
  }

  async changeTags(name: string, change: { readonly add?: readonly string[]; readonly remove?: readonly string[] }): Promise<void> {
    await this.#succeed(buildChangeTags(this.group, name, change), `tag ${name}`);
  }

  /** Removes a volume; harmless when it is not there. */
  async remove(name: string): Promise<void> {
    const result = await this.#run(buildRemoveVolume(this.group, name));
    if (result.exitCode === 0 || result.stderr.includes('Failed to find logical volume')) return;
    throw failure(`could not remove ${this.group}/${name}`, result);
  }

  async #run(argv: readonly string[]): Promise<RunResult> {
    return await this.#runner.run(argv, { timeoutMs: TIMEOUT_MS });
  }

  async #succeed(argv: readonly string[], what: string): Promise<RunResult> {
    const result = await this.#run(argv);
    if (result.exitCode !== 0) throw failure(`could not ${what} in ${this.group}`, result);
    return result;
  }
}

function failure(what: string, result: RunResult): ClusterError {
  const code = result.stderr.includes('insufficient free space') || result.stderr.includes('Insufficient free space') ? 'LvmNoSpace' : / in use\b/.test(result.stderr) ? 'LvmVolumeInUse' : 'LvmFailed';
  return new ClusterError(code, `${what}: exit ${result.exitCode}: ${result.stderr.trim().split('\n')[0]?.trim() ?? ''}`, { retryable: code !== 'LvmNoSpace' });
}
