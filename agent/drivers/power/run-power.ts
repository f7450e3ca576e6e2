/**
 * How is another node's power switched from outside? Through its BMC, by the fence agent of the trade.
 */
import { ClusterError } from '../../../shared/errors.ts';
import type { NodeId } from '../../../shared/ids.ts';
import type { Runner, RunResult } from '../../../shared/world.ts';
import { buildFenceInput } from './build-fence-input.ts';
import type { BmcAccess, FenceAction } from './build-fence-input.ts';
import { fenceComplaint, parsePowerStatus, saysAlready, saysPowered } from './parse-fence-output.ts';

/** fence_ipmilan's own wait, and a little for its start (it is Python). */
const BMC_TIMEOUT_MS = 5_000;
const PROGRAM_TIMEOUT_MS = BMC_TIMEOUT_MS + 5_000;

/** The power of other nodes. */
export class Power {
  readonly #runner: Runner;
  readonly #accessOf: (node: NodeId) => BmcAccess | null;

  /** `accessOf`: how a node's BMC is reached, null: it has none (or nobody knows its password). */
  constructor(runner: Runner, accessOf: (node: NodeId) => BmcAccess | null) {
    this.#runner = runner;
    this.#accessOf = accessOf;
  }

  /** Switches the node off. Rejects with ClusterError `NoPowerAccess` or `PowerOffFailed` unless the agent says that it is off. */
  async off(node: NodeId): Promise<{ readonly wasOff: boolean }> {
    const result = await this.#run(node, 'off');
    if (!saysPowered(result, 'OFF')) throw new ClusterError('PowerOffFailed', `could not switch off ${node}: ${fenceComplaint(result)}`, { retryable: true });
    return { wasOff: saysAlready(result, 'OFF') };
  }

  /** Switches the node on. Rejects with ClusterError `NoPowerAccess` or `PowerOnFailed` unless the agent says that it is on. */
  async on(node: NodeId): Promise<void> {
    const result = await this.#run(node, 'on');
    if (!saysPowered(result, 'ON')) throw new ClusterError('PowerOnFailed', `could not switch on ${node}: ${fenceComplaint(result)}`, { retryable: true });
  }

  /** Asks the BMC. `unknown` when it does not answer clearly. */
  async status(node: NodeId): Promise<'on' | 'off' | 'unknown'> {
    return parsePowerStatus(await this.#run(node, 'status'));
  }

  async #run(node: NodeId, action: FenceAction): Promise<RunResult> {
    const access = this.#accessOf(node);
    if (access === null) throw new ClusterError('NoPowerAccess', `nothing switches the power of ${node}`, { retryable: false });
    return await this.#runner.run(['fence_ipmilan'], { timeoutMs: PROGRAM_TIMEOUT_MS, stdin: buildFenceInput(access, action, BMC_TIMEOUT_MS) });
  }
}
