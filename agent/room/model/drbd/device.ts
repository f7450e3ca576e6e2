/**
 * What does a domain see of a DRBD device? Open, close, read, write: the block device `/dev/drbdN` of one node.
 */
import { DiskError } from '../disk.ts';
import { submitRead, submitWrite } from './requests.ts';
import type { Resource } from './resource.ts';
import { ROLE } from './states.ts';

/** Used by the domains (guests) of the room. */
export interface DrbdDevice {
  /** Size as a guest sees it, in bytes. */
  readonly sizeBytes: number;
  /** Throws DiskError on a Secondary. While anybody holds the device open, it cannot be demoted. */
  open(): void;
  close(): void;
  /** Resolves when the write is acknowledged: durable here and on the peer. Hangs while frozen; rejects with DiskError, or when the node died. */
  write(block: number, content: string): Promise<void>;
  /** Null: zeroes. Hangs while frozen. */
  read(block: number): Promise<string | null>;
  /** Replaces the whole content by an image, as one write. */
  writeImage(digest: string): Promise<void>;
  /** The image that the content began as, or null. Hangs while frozen. */
  image(): Promise<string | null>;
}

export function openDevice(resource: Resource): DrbdDevice {
  const gone = (): DiskError => new DiskError(`use ${resource.name} on ${resource.node}: the device is gone`);
  const guard = <Value>(use: () => Promise<Value>): Promise<Value> => (resource.isAlive ? use() : Promise.reject(gone()));
  return {
    get sizeBytes() {
      return resource.blockCount * 4096;
    },
    open: () => {
      if (!resource.isAlive) throw gone();
      if (resource.state.role !== ROLE.primary) throw new DiskError(`open ${resource.name} on ${resource.node}: it is Secondary`);
      resource.openCount += 1;
    },
    close: () => {
      resource.openCount = Math.max(0, resource.openCount - 1);
      resource.wakeStateWaiters();
    },
    write: (block, content) => guard(() => submitWrite(resource, block, content)),
    read: (block) => guard(() => submitRead(resource, block)),
    writeImage: (digest) => guard(() => submitWrite(resource, null, digest)),
    image: () => guard(() => submitRead(resource, null)),
  };
}
