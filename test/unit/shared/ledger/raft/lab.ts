/**
 * How is one rule of the log shown? A few members under full control: nothing moves unless the test says so.
 */
import { EMPTY_STORE } from '../../../../../shared/ledger/raft/options.ts';
import type { RaftOptions, StoredState } from '../../../../../shared/ledger/raft/options.ts';
import { Raft } from '../../../../../shared/ledger/raft/raft.ts';
import { RAFT_VERSION } from '../../../../../shared/ledger/raft/types.ts';
import type {
  ConfState,
  Entry,
  Message,
  MessageKind,
  MessageOf,
  Ready,
  ReadState,
} from '../../../../../shared/ledger/raft/types.ts';

export const ELECTION_TICKS = 10;

export type LabOptions = {
  readonly conf: Partial<ConfState>;
  /** Members that run but know no configuration. */
  readonly strangers?: readonly string[];
  readonly make?: (options: RaftOptions) => Raft;
  readonly options?: Partial<RaftOptions>;
  /** What one member has on its disk instead of nothing, and what else only it has. */
  readonly storedOf?: (id: string) => Partial<StoredState>;
  readonly optionsOf?: (id: string) => Partial<RaftOptions>;
};

type Disk = { stored: StoredState };
export type Machine = {
  raft: Raft;
  readonly disk: Disk;
  readonly applied: Entry[];
  readonly reads: ReadState[];
  readonly aborted: unknown[];
  readonly readies: Ready[];
};

export class Lab {
  readonly flying: Message[] = [];
  /** Every message that was ever sent. */
  readonly sent: Message[] = [];
  readonly #machines = new Map<string, Machine>();
  readonly #options: LabOptions;

  constructor(options: LabOptions) {
    this.#options = options;
    const conf: ConfState = { voters: [], learners: [], witnesses: [], ...options.conf };
    const storedOf = options.storedOf ?? ((): Partial<StoredState> => ({}));
    for (const id of [...conf.voters, ...conf.learners]) this.#add(id, { ...EMPTY_STORE, conf, ...storedOf(id) });
    for (const id of options.strangers ?? []) this.#add(id, { ...EMPTY_STORE, ...storedOf(id) });
  }

  at(id: string): Machine {
    const machine = this.#machines.get(id);
    if (!machine) throw new Error(`no member ${id}`);
    return machine;
  }

  raft(id: string): Raft {
    return this.at(id).raft;
  }

  /** Commands that a member has applied. */
  commands(id: string): unknown[] {
    return this.at(id).applied.flatMap((entry) => (entry.kind === 'command' ? [entry.data] : []));
  }

  /** Does what the machine asks until it asks no more: saves, sends into the air, applies. */
  work(id: string): void {
    const machine = this.at(id);
    while (machine.raft.hasReady()) {
      const ready = machine.raft.ready();
      this.#save(machine, ready);
      this.flying.push(...ready.messages);
      this.sent.push(...ready.messages);
      machine.applied.push(...ready.committedEntries);
      machine.reads.push(...ready.readStates);
      machine.aborted.push(...ready.abortedReads);
      machine.readies.push(ready);
      machine.raft.advance(ready);
    }
  }

  /** Delivers until the air is empty; what `isAllowed` refuses is lost. */
  settle(isAllowed: (message: Message) => boolean = () => true): void {
    for (let count = 0; count < 10_000; count += 1) {
      for (const id of this.#machines.keys()) this.work(id);
      const message = this.flying.shift();
      if (!message) return;
      if (isAllowed(message)) this.#machines.get(message.to)?.raft.step(JSON.parse(JSON.stringify(message)));
    }
    throw new Error('the members do not come to rest');
  }

  /** Only messages among these arrive. */
  settleAmong(...ids: string[]): void {
    this.settle((message) => ids.includes(message.from) && ids.includes(message.to));
  }

  elect(id: string): void {
    this.raft(id).campaign();
    this.settle();
  }

  /** The member starts an election that nobody ignores, in a term above that of all `electors`; only they hear of it. */
  force(id: string, electors: readonly string[], isAllowed: (message: Message) => boolean = () => true): void {
    const from = electors.find((each) => each !== id);
    const term = Math.max(...electors.map((each) => this.raft(each).status().term));
    this.raft(id).step({ version: RAFT_VERSION, kind: 'staleTerm', from, to: id, term });
    this.raft(id).step({ version: RAFT_VERSION, kind: 'timeoutNow', from, to: id, term });
    this.settle((m) => electors.includes(m.from) && electors.includes(m.to) && isAllowed(m));
    if (this.raft(id).status().role !== 'leader') throw new Error(`${id} was not elected`);
  }

  tick(ids: readonly string[], count: number, isAllowed?: (message: Message) => boolean): void {
    for (let tick = 0; tick < count; tick += 1) {
      for (const id of ids) this.raft(id).tick();
      this.settle(isAllowed);
    }
  }

  /** Loses everything that is not on disk. The application keeps what it applied. */
  restart(id: string): void {
    const machine = this.at(id);
    machine.raft = this.#make(id, { ...machine.disk.stored, applied: machine.applied.at(-1)?.index ?? 0 });
  }

  inAir<K extends MessageKind>(kind: K, to?: string): MessageOf<K>[] {
    return this.flying.filter(
      (message): message is MessageOf<K> => message.kind === kind && (to === undefined || message.to === to),
    );
  }

  #add(id: string, stored: StoredState): void {
    const lists = { applied: [], reads: [], aborted: [], readies: [] };
    this.#machines.set(id, { raft: this.#make(id, stored), disk: { stored }, ...lists });
  }

  #make(id: string, stored: StoredState): Raft {
    const make = this.#options.make ?? ((options: RaftOptions) => new Raft(options));
    const basics = { id, random: () => 0, electionTicks: ELECTION_TICKS, heartbeatTicks: 1, stored };
    return make({ ...basics, ...this.#options.options, ...this.#options.optionsOf?.(id) });
  }

  #save({ disk }: Machine, { snapshot, entries, hardState }: Ready): void {
    let stored = disk.stored;
    if (snapshot) stored = { ...stored, snapshot, entries: [] };
    const first = entries[0];
    if (first) stored = { ...stored, entries: [...stored.entries.filter((e) => e.index < first.index), ...entries] };
    if (hardState) stored = { ...stored, hardState };
    disk.stored = stored;
  }
}

/** Three voters a, b and c; a leads and its no-op is committed everywhere. */
export function trio(options: Partial<LabOptions> = {}): Lab {
  const lab = new Lab({ conf: { voters: ['a', 'b', 'c'] }, ...options });
  lab.elect('a');
  return lab;
}
