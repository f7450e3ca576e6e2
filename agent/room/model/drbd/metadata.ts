/**
 * What does a replica remember on its own disk? DRBD's internal metadata: generation identifiers, flags, the bitmap of
 * blocks that the peer may lack, and the activity log of extents that may be in flight.
 *
 * Kept in the disk's metadata area as plain JSON. Everything else of DRBD is kernel memory and gone after a reset.
 */
import { BLOCK_BYTES } from '../disk.ts';
import { BlockSet } from './ranges.ts';
import type { Range } from './ranges.ts';
import { JUST_CREATED, uuidText } from './uuid-compare.ts';
import type { Uuids } from './uuid-compare.ts';

export interface MetadataFlags {
  consistent: boolean;
  wasUpToDate: boolean;
  primaryIndicator: boolean;
  connectedIndicator: boolean;
  fullSync: boolean;
  peerOutdated: boolean;
  crashedPrimary: boolean;
  /** The activity log need not be applied: the device went down in order. */
  activityLogClean: boolean;
}

/** The metadata of an attached disk, as the kernel holds it. */
export interface Metadata {
  uuids: Uuids;
  flags: MetadataFlags;
  /** Out-of-sync blocks, as of the last write-out. The kernel's own copy is newer. */
  bitmap: BlockSet;
  /** Extents (by number) that writes may be in flight to, oldest first. */
  activityLog: number[];
  /** Usable blocks that both ends agreed on last; 0: never connected. */
  agreedBlocks: number;
}

/** One activity log extent: 4 MiB (AL_EXTENT_SIZE). */
export const EXTENT_BLOCKS = (4 * 1024 * 1024) / BLOCK_BYTES;

const SUPER_BLOCK_BYTES = 4096;
const ACTIVITY_LOG_BYTES = 32 * 1024;

/** Size of internal metadata of a device: superblock, activity log, and one bit per 4 KiB, rounded up to 4 KiB. */
export function metadataBytes(deviceBytes: number): number {
  const bitmapBytes = Math.ceil(Math.ceil(deviceBytes / BLOCK_BYTES) / 8);
  return SUPER_BLOCK_BYTES + ACTIVITY_LOG_BYTES + bitmapBytesRounded(bitmapBytes);
}

function bitmapBytesRounded(bytes: number): number {
  return Math.ceil(bytes / 4096) * 4096;
}

/** Blocks that are left for data. */
export function usableBlocks(deviceBytes: number): number {
  return Math.max(0, Math.floor((deviceBytes - metadataBytes(deviceBytes)) / BLOCK_BYTES));
}

/** Where drbdmeta says that the metadata block is: the last 4 KiB. */
export function metadataOffset(deviceBytes: number): number {
  return Math.floor(deviceBytes / 4096) * 4096 - 4096;
}

/** What `create-md` writes. */
export function freshMetadata(): Metadata {
  return {
    uuids: [JUST_CREATED, 0n, 0n, 0n],
    flags: {
      consistent: false, wasUpToDate: false, primaryIndicator: false, connectedIndicator: false, fullSync: false, peerOutdated: false,
      crashedPrimary: false, activityLogClean: true,
    },
    bitmap: new BlockSet(), activityLog: [], agreedBlocks: 0,
  };
}

/** The stored form: plain JSON. */
export interface StoredMetadata {
  readonly format: 'drbd-v08';
  readonly uuids: readonly [string, string, string, string];
  readonly flags: MetadataFlags;
  readonly bitmap: readonly Range[];
  readonly activityLog: readonly number[];
  readonly agreedBlocks: number;
}

export function storeMetadata(metadata: Metadata): StoredMetadata {
  const [current, bitmap, younger, older] = metadata.uuids;
  return {
    format: 'drbd-v08',
    uuids: [uuidText(current), uuidText(bitmap), uuidText(younger), uuidText(older)],
    flags: { ...metadata.flags },
    bitmap: metadata.bitmap.ranges().map(([first, end]) => [first, end] as const),
    activityLog: [...metadata.activityLog],
    agreedBlocks: metadata.agreedBlocks,
  };
}

/** The metadata in a disk's area, or null when there is none (any other content of the area is none). */
export function loadMetadata(area: unknown): Metadata | null {
  if (!isStored(area)) return null;
  const [current, bitmap, younger, older] = area.uuids;
  const parse = (text: string): bigint => BigInt(`0x${text}`);
  return {
    uuids: [parse(current), parse(bitmap), parse(younger), parse(older)],
    flags: { ...area.flags },
    bitmap: new BlockSet(area.bitmap),
    activityLog: [...area.activityLog],
    agreedBlocks: area.agreedBlocks,
  };
}

function isStored(area: unknown): area is StoredMetadata {
  return typeof area === 'object' && area !== null && (area as { format?: unknown }).format === 'drbd-v08';
}

/** Blocks that the activity log says may differ from the peer's, up to `blockCount`. */
export function activityLogBlocks(metadata: Metadata, blockCount: number): BlockSet {
  const blocks = new BlockSet();
  for (const extent of metadata.activityLog) blocks.add(extent * EXTENT_BLOCKS, Math.min(blockCount, (extent + 1) * EXTENT_BLOCKS));
  return blocks;
}
