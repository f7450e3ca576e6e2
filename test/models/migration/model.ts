/**
 * Does an instance that moves while it runs keep every acknowledged write, and run on one node only?
 *
 * SAFETY.md 5.3 as an explicit-state model, written before the code. The ledger says who may run:
 *
 *     running --begin--> migrating --switch--> switched --end--> running
 *                        migrating --abort--> running          any --the runner is fenced--> running, on the other node
 *
 * Both replicas are primary from `begin` to `end`. The source sends its memory, suspends, sends the rest, and proposes the *switch*; the target runs only
 * when it saw the switch applied, and the source goes on only when it saw the *abort* applied: the ledger applies one of them. Meanwhile a
 * lost connection freezes both ends, and only the runner by phase may go on alone, after the other end's domain is gone or its node dead.
 * That ends the migration, so a switch that comes later finds none.
 *
 * What writing it showed, beyond SAFETY.md 5.3: switch, abort and stream must name the attempt; a shrink ends the migration, or a switch needs both
 * replicas in sync when it is *applied*; a received domain belongs to its attempt and is never run for another reason, not even by its node when
 * that takes over. That a runner may go on alone only when the other end's domain is gone (S22) is a second line: nothing breaks without it.
 *
 * Not in here: Raft (one register), time (the fence is a condition: the former runner's node is down), the expand's version (the volume's model), memory sent
 * in rounds, a third node.
 */
import type { Invariant, Model, ModelStep } from '../explore.ts';
import type { MigrationInvariant, MigrationMutation } from './mutations.ts';
import { draftOf, firstState, keyOf, NODES, PEER } from './state.ts';
import type { Domain, Message, MigrationState, Node, NodeState } from './state.ts';

export interface MigrationBounds {
  readonly writes: number;
  readonly generations: number;
  readonly migrations: number;
  /** Sessions of the connection. */
  readonly sessions: number;
  readonly crashes: number;
  readonly messages: number;
}

export const MIGRATION_INVARIANTS: readonly (Invariant<MigrationState> & { readonly name: MigrationInvariant })[] = [
  { name: 'one runner (S1)', holds: ({ nodes }) => NODES.filter((id) => nodes[id].isUp && nodes[id].domain.kind === 'running').length <= 1 },
  { name: 'disk and memory know every acknowledged write (S2)', holds: (state) => NODES.every((id) => knowsEverything(state, state.nodes[id])) },
  { name: 'no split brain (S5)', holds: (state) => !state.isSplitBrain },
];

const OUTLIVES: MigrationMutation = 'a migration outlives the shrink, and a switch needs no whole mirror';
const NONE: Domain = { kind: 'none' };

/** The protocol, or the protocol without one of its rules. */
export function migrationModel(bounds: MigrationBounds, mutation: MigrationMutation | null, invariants: readonly Invariant<MigrationState>[] = MIGRATION_INVARIANTS): Model<MigrationState> {
  return { initial: [{ label: '', state: firstState() }], invariants, key: keyOf, steps: (state) => new Steps(state, bounds, mutation).all() };
}

/** A domain that runs and is not frozen reads its own disk, and remembers what it was told. */
function knowsEverything({ acknowledged }: MigrationState, { isUp, isFrozen, domain, data }: NodeState): boolean {
  if (!isUp || isFrozen || domain.kind !== 'running') return true;
  return (acknowledged & ~data) === 0 && (acknowledged & ~domain.memory) === 0;
}

/** Everything that may happen next in one state. */
class Steps {
  readonly #state: MigrationState;
  readonly #bounds: MigrationBounds;
  readonly #mutation: MigrationMutation | null;
  readonly #found: ModelStep<MigrationState>[] = [];

  constructor(state: MigrationState, bounds: MigrationBounds, mutation: MigrationMutation | null) {
    this.#state = state;
    this.#bounds = bounds;
    this.#mutation = mutation;
  }

  all(): readonly ModelStep<MigrationState>[] {
    this.#planner();
    this.#connection();
    for (const id of NODES) {
      this.#faults(id);
      if (!this.#state.nodes[id].isUp) continue;
      this.#sees(id);
      this.#writes(id);
      this.#source(id);
      this.#target(id);
      this.#runner(id);
      this.#asksShrink(id);
      this.#letsGo(id);
    }
    this.#state.messages.forEach((message, place) => this.#delivery(message, place));
    return this.#found;
  }

  #may(label: string, change: (draft: MigrationState) => void): void {
    const draft = draftOf(this.#state);
    change(draft);
    this.#found.push({ label, state: draft });
  }

  #is(mutation: MigrationMutation): boolean {
    return this.#mutation === mutation;
  }

  // ---------------------------------------------------------------- the leader's planner

  #planner(): void {
    const { ledger, nodes, isConnected } = this.#state;
    const runner = nodes[ledger.runner];
    const other = nodes[PEER[ledger.runner]];
    const isQuiet = ledger.phase === 'running' && ledger.inSync === 'AB' && isConnected && runner.isUp && other.isUp;
    if (isQuiet && runner.domain.kind === 'running' && other.domain.kind === 'none' && ledger.attempt < this.#bounds.migrations) {
      this.#may('begin', (draft) => {
        draft.ledger = { ...ledger, phase: 'migrating', attempt: ledger.attempt + 1 };
      });
    }
    if (ledger.phase === 'switched' && runner.domain.kind === 'running' && other.domain.kind === 'none' && !other.isPrimary) {
      this.#may('end', (draft) => {
        draft.ledger = { ...ledger, phase: 'running' };
      });
    }
    if (isConnected && ledger.inSync !== 'AB' && runner.isPrimary && runner.isConsistent && other.isUp && other.isConsistent) {
      this.#may('expand', (draft) => {
        draft.ledger = { ...ledger, inSync: 'AB' };
      });
    }
    const to = PEER[ledger.runner];
    const isFenced = !runner.isUp || this.#is('takeover without a fence');
    if (isFenced && other.isUp && ledger.inSync.includes(to) && ledger.generation < this.#bounds.generations) {
      this.#may(`takeover by ${to}`, (draft) => {
        draft.ledger = { ...ledger, phase: 'running', runner: to, generation: ledger.generation + 1 };
      });
    }
  }

  // ---------------------------------------------------------------- DRBD

  #connection(): void {
    const { isConnected, nodes, sessions } = this.#state;
    if (isConnected) this.#may('disconnect', disconnect);
    else if (nodes.A.isUp && nodes.B.isUp && sessions < this.#bounds.sessions) this.#connect();
    for (const id of NODES) {
      const source = nodes[PEER[id]];
      if (!isConnected || nodes[id].isConsistent || !source.isConsistent) continue;
      this.#may(`resync ${id}`, (draft) => {
        const { data, uuid, formerUuids } = source;
        Object.assign(draft.nodes[id], { data, uuid, formerUuids, isConsistent: true });
      });
    }
  }

  /** Two primaries meet only while a migration allows them to, and only when neither went on alone. */
  #connect(): void {
    const { A: a, B: b } = this.#state.nodes;
    const isEqual = a.uuid === b.uuid;
    const behind: Node | null = isEqual ? null : a.formerUuids.includes(b.uuid) ? 'B' : b.formerUuids.includes(a.uuid) ? 'A' : null;
    const areBothAllowed = [a, b].every(({ seen }) => seen.phase !== 'running');
    if (a.isPrimary && b.isPrimary && !(isEqual && areBothAllowed)) return;
    if (behind !== null && this.#state.nodes[behind].isPrimary) return;
    this.#may('connect', (draft) => {
      draft.isConnected = true;
      draft.sessions += 1;
      draft.isSplitBrain = !isEqual && behind === null;
      if (behind !== null) draft.nodes[behind].isConsistent = false;
      // A primary sends again what its peer may lack.
      if (isEqual) for (const id of NODES) if (draft.nodes[id].isPrimary) draft.nodes[PEER[id]].data |= draft.nodes[id].data;
      for (const id of NODES) Object.assign(draft.nodes[id], { isFrozen: false, isAlone: false });
    });
  }

  #writes(id: Node): void {
    const { isConnected, nodes, writes } = this.#state;
    const { domain, isPrimary, isFrozen, isAlone } = nodes[id];
    if (domain.kind !== 'running' || !isPrimary || isFrozen || writes >= this.#bounds.writes || (!isConnected && !isAlone)) return;
    this.#may(`write ${id}`, (draft) => {
      const write = 1 << writes;
      draft.writes += 1;
      draft.acknowledged |= write;
      draft.nodes[id].data |= write;
      draft.nodes[id].domain = { ...domain, memory: domain.memory | write };
      if (isConnected && nodes[PEER[id]].isConsistent) draft.nodes[PEER[id]].data |= write;
    });
  }

  // ---------------------------------------------------------------- the two ends

  #sees(id: Node): void {
    if (this.#state.nodes[id].seen === this.#state.ledger) return;
    this.#may(`${id} sees ${this.#state.ledger.phase} on ${this.#state.ledger.runner}`, (draft) => {
      draft.nodes[id].seen = draft.ledger;
    });
  }

  #source(id: Node): void {
    const { nodes, isConnected } = this.#state;
    const { domain, seen } = nodes[id];
    const target = nodes[PEER[id]];
    if (seen.runner !== id || (domain.kind !== 'running' && domain.kind !== 'suspended') || domain.generation !== seen.generation) return;
    const { generation, memory } = domain;
    const { attempt } = seen;
    if (seen.phase === 'migrating' && domain.kind === 'running') {
      if (target.isUp && target.domain.kind === 'none' && target.isPrimary && isConnected && target.seen.attempt === attempt) {
        this.#may(`${id} begins the stream`, (draft) => {
          draft.nodes[PEER[id]].domain = { kind: 'incoming', attempt, memory: null };
        });
      }
      if (target.domain.kind === 'incoming' && target.domain.attempt === attempt && this.#hasRoom()) {
        this.#may(`${id} suspends, and sends the rest`, (draft) => {
          draft.nodes[id].domain = { kind: 'suspended', generation, memory };
          draft.messages = [...draft.messages, { kind: 'complete', attempt, memory }];
        });
      }
    }
    if (seen.phase === 'migrating' && this.#hasRoom()) {
      if (domain.kind === 'suspended') this.#proposes({ kind: 'switch', from: id, generation, attempt });
      this.#proposes({ kind: 'abort', from: id, generation, attempt });
    }
    const isAborted = seen.phase === 'running' || (seen.phase === 'migrating' && this.#is('the source goes on when its switch is not answered'));
    if (domain.kind === 'suspended' && isAborted) {
      this.#may(`${id} goes on`, (draft) => {
        draft.nodes[id].domain = { kind: 'running', generation, memory };
      });
    }
  }

  #target(id: Node): void {
    const { nodes, isConnected } = this.#state;
    const { domain, seen, isPrimary, isFrozen, isConsistent } = nodes[id];
    if (seen.phase === 'migrating' && seen.runner !== id && !isPrimary && isConnected && isConsistent) {
      this.#may(`promote ${id} beside ${PEER[id]}`, (draft) => {
        draft.nodes[id].isPrimary = true;
      });
    }
    if (domain.kind !== 'incoming') return;
    const { memory, attempt } = domain;
    const isSwitched = seen.phase === 'switched' && seen.runner === id && seen.attempt === attempt;
    const isEager = this.#is('the target runs as soon as it has the memory') && seen.phase === 'migrating';
    const isBold = this.#is('who takes over goes on with the domain that it received') && seen.phase === 'running' && seen.runner === id;
    if (memory !== null && (isSwitched || isEager || isBold)) {
      this.#may(`${id} runs what it received`, (draft) => {
        Object.assign(draft.nodes[id], { domain: { kind: 'running', generation: seen.generation, memory }, isPrimary: true, isFrozen: isFrozen || !isPrimary });
      });
    }
  }

  /** A runner without a domain starts one from its disk, after a fresh read of the ledger: connected, or alone after the shrink. */
  #runner(id: Node): void {
    const { ledger, nodes, isConnected } = this.#state;
    const { domain, seen, isPrimary, isConsistent, data } = nodes[id];
    if (seen !== ledger || ledger.runner !== id || ledger.phase === 'migrating' || domain.kind !== 'none' || !isConsistent) return;
    const running: Domain = { kind: 'running', generation: ledger.generation, memory: data };
    if (isConnected && (isPrimary || !nodes[PEER[id]].isPrimary)) {
      this.#may(`${id} starts it connected`, (draft) => {
        Object.assign(draft.nodes[id], { domain: running, isPrimary: true });
      });
    }
    const other = nodes[PEER[id]];
    if (!ledger.inSync.includes(id) || isPrimary || (other.isUp && other.domain.kind !== 'none')) return;
    this.#may(`${id} starts it alone`, (draft) => {
      if (isConnected) disconnect(draft);
      draft.ledger = { ...ledger, phase: 'running', inSync: id };
      draft.nodes[id].seen = draft.ledger;
      Object.assign(draft.nodes[id], { domain: running, isPrimary: true });
      goOnAlone(draft, id);
    });
  }

  #asksShrink(id: Node): void {
    const { isPrimary, isFrozen, seen } = this.#state.nodes[id];
    if (isPrimary && isFrozen && this.#hasRoom()) this.#proposes({ kind: 'shrink', from: id, generation: seen.generation });
  }

  /** Ends what the ledger, as seen here, gives to the other node or to no attempt. Stopping needs no permit. */
  #letsGo(id: Node): void {
    const { domain, seen, isPrimary, isFrozen } = this.#state.nodes[id];
    const isForeign = domain.kind === 'incoming'
      ? seen.phase === 'running' || seen.attempt !== domain.attempt
      : domain.kind !== 'none' && (seen.runner !== id || seen.generation !== domain.generation);
    if (isForeign) {
      this.#may(`destroy on ${id}`, (draft) => {
        draft.nodes[id].domain = NONE;
      });
    }
    const isNeeded = seen.runner === id || seen.phase === 'migrating';
    if (isPrimary && domain.kind === 'none' && !isNeeded && !isFrozen) {
      this.#may(`demote ${id}`, (draft) => {
        draft.nodes[id].isPrimary = false;
      });
    }
  }

  // ---------------------------------------------------------------- faults

  #faults(id: Node): void {
    const { nodes, crashes } = this.#state;
    if (!nodes[id].isUp) {
      this.#may(`boot ${id}`, (draft) => {
        draft.nodes[id].isUp = true;
      });
    } else if (crashes < this.#bounds.crashes) {
      this.#may(`crash ${id}`, (draft) => {
        draft.crashes += 1;
        Object.assign(draft.nodes[id], { isUp: false, domain: NONE, isPrimary: false, isFrozen: false, isAlone: false });
        if (draft.isConnected) disconnect(draft);
      });
    }
  }

  // ---------------------------------------------------------------- messages

  #hasRoom(): boolean {
    return this.#state.messages.length < this.#bounds.messages;
  }

  #proposes(message: Exclude<Message, { kind: 'complete' }>): void {
    const { messages } = this.#state;
    if (messages.some((other) => other.kind === message.kind && other.from === message.from)) return;
    this.#may(`${message.from} proposes ${message.kind}`, (draft) => {
      draft.messages = [...draft.messages, message];
    });
  }

  #delivery(message: Message, place: number): void {
    const without = (draft: MigrationState): void => {
      draft.messages = draft.messages.filter((_, index) => index !== place);
    };
    this.#may(`lose ${message.kind}`, without);
    this.#may(`deliver ${message.kind}`, (draft) => {
      without(draft);
      this.#apply(draft, message);
    });
  }

  #apply(draft: MigrationState, message: Message): void {
    const { ledger } = draft;
    if (message.kind === 'complete') {
      for (const id of NODES) {
        const { isUp, domain } = draft.nodes[id];
        const isOfAttempt = domain.kind === 'incoming' && (domain.attempt === message.attempt || this.#is('the end of one stream is taken for that of another'));
        if (isUp && isOfAttempt) draft.nodes[id].domain = { ...domain, memory: message.memory };
      }
      return;
    }
    if (message.kind === 'shrink') {
      this.#applyShrink(draft, message.from, message.generation);
      return;
    }
    const { kind, from, attempt, generation } = message;
    const isCurrent = ledger.attempt === attempt && ledger.phase === 'migrating';
    if (kind === 'abort') {
      const isLate = this.#is('an abort is applied after the switch') && ledger.phase === 'switched';
      if (isCurrent) draft.ledger = { ...ledger, phase: 'running' };
      else if (isLate) draft.ledger = { ...ledger, phase: 'running', runner: from, generation };
      return;
    }
    const mayFollowAbort = this.#is('a switch is applied after an abort') && ledger.attempt === attempt && ledger.phase === 'running' && ledger.runner === from;
    const isWhole = ledger.inSync === 'AB' || this.#is(OUTLIVES);
    if (!(isCurrent || mayFollowAbort) || !isWhole || ledger.generation !== generation) return;
    draft.ledger = { ...ledger, phase: 'switched', runner: PEER[from], generation: generation + 1 };
  }

  /** Only the runner goes on alone, when nothing of the other end can run any more; and no migration goes on without its mirror. */
  #applyShrink(draft: MigrationState, from: Node, generation: number): void {
    const { ledger, nodes } = draft;
    const other = nodes[PEER[from]];
    const isRunner = (ledger.runner === from && ledger.generation === generation) || this.#is('whoever asks may go on alone');
    const isOtherStopped = !other.isUp || other.domain.kind === 'none';
    const isSettled = ledger.phase === 'running' || isOtherStopped || this.#is(OUTLIVES) || this.#is('whoever asks may go on alone');
    if (!isRunner || !isSettled) return;
    const keepsPhase = this.#is(OUTLIVES) || this.#is('whoever asks may go on alone');
    draft.ledger = { ...ledger, phase: keepsPhase ? ledger.phase : 'running', inSync: from };
    const node = nodes[from];
    if (node.isUp && node.isPrimary && node.isFrozen && !draft.isConnected) goOnAlone(draft, from);
  }
}

function disconnect(draft: MigrationState): void {
  draft.isConnected = false;
  for (const id of NODES) {
    const node = draft.nodes[id];
    if (node.isUp && node.isPrimary) Object.assign(node, { isFrozen: true, isAlone: false });
  }
}

function goOnAlone(draft: MigrationState, id: Node): void {
  const node = draft.nodes[id];
  Object.assign(node, { isFrozen: false, isAlone: true, uuid: draft.uuids, formerUuids: [node.uuid, ...node.formerUuids] });
  draft.uuids += 1;
}
