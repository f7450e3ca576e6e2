/**
 * What is an image, and what sizes may an instance have?
 */
import type { ImageId } from '../ids.ts';
import { GIB } from '../units.ts';

/** A template for a root volume, content-addressed. */
export interface ImageRecord {
  readonly id: ImageId;
  readonly name: string;
  readonly description: string;
  /** sha256 of the content, hex. Nodes know the file by it. */
  readonly digest: string;
  readonly sizeBytes: number;
  readonly architecture: 'x86_64';
  /** Kind of domain that it boots as. */
  readonly domainKind: 'pv' | 'pvh' | 'hvm';
  readonly createdAt: string;
}

/** A size. */
export interface InstanceType {
  readonly name: string;
  readonly vcpus: number;
  readonly memoryMiB: number;
  readonly diskBytes: number;
}

/** Names and proportions follow EC2's own first and second generation, so that clients' defaults exist here. */
export const INSTANCE_TYPES: readonly InstanceType[] = [
  { name: 't1.micro', vcpus: 1, memoryMiB: 128, diskBytes: 1 * GIB },
  { name: 't2.nano', vcpus: 1, memoryMiB: 256, diskBytes: 2 * GIB },
  { name: 't2.micro', vcpus: 1, memoryMiB: 512, diskBytes: 4 * GIB },
  { name: 't2.small', vcpus: 1, memoryMiB: 1024, diskBytes: 8 * GIB },
  { name: 'm1.small', vcpus: 1, memoryMiB: 1792, diskBytes: 8 * GIB },
  { name: 't2.medium', vcpus: 2, memoryMiB: 4096, diskBytes: 8 * GIB },
  { name: 'm1.medium', vcpus: 1, memoryMiB: 3840, diskBytes: 8 * GIB },
  { name: 'm1.large', vcpus: 2, memoryMiB: 7680, diskBytes: 16 * GIB },
  { name: 'm1.xlarge', vcpus: 4, memoryMiB: 15360, diskBytes: 32 * GIB },
  { name: 'c1.medium', vcpus: 2, memoryMiB: 1792, diskBytes: 8 * GIB },
  { name: 'c1.xlarge', vcpus: 8, memoryMiB: 7168, diskBytes: 16 * GIB },
];
