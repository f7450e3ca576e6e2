/**
 * Do clients of a cell see one cell? They write, read and ask for instances through all that happens, note what they were told, and
 * at the end all of it must have an order (S13).
 *
 *     tag K       written through the coordinator, read through it: read-your-writes of the API
 *     fresh K     written through the coordinator, read at any member by a quorum's word (`readFresh`)
 *                 One of them hears of each new leader at once: it writes there, and reads wherever another one is still believed in
 *     token T     RunInstances under one token by several clients, again and again; and which instances there are of it
 *
 * A write that nobody heard the answer of, and whose value nobody read, tells nothing and is left out.
 */
import type { CellPort } from '../../../coordinator/ports.ts';
import type { InstanceId, MemberId } from '../../../shared/ids.ts';
import type { LedgerNode } from '../../../shared/ledger/node/ledger-node.ts';
import type { CellState } from '../../../shared/model/cell.ts';
import type { InstanceRecord } from '../../../shared/model/instance.ts';
import { seededChance } from '../../../shared/random.ts';
import type { Chance } from '../../../shared/world.ts';
import type { VirtualCell } from '../../support/virtual-cell.ts';
import { describeCalls, judge } from './linearizable.ts';
import type { Call, Specification } from './linearizable.ts';

/** What is asked of one key: a value to be there from now on, the value that is there, or one made under the key unless there is one. */
export type PortInput = { readonly kind: 'write'; readonly value: string } | { readonly kind: 'read' } | { readonly kind: 'make'; readonly value: string };

const TAG_KEYS = ['tag 1', 'tag 2', 'fresh 1', 'fresh 2', 'fresh 3'] as const;
const CLIENTS = 6;
/** How long a client thinks between two calls, ms. */
const THINK_MS_MAX = 600;
/** Longer than any deadline of what they call: a process that died answers never. */
export const PATIENCE_MS = 15_000;
const READ_TIMEOUT_MS = 3_000;
/** Instances cost the room work, so there are few tokens, and each is asked for often. */
const TOKENS = 3;

/** One key: at first nothing; a write is told nothing, a read the value, a making what is there afterwards. */
export const PORT_SPECIFICATION: Specification<string, PortInput, string> = {
  initial: '',
  step: (state, input, output) => {
    switch (input.kind) {
      case 'write':
        return input.value;
      case 'read':
        return output === null || output === state ? state : null;
      default: {
        const after = state === '' ? input.value : state;
        return output === null || output === after ? after : null;
      }
    }
  },
  nameOf: (state) => state,
};

/** Clients of one cell. `onLedger` goes to the cell's options; `begin` once it has an instance to tag. */
export class PortClients {
  readonly history: Call<PortInput, string>[] = [];
  readonly #chance: Chance;
  readonly #ledgers = new Map<MemberId, LedgerNode>();
  #cell: VirtualCell | null = null;
  #port: CellPort | null = null;
  #instance: InstanceId | null = null;
  #place = 0;
  #values = 0;
  #isOver = false;

  constructor(seed: number) {
    this.#chance = seededChance(seed ^ 0x5eed_c11e);
  }

  readonly onLedger = (member: MemberId, ledger: LedgerNode): void => {
    this.#ledgers.set(member, ledger);
    ledger.onStatus(({ role }) => {
      // It never rejects: what its calls came to is in the history.
      if (role === 'leader' && this.#cell !== null && !this.#isOver) void this.#greet(member);
    });
  };

  begin(cell: VirtualCell, instance: InstanceId): void {
    this.#cell = cell;
    this.#instance = instance;
    this.#port = cell.coordinatorPort();
    for (let at = 0; at < CLIENTS; at += 1) this.#live(`client ${at + 1}`);
  }

  /** Whether it is one that they tag, or made: when it is gone, so is what they were told. */
  isWatched({ id, clientToken }: Pick<InstanceRecord, 'id' | 'clientToken'>): boolean {
    return id === this.#instance || clientToken?.startsWith('token ') === true;
  }

  /** No call begins from now on. */
  end(): void {
    this.#isOver = true;
  }

  /** What the clients were told that cannot be; each begins with its invariant. */
  violations(): readonly string[] {
    const verdict = judge(this.#telling(), PORT_SPECIFICATION);
    switch (verdict.kind) {
      case 'linearizable':
        return [];
      case 'violated':
        return [`S13 what clients were told of ${verdict.key} has no order:\n${describeCalls(verdict.calls.slice(-30))}`];
      default:
        return [`S13 it was not found out whether what clients were told of ${verdict.key} has an order`];
    }
  }

  /** Without reads that were not answered, and without what may or may not have been written and nobody saw. */
  #telling(): readonly Call<PortInput, string>[] {
    const seen = new Set(this.history.flatMap(({ output }) => (output === null ? [] : [output])));
    return this.history.filter(({ input, output }) => output !== null || (input.kind !== 'read' && seen.has(input.value)));
  }

  #live(who: string): void {
    const think = (): void => {
      if (this.#isOver) return;
      this.#world.timers.after(this.#chance.next() * THINK_MS_MAX, () => {
        // It never rejects: what a call came to is in the history.
        void this.#callOnce(who).then(think);
      });
    };
    think();
  }

  async #callOnce(who: string): Promise<void> {
    const draw = this.#chance.next();
    if (draw < 0.15) {
      const token = `token ${1 + Math.floor(this.#chance.next() * TOKENS)}`;
      if (draw < 0.07) await this.#make(who, token);
      else await this.#call(who, token, { kind: 'read' }, async () => madeUnder(await this.#mustPort().fresh(), token));
      return;
    }
    const key = TAG_KEYS[Math.floor(this.#chance.next() * TAG_KEYS.length)] ?? 'tag 1';
    if (this.#chance.next() < 0.4) await this.#write(who, key);
    else await this.#call(who, key, { kind: 'read' }, async () => this.#tag(await this.#read(key), key));
  }

  /** A leader is new: what it takes must be seen by everybody who reads afterwards, also by those who have not heard of it. */
  async #greet(leader: MemberId): Promise<void> {
    const who = 'the greeter';
    const value = this.#value();
    const key = TAG_KEYS[4];
    const command = { kind: 'setTags', instances: [this.#mustInstance()], set: { [key]: value }, remove: [] } as const;
    await this.#call(who, key, { kind: 'write', value }, async () => {
      const { result } = await this.#mustCell().askMember(leader, command);
      return result.kind === 'applied' ? '' : null;
    });
    const others = [...this.#ledgers.values()].filter((ledger) => ![leader, null].includes(ledger.status().leader));
    await Promise.all(others.map((ledger) => this.#call(who, key, { kind: 'read' }, async () => this.#tag(await ledger.readFresh({ timeoutMs: READ_TIMEOUT_MS }), key))));
  }

  async #write(who: string, key: string): Promise<void> {
    const value = this.#value();
    const instance = this.#mustInstance();
    await this.#call(who, key, { kind: 'write', value }, async () => {
      const { result } = await this.#mustPort().propose({ kind: 'setTags', instances: [instance], set: { [key]: value }, remove: [] });
      return result.kind === 'applied' ? '' : null;
    });
  }

  async #make(who: string, token: string): Promise<void> {
    const { ids, ...intent } = this.#mustCell().intentToRun(1);
    const value = ids.map(({ instance }) => instance).join();
    await this.#call(who, token, { kind: 'make', value }, async () => {
      const answer = await this.#mustPort().runInstances({ ...intent, ids, clientToken: token });
      return answer.kind === 'created' ? answer.instances.join() : null;
    });
  }

  /** `ask` resolves with null when nothing was done; a rejection tells nothing. */
  async #call(who: string, key: string, input: PortInput, ask: () => Promise<string | null>): Promise<void> {
    const calledAt = this.#next();
    const outcome = await this.#withPatience(ask().then((output): Outcome => (output === null ? { kind: 'refused' } : { kind: 'answered', output }), () => UNHEARD));
    if (outcome.kind === 'refused') return;
    const answer = outcome.kind === 'answered' ? { output: outcome.output, returnedAt: this.#next() } : { output: null, returnedAt: Infinity };
    this.history.push({ who, key, input, calledAt, ...answer });
  }

  #withPatience(asked: Promise<Outcome>): Promise<Outcome> {
    return new Promise((resolve) => {
      const timer = this.#world.timers.after(PATIENCE_MS, () => resolve(UNHEARD));
      void asked.then((outcome) => {
        timer.cancel();
        resolve(outcome);
      });
    });
  }

  async #read(key: string): Promise<CellState> {
    if (key.startsWith('tag')) return await this.#mustPort().fresh();
    const ledgers = [...this.#ledgers.values()];
    const ledger = ledgers[Math.floor(this.#chance.next() * ledgers.length)];
    if (ledger === undefined) throw new Error('no member runs');
    return await ledger.readFresh({ timeoutMs: READ_TIMEOUT_MS });
  }

  #tag(state: CellState, key: string): string {
    return state.instances.get(this.#mustInstance())?.tags[key] ?? '';
  }

  #next(): number {
    this.#place += 1;
    return this.#place;
  }

  #value(): string {
    this.#values += 1;
    return `value ${this.#values}`;
  }

  get #world(): VirtualCell['world'] {
    return this.#mustCell().world;
  }

  #mustCell(): VirtualCell {
    if (this.#cell === null) throw new Error('the clients have not begun');
    return this.#cell;
  }

  #mustPort(): CellPort {
    if (this.#port === null) throw new Error('the clients have not begun');
    return this.#port;
  }

  #mustInstance(): InstanceId {
    if (this.#instance === null) throw new Error('the clients have not begun');
    return this.#instance;
  }
}

type Outcome = { readonly kind: 'answered'; readonly output: string } | { readonly kind: 'refused' } | { readonly kind: 'unheard' };
const UNHEARD: Outcome = { kind: 'unheard' };

/** The instances that were ever made under a token, as far as they are still known. */
function madeUnder(state: CellState, token: string): string {
  return [...state.instances.values()].filter(({ clientToken }) => clientToken === token).map(({ id }) => id).toSorted().join();
}
