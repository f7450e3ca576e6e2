/**
 * May this command run now? The one gate in front of every command that changes the world (SAFETY.md 5).
 *
 * A permit is the ledger's word: target, generation, node, boot, ledger index. The gate makes the generation durable
 * before the command runs, so that an order that was overtaken is never obeyed later, not even after a restart.
 */
import { ClusterError } from '../../shared/errors.ts';
import type { BootId, NodeId } from '../../shared/ids.ts';
import type { GenerationPort, LeasePort } from './ports.ts';

/** The right to do one thing to one target. */
export interface Permit {
  /** `hold`: run the instance, write the volume. `keep`: make this node's replica and connect it. `wipe`: remove that replica. */
  readonly right: 'hold' | 'keep' | 'wipe';
  /** An instance's or volume's id. */
  readonly target: string;
  /** Of the right to hold: the target's generation. Of the others: the volume's epoch, which grows when its replicas change. */
  readonly generation: number;
  readonly node: NodeId;
  readonly bootId: BootId;
  readonly clusterUuid: string;
  readonly epoch: number;
  /** Ledger index of the state that the permit was read from. */
  readonly index: number;
}

/** What the gate compares a permit with. */
export interface GateOptions {
  readonly node: NodeId;
  readonly bootId: BootId;
  readonly clusterUuid: string;
  readonly lease: LeasePort;
  readonly generations: GenerationPort;
  /** How much of the lease must be left before a command starts, ms (the profile's `commandMarginMs`). */
  readonly marginMs: () => number;
  /** Whether the ledger as known here still grants it: a newer entry may have taken it back. */
  readonly isGranted: (permit: Permit) => boolean;
}

/** The epoch of the cell is raised like a generation, under this name. */
const EPOCH_TARGET = 'epoch';

/** Where the highest generation of a right is kept: a volume's epoch counts apart from its generation. */
function counterOf(permit: Permit): string {
  return permit.right === 'hold' ? permit.target : `${permit.target} replicas`;
}

/** Runs commands under permits. */
export class Gate {
  readonly #options: GateOptions;

  constructor(options: GateOptions) {
    this.#options = options;
  }

  /** Runs `command` when the permit holds, else throws ClusterError `PermitRefused` that says why. */
  async pass<Value>(action: string, permit: Permit, command: () => Promise<Value>): Promise<Value> {
    const { generations } = this.#options;
    this.#check(action, permit);
    await generations.raise(EPOCH_TARGET, permit.epoch);
    await generations.raise(counterOf(permit), permit.generation);
    // Making it durable took time: what matters is what holds right before the command.
    this.#check(action, permit);
    return await command();
  }

  #check(action: string, permit: Permit): void {
    const refusal = this.#refuse(permit);
    if (refusal !== null) {
      throw new ClusterError('PermitRefused', `${action} of ${permit.target} is not allowed: ${refusal}`, { retryable: true });
    }
  }

  #refuse(permit: Permit): string | null {
    const { node, bootId, clusterUuid, lease, generations, marginMs, isGranted } = this.#options;
    if (permit.clusterUuid !== clusterUuid) return 'the permit is of another ledger';
    if (permit.epoch < generations.seen(EPOCH_TARGET)) return 'the permit is of an older epoch';
    if (permit.node !== node) return `the permit is for ${permit.node}`;
    if (permit.bootId !== bootId) return 'the permit is for another boot of this node';
    if (permit.generation < generations.seen(counterOf(permit))) return `generation ${permit.generation} is older than one seen before`;
    if (lease.remainingMs() < marginMs()) return 'the node\'s lease is about to end';
    // Whoever holds something must be stopped by the watchdog, if by nothing else; a mere replica need not be.
    if (permit.right === 'hold' && !lease.isBinding()) return 'the keeper may still disarm the watchdog';
    return isGranted(permit) ? null : 'the ledger does not grant it any more';
  }
}
