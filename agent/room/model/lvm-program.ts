/**
 * What do LVM's programs print? lvcreate, lvremove, lvextend, lvchange, lvs, vgs and pvs over a simulated volume group.
 *
 * Recorded with LVM 2.03: test/fixtures/lvm. Failures exit 5, wrong usage 3.
 */
import type { RunResult } from '../../../shared/world.ts';
import { failed, readOptions, succeeded } from './program.ts';
import type { OptionTable, ReadOptions } from './program.ts';
import { EXTENT_BYTES } from './volume-group.ts';
import type { LogicalVolume, VolumeGroup } from './volume-group.ts';

/** Whether something (DRBD, a domain) has the volume open. */
export type IsOpen = (volume: LogicalVolume) => boolean;

const REPORT: OptionTable = {
  flags: { '--noheadings': 'noheadings', '--nosuffix': 'nosuffix', '-a': 'all', '--all': 'all' },
  values: { '--reportformat': 'format', '--units': 'units', '-o': 'columns', '--options': 'columns' },
};
const OPTIONS: Readonly<Record<string, OptionTable>> = {
  lvcreate: {
    flags: { '-y': 'yes', '--yes': 'yes', '-s': 'snapshot', '--snapshot': 'snapshot', '-q': 'quiet' },
    values: { '-n': 'name', '--name': 'name', '-L': 'size', '--size': 'size', '-l': 'extents', '--extents': 'extents', '-W': 'wipe', '--wipesignatures': 'wipe', '-Z': 'zero', '--zero': 'zero', '--addtag': 'addtag' },
  },
  lvremove: { flags: { '-y': 'yes', '--yes': 'yes', '-f': 'force', '--force': 'force', '-q': 'quiet' }, values: {} },
  lvextend: { flags: { '-y': 'yes', '-q': 'quiet' }, values: { '-L': 'size', '--size': 'size', '-l': 'extents', '--extents': 'extents' } },
  lvchange: { flags: { '-y': 'yes', '-q': 'quiet' }, values: { '--addtag': 'addtag', '--deltag': 'deltag', '-a': 'activate', '--activate': 'activate' } },
  lvs: REPORT, vgs: REPORT, pvs: REPORT,
};

/** Runs one of the programs; `argv` begins with its name. */
export function runLvm(group: VolumeGroup, isOpen: IsOpen, argv: readonly string[]): RunResult {
  const program = argv[0] ?? '';
  const read = readOptions(argv.slice(1), OPTIONS[program] ?? { flags: {}, values: {} });
  if ('bad' in read) return failed(3, `${program}: unrecognized option '${read.bad}'\n  Error during parsing of command line.\n`);
  const { options } = read;
  switch (program) {
    case 'lvcreate': return lvcreate(group, options);
    case 'lvremove': return lvremove(group, isOpen, options);
    case 'lvextend': return lvextend(group, isOpen, options);
    case 'lvchange': return lvchange(group, options);
    default: return report(group, isOpen, program, options);
  }
}

const MISSING = (group: VolumeGroup, name: string): RunResult => failed(5, `  Failed to find logical volume "${group.name}/${name}"\n`);
const NO_GROUP = (name: string): RunResult => failed(5, `  Volume group "${name}" not found\n  Cannot process volume group ${name}\n`);

/** `GROUP/NAME` or `/dev/GROUP/NAME`. */
function volumeName(group: VolumeGroup, word: string): { readonly group: string; readonly name: string } {
  const mapped = group.byPath(word);
  if (mapped !== null) return { group: group.name, name: mapped.name };
  const [groupName = '', name = ''] = word.replace(/^\/dev\//, '').split('/');
  return { group: groupName, name };
}

/** A size as LVM takes it: a number with b, s, k, m (the default), g or t, in powers of 1024; null when it is none. */
function sizeOf(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)([bskmgtBSKMGT]?)$/.exec(text);
  if (match === null) return null;
  const unit = { b: 1, s: 512, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 }[(match[2] ?? '').toLowerCase() || 'm'];
  const bytes = Number(match[1]) * (unit ?? 0);
  return bytes > 0 ? bytes : null;
}

function requestedBytes(options: ReadOptions): number | null {
  const extents = options.values['extents'];
  if (extents !== undefined) return /^\d+$/.test(extents) && Number(extents) > 0 ? Number(extents) * EXTENT_BYTES : null;
  const size = sizeOf(options.values['size'] ?? '');
  return size === null ? null : Math.ceil(size / EXTENT_BYTES) * EXTENT_BYTES;
}

function lvcreate(group: VolumeGroup, options: ReadOptions): RunResult {
  const [target = ''] = options.rest;
  const name = options.values['name'];
  const isSnapshot = options.flags.has('snapshot');
  if (isSnapshot && options.values['wipe'] !== undefined) return failed(3, '  Option --wipesignatures is unsupported with snapshots.\n  Run `lvcreate --help\' for more information.\n');
  const bytes = requestedBytes(options);
  if (bytes === null) return failed(3, '  Invalid argument for size.\n  Error during parsing of command line.\n');
  if (name === undefined || !/^[A-Za-z0-9+_.][A-Za-z0-9+_.-]{0,126}$/.test(name)) return failed(3, `  Logical volume name "${name ?? ''}" is invalid.\n`);
  const where = isSnapshot ? volumeName(group, target) : { group: target.replace(/^\/dev\//, ''), name: '' };
  if (where.group !== group.name) return NO_GROUP(where.group);
  const origin = isSnapshot ? group.find(where.name) : null;
  if (isSnapshot && origin === null) return MISSING(group, where.name);
  if (group.find(name) !== null) return failed(5, `  Logical Volume "${name}" already exists in volume group "${group.name}"\n`);
  if (bytes > group.freeBytes) return failed(5, `  Volume group "${group.name}" has insufficient free space (${group.freeBytes / EXTENT_BYTES} extents): ${bytes / EXTENT_BYTES} required.\n`);
  const tags = options.all.filter((option) => option.name === 'addtag').map(({ value }) => value);
  const bad = tags.find((tag) => !isTag(tag));
  if (bad !== undefined) return failed(3, `  Invalid argument for --addtag: ${bad}\n  Error during parsing of command line.\n`);
  const asked = sizeOf(options.values['size'] ?? '');
  const rounded = asked !== null && asked !== bytes ? `  Rounding up size to full physical extent ${(bytes / 1024 ** 2).toFixed(2)} MiB\n` : '';
  group.create(name, bytes, tags, origin);
  return succeeded(`${rounded}  Logical volume "${name}" created.\n`);
}

/** lvm(8), "VALID NAMES": what a tag may consist of. */
function isTag(text: string): boolean {
  return /^[A-Za-z0-9_+.\-/=!:#&]{1,1024}$/.test(text) && !text.startsWith('-');
}

function lvremove(group: VolumeGroup, isOpen: IsOpen, options: ReadOptions): RunResult {
  let stdout = '';
  if (options.rest.length === 0) return failed(3, '  Please enter one or more logical volume paths.\n');
  for (const word of options.rest) {
    const { group: groupName, name } = volumeName(group, word);
    if (groupName !== group.name) return NO_GROUP(groupName);
    const volume = group.find(name);
    if (volume === null) return failed(5, `  Failed to find logical volume "${group.name}/${name}"\n`, stdout);
    const doomed = [...group.volumes.filter(({ origin }) => origin === name), volume];
    const open = doomed.find(isOpen);
    if (open !== undefined) return failed(5, `  Logical volume ${group.name}/${open.name} in use.\n`, stdout);
    if (!options.flags.has('yes') && !options.flags.has('force')) return failed(5, `Do you really want to remove active logical volume ${group.name}/${name}? [y/n]: [n]\n  Logical volume ${group.name}/${name} not removed.\n`, stdout);
    for (const each of doomed) {
      group.remove(each);
      stdout += `  Logical volume "${each.name}" successfully removed.\n`;
    }
  }
  return succeeded(stdout);
}

function lvextend(group: VolumeGroup, isOpen: IsOpen, options: ReadOptions): RunResult {
  const { group: groupName, name } = volumeName(group, options.rest[0] ?? '');
  if (groupName !== group.name) return NO_GROUP(groupName);
  const volume = group.find(name);
  if (volume === null) return MISSING(group, name);
  const text = options.values['size'] ?? '';
  const asked = requestedBytes({ ...options, values: { ...options.values, ...(text.startsWith('+') ? { size: text.slice(1) } : {}) } });
  if (asked === null) return failed(3, '  Invalid argument for size.\n  Error during parsing of command line.\n');
  const bytes = text.startsWith('+') ? volume.sizeBytes + asked : asked;
  if (bytes <= volume.sizeBytes) return failed(5, `  New size given (${bytes / EXTENT_BYTES} extents) not larger than existing size (${volume.sizeBytes / EXTENT_BYTES} extents)\n`);
  if (bytes - volume.sizeBytes > group.freeBytes) return failed(5, `  Insufficient free space: ${(bytes - volume.sizeBytes) / EXTENT_BYTES} extents needed, but only ${group.freeBytes / EXTENT_BYTES} available\n`);
  // Real LVM extends open volumes too; here whoever has it open would keep the old disk, so the room says no.
  if (isOpen(volume)) return failed(5, `  Logical volume ${group.name}/${name} in use: the simulated room extends only closed volumes.\n`);
  group.change(volume, { sizeBytes: bytes });
  return succeeded(`  Size of logical volume ${group.name}/${name} changed to ${(bytes / 1024 ** 3).toFixed(2)} GiB (${bytes / EXTENT_BYTES} extents).\n  Logical volume ${group.name}/${name} successfully resized.\n`);
}

function lvchange(group: VolumeGroup, options: ReadOptions): RunResult {
  let stdout = '';
  for (const word of options.rest) {
    const { group: groupName, name } = volumeName(group, word);
    if (groupName !== group.name) return NO_GROUP(groupName);
    const volume = group.find(name);
    if (volume === null) return failed(5, `  Failed to find logical volume "${group.name}/${name}"\n`, stdout);
    let tags = [...volume.tags];
    for (const option of options.all) {
      if (option.name === 'addtag' && !isTag(option.value)) return failed(3, `  Invalid argument for --addtag: ${option.value}\n  Error during parsing of command line.\n`);
      tags = tags.filter((tag) => tag !== option.value);
      if (option.name === 'addtag') tags.push(option.value);
    }
    group.change(volume, { tags });
    if (options.all.some((option) => option.name !== 'activate')) stdout += `  Logical volume ${group.name}/${name} changed.\n`;
  }
  return options.rest.length === 0 ? failed(3, '  No command with matching syntax recognised.  Run \'lvchange --help\' for more information.\n') : succeeded(stdout);
}

type Row = Readonly<Record<string, string>>;

const DEFAULT_COLUMNS: Readonly<Record<string, readonly string[]>> = {
  lvs: ['lv_name', 'vg_name', 'lv_attr', 'lv_size', 'pool_lv', 'origin', 'data_percent', 'metadata_percent', 'move_pv', 'mirror_log', 'copy_percent', 'convert_lv'],
  vgs: ['vg_name', 'pv_count', 'lv_count', 'snap_count', 'vg_attr', 'vg_size', 'vg_free'],
  pvs: ['pv_name', 'vg_name', 'pv_fmt', 'pv_attr', 'pv_size', 'pv_free'],
};

function report(group: VolumeGroup, isOpen: IsOpen, program: string, options: ReadOptions): RunResult {
  const asked = options.values['columns'] ?? '';
  const named = asked.replace(/^\+/, '').split(',').filter((column) => column !== '');
  const columns = asked === '' || asked.startsWith('+') ? [...(DEFAULT_COLUMNS[program] ?? []), ...named] : named;
  const units = options.values['units'] ?? 'h';
  if (units !== 'b') return failed(3, `  Invalid argument for --units: ${units}: the simulated room prints bytes only (--units b)\n`);
  if (options.values['format'] !== 'json') return failed(3, '  The simulated room reports as JSON only (--reportformat json)\n');
  const suffix = options.flags.has('nosuffix') ? '' : 'B';
  const rows = rowsOf(group, isOpen, program, suffix, options.rest);
  if (typeof rows === 'string') return failed(5, rows, json(program, []));
  const sample = program === 'lvs' ? lvRow(group, isOpen, suffix, SAMPLE) : rows[0] ?? {};
  const unknown = columns.find((column) => sample[column] === undefined);
  if (unknown !== undefined) return failed(5, `  Unrecognised field: ${unknown}\n`);
  return succeeded(json(program, rows.map((row) => `{${columns.map((column) => `${JSON.stringify(column)}:${JSON.stringify(row[column] ?? '')}`).join(', ')}}`)));
}

/** LVM's own layout, which is JSON with its indentation. */
function json(program: string, rows: readonly string[]): string {
  const inner = rows.map((row) => `                  ${row}`).join(',\n');
  return `  {\n      "report": [\n          {\n              "${program.slice(0, 2)}": [\n${inner}${inner === '' ? '' : '\n'}              ]\n          }\n      ]\n  }\n`;
}

const SAMPLE: Pick<LogicalVolume, 'name' | 'uuid' | 'sizeBytes' | 'tags' | 'origin'> = { name: '', uuid: '', sizeBytes: 0, tags: [], origin: '' };

function lvRow(group: VolumeGroup, isOpen: IsOpen, suffix: string, volume: Pick<LogicalVolume, 'name' | 'uuid' | 'sizeBytes' | 'tags' | 'origin'>): Row {
  const hasSnapshots = group.volumes.some(({ origin }) => origin === volume.name);
  const isSnapshot = volume.origin !== '';
  const known = group.find(volume.name);
  const attributes = `${isSnapshot ? 's' : hasSnapshots ? 'o' : '-'}wi-a${known !== null && isOpen(known) ? 'o' : '-'}${isSnapshot || hasSnapshots ? 's' : '-'}---`;
  const percent = isSnapshot ? '0.00' : '';
  return {
    lv_name: volume.name, vg_name: group.name, lv_attr: attributes, lv_size: `${volume.sizeBytes}${suffix}`, lv_uuid: volume.uuid, lv_tags: volume.tags.join(','), lv_path: `/dev/${group.name}/${volume.name}`,
    origin: volume.origin, snap_percent: percent, data_percent: percent, pool_lv: '', metadata_percent: '', move_pv: '', mirror_log: '', copy_percent: '', convert_lv: '', devices: '/dev/vdb(0)',
  };
}

function rowsOf(group: VolumeGroup, isOpen: IsOpen, program: string, suffix: string, names: readonly string[]): readonly Row[] | string {
  const bytes = (value: number): string => `${value}${suffix}`;
  const used = group.sizeBytes - group.freeBytes;
  if (program === 'lvs') {
    if (names.length === 0 || names.includes(group.name)) return group.volumes.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map((volume) => lvRow(group, isOpen, suffix, volume));
    const rows: Row[] = [];
    for (const word of names) {
      const { group: groupName, name } = volumeName(group, word);
      if (groupName !== group.name) return `  Volume group "${groupName}" not found\n  Cannot process volume group ${groupName}\n`;
      const volume = group.find(name);
      if (volume === null) return `  Failed to find logical volume "${group.name}/${name}"\n`;
      rows.push(lvRow(group, isOpen, suffix, volume));
    }
    return rows;
  }
  if (program === 'vgs') {
    const other = names.find((name) => name !== group.name);
    if (other !== undefined) return `  Volume group "${other}" not found\n  Cannot process volume group ${other}\n`;
    const snapshots = group.volumes.filter(({ origin }) => origin !== '').length;
    return [{ vg_name: group.name, pv_count: '1', lv_count: String(group.volumes.length), snap_count: String(snapshots), vg_attr: 'wz--n-', vg_size: bytes(group.sizeBytes), vg_free: bytes(group.freeBytes), vg_uuid: 'DN6dhq-S2Gp-ppph-9eAS-xvVY-FH5k-NU08oF', vg_extent_size: bytes(EXTENT_BYTES) }];
  }
  return [{ pv_name: '/dev/vdb', vg_name: group.name, pv_fmt: 'lvm2', pv_attr: 'a--', pv_size: bytes(group.sizeBytes), pv_free: bytes(group.freeBytes), pv_uuid: '0M4MQ3-KohX-TqjV-fs8A-AqBc-HeUe-UY3ncW', pv_used: bytes(used) }];
}
