/**
 * What does the agent do with domains? Create paused and tagged, unpause, shut down, destroy, list: one program after the other.
 *
 * Exit 0 of `xl destroy` is no proof that a domain's I/O has ended (LAB.md: a zombie remains while DRBD is frozen), so
 * destruction is believed only when `xl list` shows nothing of the domain any more.
 */
import type { DomainSpec, ObservedDomain } from '../../../shared/model/domain.ts';
import { ClusterError } from '../../../shared/errors.ts';
import { isInstanceId, parseBootId, parseInstanceId } from '../../../shared/ids.ts';
import type { BootId, InstanceId } from '../../../shared/ids.ts';
import type { Files, Runner, RunResult } from '../../../shared/world.ts';
import { buildConsoleTail, buildCreatePaused, buildDestroy, buildDomainId, buildInfo, buildList, buildReadOwner, buildReadTag, buildShutdown, buildUnpause, buildWriteTag } from './build-commands.ts';
import { buildDomainConfig } from './build-domain-config.ts';
import { parseInfo } from './parse-info.ts';
import type { XenInfo } from './parse-info.ts';
import { parseList, parseTag } from './parse-list.ts';
import type { ListedDomain } from './parse-list.ts';

/** Programs that only read. */
const QUERY_TIMEOUT_MS = 5_000;
const CREATE_TIMEOUT_MS = 60_000;
/** libxl itself gives up after 10 to 12 s. */
const DESTROY_TIMEOUT_MS = 30_000;
const CONSOLE_BYTES_MAX = 64 * 1024;

/** How domains boot here, and what they are plugged into. */
export interface XenOptions {
  readonly runner: Runner;
  readonly files: Files;
  readonly bootId: string;
  readonly bridge: string;
  /** Boot files of PV and PVH domains; null: pygrub reads them from the guest's disk. */
  readonly kernel: string | null;
  readonly ramdisk: string | null;
  readonly commandLine: string;
}

/** What the room and an installed node offer: the kernel lies on the node, as in the lab. */
export const XEN_DEFAULTS = { bridge: 'xenbr0', kernel: '/boot/vmlinuz-domu', ramdisk: '/boot/initrd-domu', commandLine: 'root=/dev/xvda ro console=hvc0' } as const;

/** Domains of this node. Methods reject with ClusterError; each may be called again after any failure. */
export class Xen {
  readonly #options: XenOptions;
  /** Tags never change, and Xen never gives a number twice in one boot. */
  readonly #tags = new Map<number, { readonly generation: number; readonly bootId: BootId }>();
  readonly #owners = new Map<number, InstanceId>();

  constructor(options: XenOptions) {
    this.#options = options;
  }

  async info(): Promise<XenInfo> {
    return parseInfo((await this.#succeed(buildInfo(), QUERY_TIMEOUT_MS)).stdout);
  }

  /** Memory of all domains but the control domain, MiB. */
  async domainMemoryMiB(): Promise<number> {
    const rows = await this.#list();
    return rows.reduce((sum, { domainId, memoryMiB }) => sum + (domainId === 0 ? 0 : memoryMiB), 0);
  }

  /** All domains of instances. A zombie is listed only while nothing newer of its instance is there. Rejects when it cannot be known whose a domain is. */
  async list(): Promise<ReadonlyMap<InstanceId, ObservedDomain>> {
    const rows = (await this.#list()).filter(({ domainId }) => domainId !== 0);
    this.#forgetAllBut(new Set(rows.map(({ domainId }) => domainId)));
    const domains = new Map<InstanceId, ObservedDomain>();
    for (const row of rows) {
      const instance = isInstanceId(row.name) ? row.name : await this.#ownerOf(row);
      if (instance === null) continue;
      this.#owners.set(row.domainId, instance);
      const isGone = row.isDying || !isInstanceId(row.name);
      if (isGone && domains.has(instance)) continue;
      const tag = isGone ? null : await this.#tagOf(row.domainId);
      domains.set(instance, { instance, domainId: row.domainId, state: stateOf(row, isGone, tag !== null), generation: tag?.generation ?? null, bootId: tag?.bootId ?? null });
    }
    return domains;
  }

  /** Makes a domain, paused, and tags it. Codes: `XenNoMemory`, `XenDomainExists`, `XenDiskRefused`, `XenCreateFailed`. */
  async create(request: DomainSpec): Promise<void> {
    const { files, bootId, bridge, kernel, ramdisk, commandLine } = this.#options;
    const { instance } = request;
    const text = buildDomainConfig({
      name: instance, kind: request.kind, memoryMiB: request.memoryMiB, vcpus: request.vcpus, macAddress: request.macAddress, bridge, kernel, ramdisk, commandLine,
      disks: request.disks.map(({ device, minor }) => ({ device, path: `/dev/drbd${minor}` })),
    });
    const path = `xen/${instance}.cfg`;
    await files.writeDurably(path, text);
    const result = await this.#run(buildCreatePaused(files.absolute(path)), CREATE_TIMEOUT_MS);
    if (result.exitCode !== 0) throw createError(instance, result);
    const domainId = Number((await this.#succeed(buildDomainId(instance), QUERY_TIMEOUT_MS)).stdout.trim());
    if (!Number.isSafeInteger(domainId) || domainId <= 0) throw new ClusterError('XenCreateFailed', `xl gave no number for domain ${instance}`, { retryable: true });
    await this.#succeed(buildWriteTag(domainId, { instance, generation: request.generation, bootId }), QUERY_TIMEOUT_MS);
    this.#owners.set(domainId, instance);
  }

  async unpause(instance: InstanceId): Promise<void> {
    await this.#succeed(buildUnpause(instance), QUERY_TIMEOUT_MS);
  }

  /** Asks the guest to end; one that is not there needs no asking. */
  async shutdown(instance: InstanceId): Promise<void> {
    const result = await this.#run(buildShutdown(instance), QUERY_TIMEOUT_MS);
    if (result.exitCode !== 0 && !isMissing(result)) throw failure(`could not shut down ${instance}`, result);
  }

  /** Takes the domain down and makes sure. Code `XenDomainLingers` (retryable): it does not execute any more, but its I/O has not ended. */
  async destroy(instance: InstanceId): Promise<void> {
    const result = await this.#run(buildDestroy(instance), DESTROY_TIMEOUT_MS);
    if (result.exitCode !== 0 && !isMissing(result)) throw failure(`could not destroy ${instance}`, result);
    const left = (await this.list()).get(instance);
    if (left === undefined) {
      await this.#options.files.remove(`xen/${instance}.cfg`);
      return;
    }
    throw new ClusterError('XenDomainLingers', `domain ${left.domainId} of ${instance} is still there (${left.state}) after xl destroy`, { retryable: true });
  }

  /** The end of what the guest printed; empty when it never ran here. */
  async console(instance: InstanceId, bytesMax: number): Promise<string> {
    const result = await this.#run(buildConsoleTail(instance, Math.max(1, Math.min(bytesMax, CONSOLE_BYTES_MAX))), QUERY_TIMEOUT_MS);
    if (result.exitCode === 0) return result.stdout;
    if (result.stderr.includes('No such file')) return '';
    throw failure(`could not read the console of ${instance}`, result);
  }

  async #list(): Promise<readonly ListedDomain[]> {
    return parseList((await this.#succeed(buildList(), QUERY_TIMEOUT_MS)).stdout);
  }

  async #tagOf(domainId: number): Promise<{ readonly generation: number; readonly bootId: BootId } | null> {
    const known = this.#tags.get(domainId);
    if (known !== undefined) return known;
    const text = await this.#readStore(buildReadTag(domainId));
    const tag = text === null ? null : parseTag(text);
    if (tag === null) return null;
    const read = { generation: tag.generation, bootId: parseBootId(tag.bootId) };
    this.#tags.set(domainId, read);
    return read;
  }

  /** Whose zombie this is: remembered, or as written when it was made. Null: a domain that was never ours. */
  async #ownerOf({ domainId }: ListedDomain): Promise<InstanceId | null> {
    const known = this.#owners.get(domainId);
    if (known !== undefined) return known;
    const owner = await this.#readStore(buildReadOwner(domainId));
    return owner !== null && isInstanceId(owner) ? parseInstanceId(owner) : null;
  }

  /**
   * What stands at the path, null: nothing does. A store that does not answer says neither: what a domain is must never be guessed, or one
   * that runs rightly is taken for a stranger and destroyed.
   */
  async #readStore(argv: readonly string[]): Promise<string | null> {
    const result = await this.#run(argv, QUERY_TIMEOUT_MS);
    const [anchor = '', ...lines] = result.stdout.split('\n');
    if (result.exitCode === 0 && lines.length === 2) return lines[0] ?? null;
    if (result.exitCode === 1 && anchor !== '' && lines.join('') === '' && result.stderr.includes(`couldn't read path ${argv.at(-1) ?? ''}`)) return null;
    throw failure(`${argv.join(' ')} failed`, result);
  }

  #forgetAllBut(domainIds: ReadonlySet<number>): void {
    for (const map of [this.#tags, this.#owners]) for (const domainId of map.keys()) if (!domainIds.has(domainId)) map.delete(domainId);
  }

  async #run(argv: readonly string[], timeoutMs: number): Promise<RunResult> {
    return await this.#options.runner.run(argv, { timeoutMs });
  }

  async #succeed(argv: readonly string[], timeoutMs: number): Promise<RunResult> {
    const result = await this.#run(argv, timeoutMs);
    if (result.exitCode !== 0) throw failure(`${argv.slice(0, 3).join(' ')} failed`, result);
    return result;
  }
}

function stateOf(row: ListedDomain, isGone: boolean, isTagged: boolean): ObservedDomain['state'] {
  if (isGone) return 'gone';
  if (row.isCrashed) return 'crashed';
  if (row.isShutDown) return 'shutdown';
  if (row.isPaused) return isTagged ? 'paused' : 'building';
  return 'running';
}

function isMissing(result: RunResult): boolean {
  return result.exitCode === 1 && result.stderr.includes('is an invalid domain identifier');
}

function createError(instance: InstanceId, result: RunResult): ClusterError {
  const { stderr } = result;
  const code = /Cannot allocate memory|Out of memory/.test(stderr) ? 'XenNoMemory'
    : /Domain with name ".*" already exists/.test(stderr) ? 'XenDomainExists'
      : /failed to stat|unable to add disk devices|unable to add device with path .*\/vbd\//.test(stderr) ? 'XenDiskRefused' : 'XenCreateFailed';
  return new ClusterError(code, `could not create the domain of ${instance}: exit ${result.exitCode}: ${firstErrors(stderr)}`, { retryable: true });
}

function failure(what: string, result: RunResult): ClusterError {
  return new ClusterError('XenCommandFailed', `${what}: exit ${result.exitCode}: ${firstErrors(result.stderr)}`, { retryable: true });
}

/** The first lines say what went wrong, the others what followed from it. */
function firstErrors(stderr: string): string {
  return stderr.split('\n').filter((line) => line !== '' && !line.startsWith('Parsing config')).slice(0, 2).join(' | ').slice(0, 400);
}
