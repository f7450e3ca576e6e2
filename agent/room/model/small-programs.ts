/**
 * What do the small programs of a node answer? cat, tail, dd, cmp, sha256sum and modprobe, as far as the agent uses them.
 */
import type { RunResult } from '../../../shared/world.ts';
import { failed, succeeded } from './program.ts';

/** A device that an image can be written to. */
export interface ImageTarget {
  readonly sizeBytes: number;
  writeImage(digest: string): Promise<void>;
  image(): Promise<string | null>;
  close(): void;
}

/** What these programs see of their node. */
export interface SmallFiles {
  /** Text of a small file (also of the simulated ones below /proc and /var/log/xen/console), or null. */
  readFile(path: string): string | null;
  /** Size and sha256 of a file of any size, or null. */
  digestOf(path: string): Promise<{ readonly sizeBytes: number; readonly digest: string } | null>;
  /** Opens a device for writing (or reading): null when it is not there, a message when the kernel refuses. */
  openDevice(path: string, isWriting: boolean): ImageTarget | string | null;
  sleep(delayMs: number): Promise<void>;
  readonly copyBytesPerSecond: number;
}

/** Names of the programs here. */
export const SMALL_PROGRAMS: readonly string[] = ['cat', 'tail', 'dd', 'cmp', 'sha256sum', 'modprobe'];

/** Runs one of them; `argv` begins with its name. */
export async function runSmall(files: SmallFiles, argv: readonly string[]): Promise<RunResult> {
  switch (argv[0]) {
    case 'cat': return cat(files, argv.slice(1));
    case 'tail': return tail(files, argv.slice(1));
    case 'dd': return await dd(files, argv.slice(1));
    case 'cmp': return await cmp(files, argv.slice(1));
    case 'sha256sum': return await sha256sum(files, argv.slice(1));
    case 'modprobe': return modprobe(argv.slice(1));
    default: return failed(127, `${argv[0]}: command not found\n`);
  }
}

function cat(files: SmallFiles, paths: readonly string[]): RunResult {
  let stdout = '';
  for (const path of paths) {
    if (path.startsWith('-')) return failed(1, `cat: invalid option -- '${path.slice(1)}'\n`);
    const text = files.readFile(path);
    if (text === null) return failed(1, `cat: ${path}: No such file or directory\n`, stdout);
    stdout += text;
  }
  return succeeded(stdout);
}

function tail(files: SmallFiles, words: readonly string[]): RunResult {
  const [option = '', count = '', path = ''] = words[0]?.startsWith('-c') === true && words[0].length > 2 ? ['-c', words[0].slice(2), ...words.slice(1)] : words;
  if (option !== '-c' || !/^\d+$/.test(count)) return failed(1, `tail: invalid number of bytes: '${count}'\n`);
  const text = files.readFile(path);
  if (text === null) return failed(1, `tail: cannot open '${path}' for reading: No such file or directory\n`);
  return succeeded(Number(count) === 0 ? '' : text.slice(-Number(count)));
}

const DD_WORDS = /^(if|of|bs|conv|oflag|iflag|status|count)=(.*)$/;

async function dd(files: SmallFiles, words: readonly string[]): Promise<RunResult> {
  const options = new Map<string, string>();
  for (const word of words) {
    const match = DD_WORDS.exec(word);
    if (match?.[1] === undefined || match[2] === undefined) return failed(1, `dd: unrecognized operand '${word}'\nTry 'dd --help' for more information.\n`);
    options.set(match[1], match[2]);
  }
  const input = options.get('if') ?? '';
  const output = options.get('of') ?? '';
  if (options.has('count')) return failed(1, 'dd: the simulated room copies whole images only\n');
  const source = await files.digestOf(input);
  if (source === null) return failed(1, `dd: failed to open '${input}': No such file or directory\n`);
  const target = files.openDevice(output, true);
  if (target === null) return failed(1, `dd: failed to open '${output}': No such file or directory\n`);
  if (typeof target === 'string') return failed(1, `dd: failed to open '${output}': ${target}\n`);
  try {
    if (source.sizeBytes > target.sizeBytes) return failed(1, `dd: error writing '${output}': No space left on device\n`);
    await files.sleep((source.sizeBytes / files.copyBytesPerSecond) * 1000);
    await target.writeImage(source.digest);
    return succeeded('', options.get('status') === 'none' ? '' : `${source.sizeBytes} bytes copied\n`);
  } catch {
    return failed(1, `dd: error writing '${output}': Input/output error\n`);
  } finally {
    target.close();
  }
}

/** `cmp [-s] -n BYTES FILE DEVICE`: whether the first bytes of the device are the file's. */
async function cmp(files: SmallFiles, words: readonly string[]): Promise<RunResult> {
  const isSilent = words.includes('-s');
  const [option = '', count = '', path = '', device = ''] = words.filter((word) => word !== '-s');
  if (option !== '-n' || !/^\d+$/.test(count)) return failed(2, 'cmp: the simulated room compares with -n BYTES FILE DEVICE only\n');
  const source = await files.digestOf(path);
  if (source === null) return failed(2, `cmp: ${path}: No such file or directory\n`);
  const target = files.openDevice(device, false);
  if (target === null) return failed(2, `cmp: ${device}: No such file or directory\n`);
  if (typeof target === 'string') return failed(2, `cmp: ${device}: ${target}\n`);
  try {
    await files.sleep((Math.min(Number(count), source.sizeBytes) / files.copyBytesPerSecond) * 1000);
    const image = await target.image();
    return image === source.digest && Number(count) <= source.sizeBytes ? succeeded() : failed(1, '', isSilent ? '' : `${path} ${device} differ: byte 1, line 1\n`);
  } catch {
    return failed(2, `cmp: ${device}: Input/output error\n`);
  } finally {
    target.close();
  }
}

async function sha256sum(files: SmallFiles, paths: readonly string[]): Promise<RunResult> {
  let stdout = '';
  for (const path of paths) {
    const source = await files.digestOf(path);
    if (source === null) return failed(1, `sha256sum: ${path}: No such file or directory\n`, stdout);
    await files.sleep((source.sizeBytes / files.copyBytesPerSecond) * 1000);
    stdout += `${source.digest}  ${path}\n`;
  }
  return succeeded(stdout);
}

/** Modules that the node's kernel has, beside what is built in. */
const MODULES = new Set(['drbd', 'dm_mod', 'dm-mod', 'dm_snapshot', 'dm-snapshot', 'loop', 'softdog', 'xen_wdt', 'xen-blkback', 'xen_blkback', 'xen-netback', 'xen_netback', 'i6300esb', 'iTCO_wdt']);

function modprobe(words: readonly string[]): RunResult {
  const [name = ''] = words.filter((word) => !word.startsWith('-'));
  if (MODULES.has(name)) return succeeded();
  return failed(1, `modprobe: FATAL: Module ${name} not found in directory /lib/modules/6.1.0-56-amd64\n`);
}
