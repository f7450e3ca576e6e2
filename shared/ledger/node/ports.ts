/**
 * What does a ledger member need from outside? A store that survives power loss, the mesh, time and chance.
 */
import type { MemberId } from '../../ids.ts';
import type { TimingProfile } from '../../model/timing.ts';
import type { Mesh } from '../../wire/mesh.ts';
import type { World } from '../../world.ts';
import type { HeartbeatPath } from './heartbeat-path.ts';
import type { Entry, HardState, Snapshot } from '../raft/types.ts';

/** What a store held when it was opened. After `amnesia` the store is fresh, with a new UUID: a new voter. */
export type LoadedLedger =
  | { readonly kind: 'fresh' }
  | { readonly kind: 'loaded'; readonly hardState: HardState; readonly snapshot: Snapshot | null; readonly entries: readonly Entry[] }
  | { readonly kind: 'amnesia'; readonly reason: string };

/** What is saved together. Entries replace everything from the first one's index on. */
export interface LedgerSave {
  readonly hardState?: HardState;
  readonly snapshot?: Snapshot;
  readonly entries?: readonly Entry[];
  /** Entries up to this index may be deleted. */
  readonly compactTo?: number;
}

/** The durable store of one voter. A rejected `save` means that the process must end (SAFETY.md 3.2). */
export interface LedgerStore {
  readonly storeUuid: string;
  readonly loaded: LoadedLedger;
  save(batch: LedgerSave): Promise<void>;
  close(): Promise<void>;
}

/** Everything that a ledger member is made from. */
export interface LedgerNodeOptions {
  readonly self: MemberId;
  readonly world: World;
  readonly mesh: Mesh;
  /** A cheaper way for heartbeats; without one the mesh carries them. */
  readonly heartbeats?: HeartbeatPath;
  readonly store: LedgerStore;
  /** Heartbeat and election times until the ledger itself tells the profile. */
  readonly profile: TimingProfile;
  /** Members that may know the ledger, for one that knows nothing yet. */
  readonly seeds: () => readonly MemberId[];
  /** Called when the store failed: the process must exit, nothing may be promised any more. */
  readonly onFatal: (error: unknown) => void;
  /** A snapshot is taken after this many applied entries. */
  readonly snapshotEvery?: number;
}
