/**
 * Which logical volumes has a node, and what is on them? LVM's metadata, and one simulated disk per volume.
 *
 * All of this outlives power: every change is told to `persist`, and `restore` takes it back.
 */
import type { Chance } from '../../../shared/world.ts';
import { createDisk, restoreDisk } from './disk.ts';
import type { BlockDevice, DiskChange, SavedDisk } from './disk.ts';

/** LVM's default extent. */
export const EXTENT_BYTES = 4 * 1024 * 1024;

/** What LVM's metadata says of a volume. */
export interface VolumeMetadata {
  readonly uuid: string;
  readonly sizeBytes: number;
  readonly tags: readonly string[];
  /** The volume that it is a snapshot of, or empty. */
  readonly origin: string;
}

export interface LogicalVolume extends VolumeMetadata {
  readonly name: string;
  readonly disk: BlockDevice;
}

/** What a volume group wants to have kept. `saved` null with metadata: a new, empty disk. */
export type VolumeRecordChange =
  | { readonly kind: 'volume'; readonly name: string; readonly metadata: VolumeMetadata | null; readonly saved: SavedDisk | null }
  | { readonly kind: 'disk'; readonly name: string; readonly change: DiskChange };

/** A volume group. Each change is handed to `persist`. */
export class VolumeGroup {
  readonly name: string;
  readonly sizeBytes: number;
  readonly #chance: Chance;
  readonly #persist: (change: VolumeRecordChange) => void;
  readonly #volumes = new Map<string, LogicalVolume>();

  constructor(name: string, sizeBytes: number, chance: Chance, persist: (change: VolumeRecordChange) => void) {
    this.name = name;
    this.sizeBytes = Math.floor(sizeBytes / EXTENT_BYTES) * EXTENT_BYTES;
    this.#chance = chance;
    this.#persist = persist;
  }

  get volumes(): readonly LogicalVolume[] {
    return [...this.#volumes.values()];
  }

  get freeBytes(): number {
    let free = this.sizeBytes;
    for (const volume of this.#volumes.values()) free -= volume.sizeBytes;
    return free;
  }

  find(name: string): LogicalVolume | null {
    return this.#volumes.get(name) ?? null;
  }

  /** The volume behind `/dev/GROUP/NAME` or `/dev/mapper/GROUP-NAME` (whose dashes are doubled). */
  byPath(path: string): LogicalVolume | null {
    const direct = `/dev/${this.name}/`;
    if (path.startsWith(direct)) return this.find(path.slice(direct.length));
    const mapped = `/dev/mapper/${this.name.replaceAll('-', '--')}-`;
    return path.startsWith(mapped) ? this.find(path.slice(mapped.length).replaceAll('--', '-')) : null;
  }

  /** Makes a volume; there must be room, and the name free. A snapshot starts with its origin's content. */
  create(name: string, sizeBytes: number, tags: readonly string[], origin: LogicalVolume | null): LogicalVolume {
    const metadata: VolumeMetadata = { uuid: this.#uuid(), sizeBytes, tags, origin: origin?.name ?? '' };
    const saved = origin === null ? null : { ...origin.disk.save(), metadata: null };
    this.#persist({ kind: 'volume', name, metadata, saved });
    return this.#add(name, metadata, saved);
  }

  /** Changes tags or size (only to a larger one: the disk keeps its content). */
  change(volume: LogicalVolume, change: Partial<Pick<VolumeMetadata, 'tags' | 'sizeBytes'>>): void {
    const metadata: VolumeMetadata = { uuid: volume.uuid, sizeBytes: change.sizeBytes ?? volume.sizeBytes, tags: change.tags ?? volume.tags, origin: volume.origin };
    if (metadata.sizeBytes === volume.sizeBytes) {
      this.#volumes.set(volume.name, { ...volume, ...metadata });
      this.#persist({ kind: 'volume', name: volume.name, metadata, saved: null });
      return;
    }
    const saved = { ...volume.disk.save(), sizeBytes: metadata.sizeBytes };
    this.#persist({ kind: 'volume', name: volume.name, metadata, saved });
    this.#add(volume.name, metadata, saved);
  }

  remove(volume: LogicalVolume): void {
    this.#volumes.delete(volume.name);
    this.#persist({ kind: 'volume', name: volume.name, metadata: null, saved: null });
  }

  /** The power went: what no disk had written through is gone. */
  powerLoss(): void {
    for (const volume of this.#volumes.values()) volume.disk.powerLoss();
  }

  /** Takes back one kept change; false when it makes no sense here. */
  restore(change: VolumeRecordChange): boolean {
    const known = this.#volumes.get(change.name);
    if (change.kind === 'disk') {
      known?.disk.apply(change.change);
      return known !== undefined;
    }
    if (change.metadata === null) return this.#volumes.delete(change.name);
    if (known !== undefined && change.saved === null) this.#volumes.set(change.name, { ...known, ...change.metadata });
    else this.#add(change.name, change.metadata, change.saved);
    return true;
  }

  /** Everything, as changes that give it again. */
  *entries(): Iterable<VolumeRecordChange> {
    for (const { name, uuid, sizeBytes, tags, origin, disk } of this.#volumes.values()) yield { kind: 'volume', name, metadata: { uuid, sizeBytes, tags, origin }, saved: disk.save() };
  }

  /** Changes of the disks are told from now on (not while they are being restored). */
  startPersisting(): void {
    for (const volume of this.#volumes.values()) this.#listen(volume.name, volume.disk);
    this.#isPersisting = true;
  }

  #isPersisting = false;

  #add(name: string, metadata: VolumeMetadata, saved: SavedDisk | null): LogicalVolume {
    const disk = saved === null ? createDisk(metadata.sizeBytes, this.#chance) : restoreDisk(saved, this.#chance);
    const volume = { name, disk, ...metadata };
    this.#volumes.set(name, volume);
    if (this.#isPersisting) this.#listen(name, disk);
    return volume;
  }

  #listen(name: string, disk: BlockDevice): void {
    disk.onChange((change) => {
      if (this.#volumes.get(name)?.disk === disk) this.#persist({ kind: 'disk', name, change });
    });
  }

  /** LVM's form: six, then five times four, then six characters. */
  #uuid(): string {
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
    const text = Array.from(this.#chance.bytes(32), (byte) => letters[byte % letters.length]).join('');
    return [text.slice(0, 6), ...[6, 10, 14, 18, 22].map((at) => text.slice(at, at + 4)), text.slice(26)].join('-');
  }
}
