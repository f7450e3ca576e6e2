/**
 * What do LVM's reports say? The JSON of lvs and vgs, sizes in bytes.
 */
import { ClusterError } from '../../../shared/errors.ts';

/** One logical volume. */
export interface ListedVolume {
  readonly name: string;
  readonly group: string;
  readonly sizeBytes: number;
  readonly tags: readonly string[];
  /** The volume it is a snapshot of, null: none. */
  readonly origin: string | null;
  /** Whether something has it open. */
  readonly isOpen: boolean;
}

/** One volume group. */
export interface VolumeGroupSize {
  readonly name: string;
  readonly sizeBytes: number;
  readonly freeBytes: number;
}

/** Reads `lvs --reportformat json`. Throws ClusterError `UnreadableOutput`. */
export function parseVolumes(text: string): readonly ListedVolume[] {
  return rowsOf(text, 'lv').map((row) => ({
    name: textOf(row, 'lv_name'), group: textOf(row, 'vg_name'), sizeBytes: bytesOf(row, 'lv_size'),
    tags: (row['lv_tags'] ?? '').split(',').filter((tag) => tag !== ''), origin: row['origin'] === undefined || row['origin'] === '' ? null : row['origin'],
    // lvm(8), lv_attr: the sixth letter is `o` while the device is open.
    isOpen: row['lv_attr']?.[5] === 'o',
  }));
}

/** Reads `vgs --reportformat json`. Throws ClusterError `UnreadableOutput`. */
export function parseGroups(text: string): readonly VolumeGroupSize[] {
  return rowsOf(text, 'vg').map((row) => ({ name: textOf(row, 'vg_name'), sizeBytes: bytesOf(row, 'vg_size'), freeBytes: bytesOf(row, 'vg_free') }));
}

type Row = Readonly<Record<string, string | undefined>>;

function rowsOf(text: string, key: 'lv' | 'vg'): readonly Row[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw unreadable(text, cause);
  }
  const report = (parsed as { readonly report?: readonly Readonly<Record<string, unknown>>[] } | null)?.report;
  if (!Array.isArray(report)) throw unreadable(text);
  return report.flatMap((part) => {
    const rows = (part as Readonly<Record<string, unknown>>)[key];
    if (!Array.isArray(rows)) throw unreadable(text);
    return rows as Row[];
  });
}

function textOf(row: Row, name: string): string {
  const value = row[name];
  if (value === undefined || value === '') throw unreadable(JSON.stringify(row));
  return value;
}

function bytesOf(row: Row, name: string): number {
  const match = /^(\d+)B?$/.exec(row[name] ?? '');
  if (match === null) throw unreadable(JSON.stringify(row));
  return Number(match[1]);
}

function unreadable(text: string, cause?: unknown): ClusterError {
  return new ClusterError('UnreadableOutput', `LVM printed what nobody expected: ${JSON.stringify(text.slice(0, 120))}`, { retryable: true, cause });
}
