/**
 * When does a replica's data become another generation? Changes of the four UUIDs in metadata.
 *
 * Source: drbd_uuid_new_current, drbd_uuid_set_bm, drbd_gen_and_send_sync_uuid and __drbd_uuid_set of drbd_main.c.
 */
import { saveMetadata } from './engine.ts';
import type { PeerFacts, Resource } from './resource.ts';
import { DISK, ROLE } from './states.ts';
import { JUST_CREATED, NEW_BITMAP_OFFSET, uuidText } from './uuid-compare.ts';
import type { Uuids } from './uuid-compare.ts';

const U64 = 0xffff_ffff_ffff_ffffn;

function randomUuid(resource: Resource): bigint {
  let value = 0n;
  for (const byte of resource.context.chance.bytes(8)) value = (value << 8n) | BigInt(byte);
  return value;
}

/** The current UUID's lowest bit says whether the node is primary. */
function withRole(resource: Resource, uuid: bigint): bigint {
  return resource.state.role === ROLE.primary ? uuid | 1n : uuid & ~1n & U64;
}

export function setUuids(resource: Resource, uuids: Uuids): void {
  if (resource.metadata === null) return;
  resource.metadata.uuids = uuids;
  saveMetadata(resource);
}

/** Sets the current UUID's role bit after a change of role. */
export function markRole(resource: Resource): void {
  const { metadata } = resource;
  if (metadata === null) return;
  const [current, bitmap, younger, older] = metadata.uuids;
  setUuids(resource, [withRole(resource, current), bitmap, younger, older]);
  resource.exposedUuid = metadata.uuids[0];
}

/** A new generation: from here on, changes are this node's alone. The old one becomes the bitmap's base. */
export function newCurrentUuid(resource: Resource): void {
  const { metadata } = resource;
  if (metadata === null) return;
  const [current, bitmap, younger, older] = metadata.uuids;
  if (bitmap !== 0n) resource.say(`bm UUID was already set: ${uuidText(bitmap)}`);
  const fresh = withRole(resource, randomUuid(resource));
  setUuids(resource, [fresh, current, younger, older]);
  resource.exposedUuid = fresh;
  resource.say(`new current UUID ${metadata.uuids.map(uuidText).join(':')}`);
}

/** Forgets the bitmap's base: both sides are equal now. It moves into the history. */
export function clearBitmapUuid(uuids: Uuids): Uuids {
  const [current, bitmap, younger] = uuids;
  return bitmap === 0n ? uuids : [current, 0n, bitmap, younger];
}

/** Marks the start of a resync as source: a UUID that no finished generation ever has. Returns what the peer is told. */
export function startSyncUuid(resource: Resource): bigint {
  const { metadata } = resource;
  if (metadata === null) return 0n;
  const [current, bitmap, younger, older] = metadata.uuids;
  const next = bitmap !== 0n && bitmap !== JUST_CREATED ? (bitmap + NEW_BITMAP_OFFSET) & U64 : randomUuid(resource);
  setUuids(resource, bitmap === 0n ? [current, next, younger, older] : [current, next, bitmap, younger]);
  return next;
}

/** The target takes the sync UUID as its own while its data is a mixture. */
export function acceptSyncUuid(resource: Resource, uuid: bigint): void {
  const { metadata } = resource;
  if (metadata === null) return;
  const [, , younger, older] = metadata.uuids;
  setUuids(resource, [uuid & ~1n & U64, 0n, younger, older]);
}

/** After a resync the target's UUIDs are the source's (drbd_resync_finished). */
export function finishedTargetUuids(own: Uuids, source: Uuids): Uuids {
  const syncUuid = own[0];
  const [current, bitmap, younger, older] = source;
  const rotated: Uuids = bitmap === 0n ? [current, syncUuid, younger, older] : [current, syncUuid, bitmap, younger];
  return clearBitmapUuid(rotated);
}

/** What the peer is told of this replica. */
export function ownFacts(resource: Resource): PeerFacts {
  const { metadata } = resource;
  return {
    uuids: metadata === null || resource.state.disk < DISK.negotiating ? [resource.exposedUuid, 0n, 0n, 0n] : metadata.uuids,
    wasCrashedPrimary: resource.isCrashedPrimary,
    isPrimary: resource.state.role === ROLE.primary,
    discardMyData: resource.net?.discardMyData === true,
    isInconsistent: (resource.negotiating?.disk ?? resource.state.disk) === DISK.inconsistent,
    skipInitialSync: false,
  };
}
