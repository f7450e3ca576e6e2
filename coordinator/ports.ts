/**
 * What does the coordinator need from the rest of the world? Its ports: everything `createApp` may touch.
 *
 * main.ts implements them with the mesh and the projection, tests with a cell in memory.
 */
import type { CellId, InstanceId } from '../shared/ids.ts';
import type { Command } from '../shared/ledger/commands.ts';
import type { Proposed } from '../shared/ledger/replicated-log.ts';
import type { CellState } from '../shared/model/cell.ts';
import type { ConsoleAnswer, IntentAnswer, RunInstancesIntent } from '../shared/wire/intent.ts';
import type { Chance, Clock, Log } from '../shared/world.ts';

/** One access key and whose it is. */
export interface Account {
  /** The secret that requests are signed with. */
  readonly secretKey: string;
  /** The environment that the key acts for, e.g. `playground`: what the ledger records instances under (grammar of a node's name). */
  readonly environment: string;
  /** The same environment as EC2's account and owner id: 12 digits. One to one with `environment`. */
  readonly accountId: string;
  /** Who uses the key, for people. */
  readonly name: string;
}

/** The fleet's accounts. */
export interface AccountsPort {
  /** The account of an access key id; null: no such key. */
  find(keyId: string): Promise<Account | null>;
}

/**
 * One cell. All promises have deadlines of their own. When the cell cannot answer now they reject with a retryable ClusterError
 * (`NoLeader`, `NotLeader`, `LedgerTimeout`, `LedgerStopped`, `PeerUnreachable`, `PeerTimeout`); after `LedgerTimeout` a
 * command may still be committed, and repeating it is harmless.
 */
export interface CellPort {
  readonly cell: CellId;
  /** The projection as it is: possibly a little old. */
  state(): CellState;
  /** Whether nobody is heard who leads, so that what is shown is how it was, and nobody knows how it is. */
  isStale(): boolean;
  /**
   * The state with everything that was committed through this coordinator before the call (read your writes), and with all entries
   * up to `index` where one is given. Waits for the projection, not for a leader.
   */
  fresh(index?: number): Promise<CellState>;
  /** Hands a RunInstances request to the cell's leader, which places and commits it. */
  runInstances(intent: RunInstancesIntent): Promise<IntentAnswer>;
  /** Commits one of USER_COMMANDS. */
  propose(command: Command): Promise<Proposed>;
  /** The end of an instance's console output, from the node that holds it. */
  console(instance: InstanceId): Promise<ConsoleAnswer>;
}

/** Everything the app needs. */
export interface Ports {
  /** `wallTime` also decides whether a signature is fresh: the one place where wall-clock time decides anything. */
  readonly clock: Clock;
  readonly chance: Chance;
  readonly log: Log;
  readonly cell: CellPort;
  readonly accounts: AccountsPort;
}
