/**
 * Does the volume protocol keep every acknowledged write, and every instance on one node?
 *
 * SAFETY.md 2.3 as an explicit-state model: a primary that lost its peer acknowledges nothing before the ledger recorded the *shrink*; the
 * peer counts again only by an *expand* that names the version its proposer saw; and only a replica of the in-sync set is promoted, by
 * the holder of the newest generation, after the former holder cannot run any more.
 *
 * Not in here: Raft (one register), time (the fence is a condition: the former holder's domain is gone), migration, a third replica,
 * several volumes of one instance. Promotion and its shrink are one step.
 */
import type { Invariant, Model, ModelStep } from '../explore.ts';
import { beginDataGeneration, connect, crash, disconnect, finishResync, goOnAlone, stop } from './drbd.ts';
import type { Mutation, VolumeInvariant } from './mutations.ts';
import { draftOf, firstState, keyOf, NODES, PEER } from './state.ts';
import type { Message, Node, VolumeState } from './state.ts';

/** How far the model goes. It is finite because each of these is. */
export interface VolumeBounds {
  readonly writes: number;
  readonly generations: number;
  /** Sessions of the connection. */
  readonly sessions: number;
  readonly crashes: number;
  readonly messages: number;
  /** Errors of a primary's disk, and of a secondary's. */
  readonly diskErrors: number;
  readonly peerDiskErrors: number;
}

/** S1, S2, S4 and S5 of SAFETY.md 6.1. */
export const VOLUME_INVARIANTS: readonly (Invariant<VolumeState> & { readonly name: VolumeInvariant })[] = [
  { name: 'one runner (S1)', holds: ({ nodes }) => NODES.filter((id) => nodes[id].isUp && nodes[id].generation > 0).length <= 1 },
  { name: 'no acknowledged write is lost (S2)', holds: (state) => NODES.every((id) => readsEverything(state, id)) },
  { name: 'shrink before acknowledging (S4)', holds: (state) => !state.isAckedTooEarly },
  { name: 'no split brain (S5)', holds: (state) => !state.isSplitBrain },
];

/** The protocol, or the protocol without one of its rules. */
export function volumeModel(bounds: VolumeBounds, mutation: Mutation | null, invariants: readonly Invariant<VolumeState>[] = VOLUME_INVARIANTS): Model<VolumeState> {
  return { initial: [{ label: '', state: firstState() }], invariants, key: keyOf, steps: (state) => new Steps(state, bounds, mutation).all() };
}

/** A running primary reads its own disk; one that lost it reads through its peer. A frozen one reads nothing. */
function readsEverything(state: VolumeState, id: Node): boolean {
  const node = state.nodes[id];
  if (!node.isUp || !node.isPrimary || node.isFrozen || node.generation === 0) return true;
  if (!node.isDiskGood && !state.isConnected) return true;
  const data = node.isDiskGood ? node.data : state.nodes[PEER[id]].data;
  return (state.acknowledged & ~data) === 0;
}

/** Everything that may happen next in one state. */
class Steps {
  readonly #state: VolumeState;
  readonly #bounds: VolumeBounds;
  readonly #mutation: Mutation | null;
  readonly #found: ModelStep<VolumeState>[] = [];

  constructor(state: VolumeState, bounds: VolumeBounds, mutation: Mutation | null) {
    this.#state = state;
    this.#bounds = bounds;
    this.#mutation = mutation;
  }

  all(): readonly ModelStep<VolumeState>[] {
    this.#connection();
    for (const id of NODES) {
      this.#writes(id);
      this.#holderAsks(id);
      this.#faults(id);
      this.#takeover(id);
      this.#holderStarts(id);
      this.#formerHolder(id);
    }
    this.#state.messages.forEach((message, place) => this.#delivery(message, place));
    return this.#found;
  }

  /** A step, unless `change` says (false) that it cannot be taken. */
  #may(label: string, change: (draft: VolumeState) => boolean | void): void {
    const draft = draftOf(this.#state);
    if (change(draft) !== false) this.#found.push({ label, state: draft });
  }

  #send(draft: VolumeState, message: Message): void {
    draft.messages = [...draft.messages, message];
  }

  // ---------------------------------------------------------------- DRBD

  #connection(): void {
    const { isConnected, nodes, session } = this.#state;
    if (isConnected) this.#may('disconnect', (draft) => disconnect(draft, this.#mutation));
    else if (nodes.A.isUp && nodes.B.isUp && session < this.#bounds.sessions) this.#may('connect', connect);
    for (const id of NODES) {
      if (isConnected && !nodes[id].isConsistent && nodes[id].isDiskGood && nodes[PEER[id]].isConsistent) this.#may(`resync ${id}`, (draft) => finishResync(draft, id));
    }
  }

  #writes(id: Node): void {
    const { isConnected, nodes, writes } = this.#state;
    const node = nodes[id];
    const peer = nodes[PEER[id]];
    if (writes >= this.#bounds.writes || !node.isUp || node.generation === 0 || !node.isPrimary || node.isFrozen) return;
    if (isConnected && peer.isUp) this.#may(`write ${id}`, (draft) => writeConnected(draft, id));
    else if (node.isPeerOutdated && node.isDiskGood) this.#may(`solo write ${id}`, (draft) => writeAlone(draft, id));
    if (!isConnected || !node.isDiskGood) return;
    // On this disk only when the connection broke: not acknowledged, since the primary froze.
    this.#may(`half write ${id}`, (draft) => {
      draft.nodes[id].data |= nextWrite(draft);
      disconnect(draft, this.#mutation);
    });
  }

  // ---------------------------------------------------------------- the holder's agent

  #holderAsks(id: Node): void {
    const { ledger, isConnected, session, nodes, messages } = this.#state;
    const node = nodes[id];
    const peer = nodes[PEER[id]];
    if (!node.isUp || !node.isPrimary) return;
    const { generation } = node;
    const mayAsk = messages.length < this.#bounds.messages;
    const isAsked = messages.some((message) => message.kind === 'shrink' && message.from === id && message.session === session);
    if (node.isFrozen && mayAsk && !isAsked) this.#may(`ask shrink ${id}`, (draft) => this.#send(draft, { kind: 'shrink', from: id, generation, session }));
    if (this.#mutation === 'shrink is answered from a cache' && node.isFrozen && ledger.holder === id && ledger.inSync === id) {
      this.#may(`cached shrink ${id}`, (draft) => goOnAlone(draft, id));
    }
    const isWhole = isConnected && peer.isUp && peer.isConsistent && node.isConsistent;
    if (!isWhole || ledger.holder !== id || ledger.inSync === 'AB' || !mayAsk || messages.some(({ kind }) => kind === 'expand')) return;
    // The version is read now; the proposal may arrive much later.
    this.#may(`ask expand ${id}`, (draft) => this.#send(draft, { kind: 'expand', from: id, generation, version: ledger.version }));
  }

  /** The holder starts the instance: on a connected pair as it is, else alone, after the shrink. */
  #holderStarts(id: Node): void {
    const { ledger, isConnected, nodes } = this.#state;
    const node = nodes[id];
    const peer = nodes[PEER[id]];
    const isAnyTaken = this.#mutation === 'takeover by a replica that is not in sync';
    if (ledger.holder !== id || !node.isUp || node.isPrimary || node.generation > 0 || node.isTainted || (!node.isConsistent && !isAnyTaken)) return;
    if (isConnected && peer.isUp && !peer.isPrimary) {
      this.#may(`promote ${id} connected`, (draft) => {
        draft.nodes[id].isPrimary = true;
        draft.nodes[id].generation = ledger.generation;
      });
    }
    if (!ledger.inSync.includes(id) && !isAnyTaken) return;
    this.#may(`promote ${id} alone`, (draft) => {
      if (draft.isConnected) disconnect(draft, this.#mutation);
      if (this.#mutation !== 'promotion without a shrink') {
        draft.ledger.inSync = id;
        draft.ledger.version += 1;
      }
      draft.nodes[id].isPrimary = true;
      draft.nodes[id].generation = ledger.generation;
      goOnAlone(draft, id);
    });
  }

  /** A node that runs what the ledger gave to another, or by an older generation, ends it. */
  #formerHolder(id: Node): void {
    const { ledger, nodes } = this.#state;
    const node = nodes[id];
    if (!node.isUp || node.generation === 0 || (ledger.holder === id && ledger.generation === node.generation)) return;
    this.#may(`stop ${id}`, (draft) => stop(draft.nodes[id]));
  }

  // ---------------------------------------------------------------- faults

  #faults(id: Node): void {
    const { isConnected, nodes, crashes, diskErrors, peerDiskErrors } = this.#state;
    const node = nodes[id];
    const peer = nodes[PEER[id]];
    if (node.isUp && crashes < this.#bounds.crashes) {
      this.#may(`crash ${id}`, (draft) => {
        draft.crashes += 1;
        crash(draft, id, this.#mutation);
      });
    }
    if (!node.isUp) {
      this.#may(`boot ${id}`, (draft) => {
        draft.nodes[id].isUp = true;
        // Errors come and go: a disk that failed may be there again after a boot.
        draft.nodes[id].isDiskGood = true;
      });
    }
    if (isConnected && node.isPrimary && node.isDiskGood && peer.isConsistent && diskErrors < this.#bounds.diskErrors) this.#primaryDiskFails(id);
    if (isConnected && peer.isPrimary && node.isUp && node.isDiskGood && node.isConsistent && peerDiskErrors < this.#bounds.peerDiskErrors) this.#secondaryDiskFails(id);
    if (node.isUp && !node.isDiskGood && node.isTainted) this.#may(`reset ${id}`, (draft) => crash(draft, id, this.#mutation));
    this.#mutatedFaults(id);
  }

  /** The local-io-error helper resets the node: to its peer that is a crash like any other. */
  #primaryDiskFails(id: Node): void {
    this.#may(`disk error ${id}`, (draft) => {
      draft.diskErrors += 1;
      if (this.#mutation === 'a primary goes on without its disk') draft.nodes[id].isDiskGood = false;
      else crash(draft, id, this.#mutation);
    });
  }

  /** DRBD lets the primary go on alone, unfrozen, so a mark is made durable outside of the disk first; the reset follows. */
  #secondaryDiskFails(id: Node): void {
    this.#may(`disk error ${id}`, (draft) => {
      draft.peerDiskErrors += 1;
      draft.nodes[id].isDiskGood = false;
      if (this.#mutation !== "a secondary's disk error is not marked") draft.nodes[id].isTainted = true;
    });
  }

  #mutatedFaults(id: Node): void {
    const { isConnected, nodes, ledger } = this.#state;
    const node = nodes[id];
    const peer = nodes[PEER[id]];
    if (this.#mutation === 'promotion by local belief' && node.isUp && !node.isPrimary && !isConnected && node.isConsistent && node.generation === 0 && peer.generation === 0) {
      this.#may(`promote ${id} by itself`, (draft) => {
        draft.nodes[id].isPrimary = true;
        draft.nodes[id].generation = ledger.generation;
        draft.nodes[id].isPeerOutdated = true;
        beginDataGeneration(draft, id);
      });
    }
    if (this.#mutation === 'a graceful disconnect before the shrink' && isConnected && peer.isPrimary) {
      this.#may(`graceful disconnect ${id}`, (draft) => {
        draft.isConnected = false;
        goOnAlone(draft, PEER[id]);
      });
    }
  }

  // ---------------------------------------------------------------- the ledger

  /** A takeover needs the former holder's death, and a node whose replica is in sync. */
  #takeover(to: Node): void {
    const { ledger, nodes } = this.#state;
    if (ledger.generation >= this.#bounds.generations || !nodes[to].isUp) return;
    const former = nodes[ledger.holder];
    const isFenced = !former.isUp || former.generation === 0 || this.#mutation === 'takeover without a fence';
    const isInSync = ledger.inSync.includes(to) || this.#mutation === 'takeover by a replica that is not in sync';
    if (!isFenced || !isInSync) return;
    this.#may(`takeover ${ledger.holder}->${to}`, (draft) => {
      draft.ledger = { ...draft.ledger, holder: to, generation: ledger.generation + 1, version: ledger.version + 1 };
    });
  }

  /** A message is lost, arrives, or arrives and comes again. */
  #delivery(message: Message, place: number): void {
    const without = (draft: VolumeState): void => {
      draft.messages = draft.messages.filter((_, index) => index !== place);
    };
    this.#may(`lose ${message.kind}`, without);
    this.#may(`deliver ${message.kind}`, (draft) => {
      without(draft);
      this.#apply(draft, message);
    });
    if (message.kind !== 'shrunk' && this.#state.messages.length < this.#bounds.messages) this.#may(`deliver ${message.kind} twice`, (draft) => this.#apply(draft, message));
  }

  #apply(draft: VolumeState, message: Message): void {
    const { ledger } = draft;
    const { from, generation } = message;
    if (message.kind === 'shrunk') {
      this.#answer(draft, message);
      return;
    }
    if (ledger.holder !== from || ledger.generation !== generation) return;
    if (message.kind === 'expand') {
      if (ledger.version !== message.version && this.#mutation !== 'expand without the version') return;
      ledger.inSync = 'AB';
      ledger.version += 1;
      return;
    }
    // Also when nothing changes: an expand that was proposed before this outage must come too late.
    if (ledger.inSync !== from || this.#mutation !== 'shrink does not raise the version when nothing changes') ledger.version += 1;
    ledger.inSync = from;
    if (draft.messages.length <= this.#bounds.messages) this.#send(draft, { kind: 'shrunk', from, generation, session: message.session });
  }

  /** The helper's exit code. The kernel ignores it when the connection was made meanwhile (`connect_cnt`). */
  #answer(draft: VolumeState, message: Message & { readonly kind: 'shrunk' }): void {
    const node = draft.nodes[message.from];
    const isCurrent = message.session === draft.session || this.#mutation === 'an answer about an older session counts';
    if (node.isUp && node.isPrimary && node.isFrozen && node.generation === message.generation && !draft.isConnected && isCurrent) goOnAlone(draft, message.from);
  }
}

function nextWrite(draft: VolumeState): number {
  const write = 1 << draft.writes;
  draft.writes += 1;
  return write;
}

/** Protocol C: acknowledged when both disks have it, as far as DRBD believes that there are two. */
function writeConnected(draft: VolumeState, id: Node): void {
  const node = draft.nodes[id];
  const peer = draft.nodes[PEER[id]];
  const write = nextWrite(draft);
  // A peer without a disk is left behind, and a new data generation says so.
  if (!peer.isDiskGood && node.uuid === peer.uuid) beginDataGeneration(draft, id);
  if (node.isDiskGood) node.data |= write;
  if (peer.isConsistent && peer.isDiskGood) peer.data |= write;
  draft.acknowledged |= write;
}

function writeAlone(draft: VolumeState, id: Node): void {
  const write = nextWrite(draft);
  draft.nodes[id].data |= write;
  draft.acknowledged |= write;
  if (draft.ledger.inSync === 'AB') draft.isAckedTooEarly = true;
}
