/**
 * Who switches a node on again that the cell switched off? Its leader, once the ledger has the proof of its death.
 *
 * Whether it shall be is the ledger's word (shared/ledger/power-return.ts); this file only carries it out, for one term. The order is
 * repeated, more and more rarely, until the node tells of its new boot: one that came before a switching off that was still under way had no
 * effect, and to switch on what is on changes nothing. A leader that finds an old fence leaves it alone: somebody may be at the machine. How old it
 * is two wall clocks say, which may disagree; so of what it proved itself it does not ask.
 */
import { ClusterError, describeError } from '../../shared/errors.ts';
import type { BootId, NodeId } from '../../shared/ids.ts';
import { powerFenceOf, powerReturn } from '../../shared/ledger/power-return.ts';
import { POWER_FENCE_WINDOW_MS } from '../../shared/model/limits.ts';
import type { NodeRecord } from '../../shared/model/node.ts';
import { SECOND_MS } from '../../shared/units.ts';
import type { Timer } from '../../shared/world.ts';
import type { FencerPorts } from './fencer-ports.ts';
import { POWER_TIMEOUT_MS, withinPowerTimeout } from './power-timeout.ts';

/** Orders for one boot in one term, with pauses of 5, 10, 20, 40 and 80 s: longer than a machine needs to start. */
const ORDERS_MAX = 6;
const PAUSE_MS = 5 * SECOND_MS;

interface Return {
  readonly node: NodeId;
  readonly bootId: BootId;
  orders: number;
  timer: Timer | null;
}

/** The nodes that one leader switches on, in one term. */
export class PowerReturns {
  readonly #ports: FencerPorts;
  readonly #term: number;
  /** One for each node whose last boot was switched off: as many as there are nodes. */
  readonly #returns = new Map<NodeId, Return>();
  #isStopped = false;

  constructor(ports: FencerPorts, term: number) {
    this.#ports = ports;
    this.#term = term;
  }

  stop(): void {
    this.#isStopped = true;
    for (const { timer } of this.#returns.values()) timer?.cancel();
  }

  /** Begins with those that are due in the applied state, and leaves those that are not any more. */
  followLedger(): void {
    const { nodes } = this.#ports.log.state();
    for (const [id, known] of this.#returns) {
      const record = nodes.get(id);
      if (record !== undefined && record.bootId === known.bootId && this.#isDue(record)) continue;
      known.timer?.cancel();
      this.#returns.delete(id);
    }
    for (const record of nodes.values()) {
      if (record.bootId === null || this.#returns.has(record.id) || !this.#isDue(record)) continue;
      const one: Return = { node: record.id, bootId: record.bootId, orders: 0, timer: null };
      this.#returns.set(record.id, one);
      // Never rejects: what fails is logged, and tried again.
      void this.#switchOn(one);
    }
  }

  #isDue(record: NodeRecord): boolean {
    const state = this.#ports.log.state();
    const fence = powerFenceOf(state, record);
    const isRecent = record.fence?.term === this.#term || (fence !== undefined && Math.abs(this.#ports.wallMs() - fence.atMs) <= POWER_FENCE_WINDOW_MS);
    return isRecent && powerReturn(state, record) === 'due';
  }

  #isCurrent(one: Return): boolean {
    return !this.#isStopped && this.#returns.get(one.node) === one;
  }

  async #switchOn(one: Return): Promise<void> {
    const { world } = this.#ports;
    one.orders += 1;
    try {
      await this.#order(one);
    } catch (thrown) {
      world.log.write({ event: 'notSwitchedOn', node: one.node, bootId: one.bootId, order: one.orders, error: describeError(thrown), term: this.#term });
    }
    if (!this.#isCurrent(one) || one.orders >= ORDERS_MAX) return;
    one.timer = world.timers.after(PAUSE_MS * 2 ** (one.orders - 1), () => {
      // Time may have made it an old one.
      const record = this.#ports.log.state().nodes.get(one.node);
      if (this.#isCurrent(one) && record !== undefined && this.#isDue(record)) void this.#switchOn(one);
    });
  }

  /** As with switching off, the ledger is read freshly first: whoever leads no more orders nothing. */
  async #order(one: Return): Promise<void> {
    const { log, power, world } = this.#ports;
    await log.readFresh({ timeoutMs: POWER_TIMEOUT_MS });
    // What that brought has been heard (followLedger): a node that has started is not waited for any more.
    if (!this.#isCurrent(one)) return;
    const { role, term } = log.status();
    if (role !== 'leader' || term !== this.#term) throw new ClusterError('NotLeader', `does not lead in term ${this.#term} any more`, { retryable: false });
    await withinPowerTimeout(world, power.on(one.node), `switch ${one.node} on`);
    world.log.write({ event: 'switchedOn', node: one.node, bootId: one.bootId, order: one.orders, term: this.#term });
  }
}
