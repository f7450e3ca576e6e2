/**
 * What is behind a path below /dev? A logical volume or a DRBD device, as a guest's disk or as a target for an image.
 */
import type { Boot } from './boot.ts';
import type { BlockDevice } from './disk.ts';
import type { DrbdDevice } from './drbd/device.ts';
import type { GuestDisk } from './guest.ts';
import type { ImageTarget } from './small-programs.ts';
import type { VolumeGroup } from './volume-group.ts';

/** Where a node's DRBD devices come from. */
export type FindDrbd = (path: string) => DrbdDevice | null;

/** How often a slow disk is looked at again. */
const SLOW_POLL_MS = 200;

export function deviceExists(group: VolumeGroup, findDrbd: FindDrbd, path: string): boolean {
  return group.byPath(path) !== null || (path.startsWith('/dev/drbd') && findDrbd(path) !== null);
}

/** Opens a device for a guest or a program; null when it is not there, a kernel's message when it refuses. */
export function openDevice(boot: Boot, group: VolumeGroup, findDrbd: FindDrbd, path: string): (GuestDisk & ImageTarget) | string | null {
  const volume = group.byPath(path);
  if (volume !== null) return overVolume(boot, path, volume.disk);
  const device = path.startsWith('/dev/drbd') ? findDrbd(path) : null;
  if (device === null) return null;
  try {
    device.open();
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
  let isOpen = true;
  return {
    path, sizeBytes: device.sizeBytes,
    read: (block) => device.read(block),
    write: (block, content) => device.write(block, content),
    writeImage: (digest) => device.writeImage(digest),
    image: () => device.image(),
    close: () => {
      if (isOpen) device.close();
      isOpen = false;
    },
  };
}

/** A volume used directly: every write goes through to the platter, as with direct, synchronous I/O. */
function overVolume(boot: Boot, path: string, disk: BlockDevice): GuestDisk & ImageTarget {
  const ready = async (): Promise<void> => {
    while (disk.slow) await boot.sleep(SLOW_POLL_MS);
  };
  return {
    path, sizeBytes: disk.sizeBytes,
    read: async (block) => {
      await ready();
      return disk.read(block);
    },
    write: async (block, content) => {
      await ready();
      disk.write(block, content);
      disk.flush();
    },
    writeImage: async (digest) => {
      await ready();
      disk.writeImage(digest);
      disk.flush();
    },
    image: async () => {
      await ready();
      return disk.image();
    },
    close: () => undefined,
  };
}
