/**
 * Does every replica that the ledger counts in sync hold every acknowledged record? S3 ISRTruth and S4 ShrinkBeforeAck, on the disks themselves.
 *
 * A record is acknowledged once it is durable on both sides, or on the one that the ledger counts alone. So whenever the newest
 * ledger state names a replica, its disk must have all of them. One exception is declared (SAFETY.md 2.5, DRBD.md A1): after a
 * disk failed, until the shrink or the mark of the failure is in the ledger; it is bounded here by the node's next attestation.
 */
import type { InstanceId, NodeId } from '../../../shared/ids.ts';
import type { VolumeRecord } from '../../../shared/model/volume.ts';
import type { BlockDevice } from '../../../agent/room/model/disk.ts';
import type { VirtualCell } from '../../support/virtual-cell.ts';
import type { Checker, Scene } from './checker.ts';

/** How long a failed disk may go unnoticed by the ledger while its node lives: link loss, helper, quorum, and margins. */
const DOUBT_MS = 15_000;

export function watchInSync({ cell, newest, violate }: Scene): Checker {
  const doubts = new Doubts(cell);
  const checkNewest = (volume: VolumeRecord, instance: string, record: number): void => {
    for (const node of volume.inSync) {
      const disk = doubts.diskOf(volume, node, newest()?.nodes.get(node)?.bootId ?? null);
      if (disk === null) continue;
      const slot = record % RING_SLOTS;
      const found = recordIn(instance, disk.read(slot + 1));
      if (found !== null && found >= record) continue;
      violate(`${isApart(cell, volume) ? 'S4' : 'S3'} record ${record} of ${volume.id} was acknowledged, and is not on ${node}, which counts as in sync (it has ${String(found)})`);
    }
  };
  // The very moment counts: a resynchronisation may close the gap soon after, and a second failure may come before that.
  cell.room.observer.onAcknowledged = (instance, record) => {
    const state = newest();
    for (const id of state?.instances.get(instance as InstanceId)?.volumes ?? []) {
      const volume = state?.volumes.get(id);
      if (volume !== undefined && isChecked(volume)) checkNewest(volume, instance, record);
    }
  };
  return {
    // Who joins the set must have all of them, not only the newest; and whoever is in it when its node attests a boot: a mark that should be told then is missed now or never.
    applied: (_entry, before, after) => {
      if (before === null || (before.volumes === after.volumes && before.nodes === after.nodes)) return;
      for (const volume of after.volumes.values()) {
        if (!isChecked(volume) || volume.instance === null) continue;
        const known = before.volumes.get(volume.id);
        for (const node of volume.inSync) {
          const bootId = after.nodes.get(node)?.bootId ?? null;
          if (known?.inSync.includes(node) === true && before.nodes.get(node)?.bootId === bootId) continue;
          const disk = doubts.diskOf(volume, node, bootId);
          const missing = disk === null ? [] : missingRecords(cell, volume.instance, disk);
          if (missing.length > 0) violate(`S3 ${node} counts as in sync for ${volume.id} and lacks ${missing.length} acknowledged records, ${missing[0]} the first`);
        }
      }
    },
  };
}

/** Slots of a guest's ring (agent/room/model/guest.ts). */
const RING_SLOTS = 512;

function isChecked(volume: VolumeRecord): boolean {
  return volume.formatted && !volume.deleting && volume.instance !== null;
}

function missingRecords(cell: VirtualCell, instance: string, disk: BlockDevice): readonly number[] {
  const missing: number[] = [];
  for (const [slot, record] of cell.room.observer.ackedSlots(instance)) {
    const found = recordIn(instance, disk.read(slot + 1));
    if (found === null || found < record) missing.push(record);
  }
  return missing;
}

function recordIn(instance: string, content: string | null): number | null {
  const [owner, , record] = content?.split(' ') ?? [];
  return owner === instance && record !== undefined && /^\d+$/.test(record) ? Number(record) : null;
}

/** Whether its primary writes alone now. */
function isApart(cell: VirtualCell, volume: VolumeRecord): boolean {
  return (cell.drbd.room?.facts() ?? []).some((fact) => fact.resource === volume.id && fact.role === 'Primary' && fact.connection !== 'Connected');
}

/** Disks that failed, and whose failure the ledger may not know yet. */
class Doubts {
  readonly #cell: VirtualCell;
  readonly #disks = new WeakSet<BlockDevice>();
  /** When the disk of a replica failed last, and in which boot of its node. */
  readonly #failed = new Map<string, { readonly atMs: number; readonly bootId: string | null }>();

  constructor(cell: VirtualCell) {
    this.#cell = cell;
  }

  /** A replica's disk; null: it cannot be read, or may lack what its node has not told yet. `knownBoot`: the boot that the ledger knows. */
  diskOf(volume: VolumeRecord, node: NodeId, knownBoot: string | null): BlockDevice | null {
    if (volume.tainted.includes(node)) return null;
    const disk = this.#cell.room.disk(node, volume.id);
    if (disk === null) return null;
    const key = `${volume.id} on ${node}`;
    this.#listen(disk, key, node);
    if (disk.failed) return null;
    const failed = this.#failed.get(key);
    if (failed === undefined) return disk;
    const bootNow = this.#cell.room.nodeReport(node).bootId;
    if (bootNow !== null && bootNow === failed.bootId) return this.#cell.world.clock.nowMs() - failed.atMs > DOUBT_MS ? disk : null;
    // It was reset, as it should. What it has marked it tells when it attests its next boot.
    return bootNow === null || knownBoot !== bootNow ? null : this.#settled(key, disk);
  }

  #settled(key: string, disk: BlockDevice): BlockDevice {
    this.#failed.delete(key);
    return disk;
  }

  #listen(disk: BlockDevice, key: string, node: NodeId): void {
    if (this.#disks.has(disk)) return;
    this.#disks.add(disk);
    const note = (): void => void this.#failed.set(key, { atMs: this.#cell.world.clock.nowMs(), bootId: this.#cell.room.nodeReport(node).bootId });
    if (disk.failed) note();
    disk.onChange((change) => {
      if (change.kind === 'fault' && change.fault === 'error') note();
    });
  }
}
