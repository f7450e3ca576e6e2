/**
 * What is a replica made of? A logical volume, DRBD metadata in it, and a DRBD resource: the drivers behind the runtime's port.
 */
import { isVolumeId } from '../shared/ids.ts';
import type { VolumeId } from '../shared/ids.ts';
import { KIB, MIB } from '../shared/units.ts';
import type { Files } from '../shared/world.ts';
import type { DrbdView } from './drivers/drbd/parse-events2.ts';
import type { Drbd } from './drivers/drbd/run-drbd.ts';
import type { Images } from './drivers/image/write-image.ts';
import type { Lvm } from './drivers/lvm/run-lvm.ts';
import type { ObservedReplica, ObservedResource } from './machines/observed.ts';
import { TAINTED_DIRECTORY } from './runtime/fence-peer.ts';
import type { ReplicaPort } from './runtime/ports.ts';

/** Says that DRBD metadata was made in this logical volume for its present membership. */
const FORMED_TAG = 'ves.formed';
/** Metadata of DRBD 8.4: 32 KiB of bitmap for each GiB, the activity log and a superblock; LVM rounds up to 4 MiB. */
const METADATA_PER_GIB = 32 * KIB;
const METADATA_FIXED = 4 * MIB;

/** The port over the drivers. `files` keeps the configurations below `drbd/`. */
export function createReplicas(drivers: { readonly drbd: Drbd; readonly lvm: Lvm; readonly images: Pick<Images, 'write'>; readonly files: Files }): ReplicaPort {
  const { drbd, lvm, images, files } = drivers;
  const fileOf = (volume: VolumeId): string => `drbd/${volume}.res`;
  const pathOf = (volume: VolumeId): string => files.absolute(fileOf(volume));
  let cached: ReadonlyMap<VolumeId, ObservedResource> | null = null;
  drbd.onChange(() => {
    cached = null;
  });
  return {
    listReplicas: async () => {
      const found = new Map<VolumeId, ObservedReplica>();
      for (const { name, sizeBytes, tags } of await lvm.list()) {
        if (isVolumeId(name)) found.set(name, { volume: name, sizeBytes, formed: tags.includes(FORMED_TAG) });
      }
      return found;
    },
    createReplica: async (volume, sizeBytes) => {
      await lvm.create(volume, sizeBytes + METADATA_FIXED + Math.ceil(sizeBytes / (1024 * MIB)) * METADATA_PER_GIB, []);
      await drbd.createMetadata(pathOf(volume), volume);
      await lvm.changeTags(volume, { add: [FORMED_TAG] });
    },
    wipeReplica: async (volume) => {
      if (drbd.views().has(volume)) await drbd.down(pathOf(volume), volume);
      // Without the mark a half-removed volume is never taken for a replica again.
      const isThere = (await lvm.list()).some(({ name }) => name === volume);
      if (isThere) {
        await lvm.changeTags(volume, { remove: [FORMED_TAG] });
        await lvm.remove(volume);
      }
      // Its disk may have failed; what is made here later is another replica, and not to be taken for that one.
      await files.remove(`${TAINTED_DIRECTORY}/${volume}`);
      await files.remove(fileOf(volume));
    },
    readConfig: async (volume) => await files.read(fileOf(volume)),
    // It holds the shared secret: readable by its owner alone (DRBD.md A7).
    writeConfig: async (volume, text) => await files.writeDurably(fileOf(volume), text, 0o600),
    adjust: async (volume) => await drbd.adjust(pathOf(volume), volume),
    up: async (volume) => await drbd.up(pathOf(volume), volume),
    connect: async (volume) => await drbd.connect(pathOf(volume), volume),
    disconnectForce: async (volume) => await drbd.disconnectForce(pathOf(volume), volume),
    invalidate: async (volume) => await drbd.invalidate(pathOf(volume), volume),
    promote: async (volume) => await drbd.primary(pathOf(volume), volume),
    promoteNew: async (volume) => await drbd.primaryNew(pathOf(volume), volume),
    demote: async (volume) => await drbd.secondary(pathOf(volume), volume),
    writeImage: async (_volume, minor, digest) => await images.write(digest, `/dev/drbd${minor}`),
    resources: () => {
      cached ??= new Map([...drbd.views().values()].flatMap((view) => (isVolumeId(view.name) ? [[view.name, resourceOf(view.name, view)] as const] : [])));
      return cached;
    },
    isCurrent: () => drbd.isCurrent(),
    onChange: (listener) => drbd.onChange((name) => listener(name === null || isVolumeId(name) ? name : null)),
  };
}

function resourceOf(volume: VolumeId, view: DrbdView): ObservedResource {
  const isSyncing = view.replication !== null && view.replication !== 'Established' && view.sizeKiB > 0;
  return {
    volume, role: view.role, suspended: view.suspended, disk: view.disk, peerDisk: view.peerDisk, peerRole: view.peerRole, connection: view.connection,
    replication: view.replication, outOfSyncBytes: view.outOfSyncKiB * KIB,
    syncPercent: isSyncing ? Math.round((1 - view.outOfSyncKiB / view.sizeKiB) * 1000) / 10 : null,
  };
}

