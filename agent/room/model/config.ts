/**
 * What stands in the room, and how fast is it? The configuration of the simulated machine room, with its defaults.
 */
import { GIB } from '../../../shared/units.ts';

/** How long things take, in milliseconds unless the name says otherwise. Rounded from a fast server with SSDs; LAB.md's figures are of emulated nodes. */
export interface RoomTimings {
  /** From power-on (or reset) to an operating system that starts the node's services. */
  readonly bootMs: number;
  /** Programs that only read. */
  readonly xlQueryMs: number;
  readonly xlCreateMs: number;
  readonly xlUnpauseMs: number;
  readonly xlDestroyMs: number;
  /** How long libxl waits for a backend that does not let go (LAB.md: 12 s with a frozen DRBD device). */
  readonly xlDestroyStuckMs: number;
  readonly lvmMs: number;
  readonly lvmQueryMs: number;
  /** From the shutdown request until the guest has powered itself off. */
  readonly guestShutdownMs: number;
  /** From unpausing until the guest reads its disk. */
  readonly guestBootMs: number;
  /** How often a guest writes one record. */
  readonly guestWriteIntervalMs: number;
  /** Speed of copying images and of hashing, bytes per second. */
  readonly copyBytesPerSecond: number;
  /** What a BMC takes to answer and to switch. */
  readonly bmcMs: number;
  /** What fence_ipmilan waits for a BMC that does not answer (its power_timeout default, 20 s). */
  readonly bmcTimeoutMs: number;
  /** Everything else: cat, tail, modprobe, xenstore. */
  readonly smallMs: number;
}

export const ROOM_TIMINGS: RoomTimings = {
  bootMs: 3_000, xlQueryMs: 20, xlCreateMs: 350, xlUnpauseMs: 50, xlDestroyMs: 200, xlDestroyStuckMs: 12_000, lvmMs: 50, lvmQueryMs: 20,
  guestShutdownMs: 1_000, guestBootMs: 300, guestWriteIntervalMs: 500, copyBytesPerSecond: 2e9, bmcMs: 100, bmcTimeoutMs: 20_000, smallMs: 5,
};

/** The board management controller of a node. */
export interface BmcSpec {
  /** Where fence agents reach it: any unique text, e.g. `10.0.0.1`. */
  readonly address: string;
  readonly username: string;
  readonly password: string;
}

/** One machine. */
export interface NodeSpec {
  /** NodeId; also its host name. */
  readonly id: string;
  readonly memoryMiB: number;
  /** Memory of the control domain, taken from `memoryMiB`. */
  readonly controlMemoryMiB: number;
  readonly vcpus: number;
  readonly volumeGroup: string;
  readonly volumeGroupBytes: number;
  /** Network bridges that domains may be plugged into. */
  readonly bridges: readonly string[];
  readonly bmc: BmcSpec | null;
}

/** The whole room. */
export interface RoomConfig {
  readonly nodes: readonly NodeSpec[];
  readonly timings: RoomTimings;
}

/** A node as the room has it unless something else is said. */
export function nodeSpec(id: string, change: Partial<NodeSpec> = {}): NodeSpec {
  return { id, memoryMiB: 16 * 1024, controlMemoryMiB: 1024, vcpus: 8, volumeGroup: 'vg0', volumeGroupBytes: 200 * GIB, bridges: ['xenbr0'], bmc: null, ...change };
}

/** A room of `count` alike nodes, `node-1` and on. With `bmc`, each has one at `bmc-N`, user `ves`, the given password. */
export function roomConfig(count: number, options: { readonly timings?: Partial<RoomTimings>; readonly bmcPassword?: string; readonly node?: Partial<NodeSpec> } = {}): RoomConfig {
  const nodes = Array.from({ length: count }, (_, at) => nodeSpec(`node-${at + 1}`, {
    ...(options.bmcPassword === undefined ? {} : { bmc: { address: `bmc-${at + 1}`, username: 'ves', password: options.bmcPassword } }),
    ...options.node,
  }));
  return { nodes, timings: { ...ROOM_TIMINGS, ...options.timings } };
}
