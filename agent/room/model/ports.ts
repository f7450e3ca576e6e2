/**
 * What does the room ask of its surroundings, and what does it tell them? Its hooks, events, records and reports.
 */
import type { Chance, Clock, RunResult, Stream, StreamReader, Timers } from '../../../shared/world.ts';
import type { DeathReason } from './boot.ts';
import type { DrbdDevice } from './drbd/device.ts';
import type { BmcFaults } from './fence-program.ts';
import type { ObserverReport } from './observer.ts';
import type { VolumeRecordChange } from './volume-group.ts';

/** What happened, for whoever supervises the processes of the nodes. */
export type RoomEvent =
  | { readonly kind: 'booted'; readonly node: string; readonly bootId: string }
  | { readonly kind: 'died'; readonly node: string; readonly bootId: string; readonly reason: DeathReason }
  | { readonly kind: 'powerChanged'; readonly node: string; readonly isOn: boolean }
  | { readonly kind: 'meshChanged' | 'storageChanged'; readonly node: string; readonly isUp: boolean }
  | { readonly kind: 'domainStarted' | 'domainEnded'; readonly node: string; readonly name: string; readonly domid: number };

/** One change of what real hardware would keep. Replayed in order by `restore`, they give the room again. */
export type RoomRecord =
  | { readonly kind: 'set'; readonly key: string; readonly value: string | null }
  | { readonly kind: 'group'; readonly node: string; readonly change: VolumeRecordChange };

/** What the room asks of its surroundings. */
export interface RoomHooks {
  /** A small file on a node's boot disk. */
  readFile(node: string, path: string): string | null;
  /** Size and sha256 of a file of any size on a node's boot disk, e.g. an image. */
  digestOf(node: string, path: string): Promise<{ readonly sizeBytes: number; readonly digest: string } | null>;
  /** Runs the node's DRBD helper program; resolves with its exit code. May take for ever. */
  callHelper(node: string, bootId: string, event: string, resource: string): Promise<number>;
  persist(record: RoomRecord): void;
  onEvent(event: RoomEvent): void;
}

/** The DRBD model, as the room needs it. */
export interface DrbdPort {
  run(node: string, argv: readonly string[], stdin?: string): Promise<RunResult>;
  stream(node: string, argv: readonly string[], reader: StreamReader): Stream;
  nodeDown(node: string): void;
  linkChanged(a: string, b: string): void;
  diskFailed(node: string, path: string): void;
  device(node: string, path: string): DrbdDevice | null;
  /** Whether a resource of the node has this volume attached. */
  isBacking(node: string, path: string): boolean;
}

export interface RoomWorld {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly chance: Chance;
}

/** Where a node stands, for people and supervisors. */
export interface NodeReport {
  readonly node: string;
  readonly isOn: boolean;
  /** Null while it is off or starting. */
  readonly bootId: string | null;
  readonly isMeshUp: boolean;
  readonly isStorageUp: boolean;
  readonly isWatchdogArmed: boolean;
  readonly bmc: (BmcFaults & { readonly address: string }) | null;
  readonly domains: readonly { readonly domid: number; readonly name: string; readonly state: string }[];
  readonly volumes: number;
  readonly failedVolumes: readonly string[];
}

export interface RoomReport extends ObserverReport {
  readonly nodes: readonly NodeReport[];
}
