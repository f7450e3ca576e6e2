/**
 * What is the state of one mirrored volume, as far as its safety depends on it?
 *
 * Two nodes, each with a replica; the DRBD connection between them; the ledger's record of the volume; and proposals and answers on
 * their way. The ledger is one register that takes one command at a time (Raft is another test's matter); messages to and from it
 * wait as long as they like, get lost, or come twice. A write is a number, and a set of writes is a bit mask.
 */

export type Node = 'A' | 'B';
export const NODES: readonly Node[] = ['A', 'B'];
export const PEER: Readonly<Record<Node, Node>> = { A: 'B', B: 'A' };

/** Both replicas, or the one that is left. */
export type InSyncSet = 'AB' | Node;

/** One node: its instance, and DRBD's kernel state with the metadata on its disk. */
export interface NodeState {
  isUp: boolean;
  /** Generation that the instance runs by here; 0 while it does not run. */
  generation: number;
  isPrimary: boolean;
  /** All I/O waits, since the peer is gone and the ledger has not said that it is out of sync (`resource-and-stonith`). */
  isFrozen: boolean;
  /** DRBD takes the peer for outdated, so it acknowledges alone. */
  isPeerOutdated: boolean;
  isDiskGood: boolean;
  /** A mark outside of the disk that says that this replica missed writes: it is never offered before it was resynchronised. */
  isTainted: boolean;
  /** False from the beginning of a resynchronisation of this replica to its end (DRBD: Inconsistent). */
  isConsistent: boolean;
  /** Writes on the disk. */
  data: number;
  /** DRBD's data generation: the current UUID, and those before it, newest first. */
  uuid: number;
  formerUuids: readonly number[];
}

/** What is under way between a node and the ledger. */
export type Message =
  /** The holder asks to go on alone, in this session of the connection. */
  | { readonly kind: 'shrink'; readonly from: Node; readonly generation: number; readonly session: number }
  /** The holder says that both replicas are whole. `version` is the record's, as it was when the holder looked. */
  | { readonly kind: 'expand'; readonly from: Node; readonly generation: number; readonly version: number }
  /** The ledger's word that the shrink is committed. */
  | { readonly kind: 'shrunk'; readonly from: Node; readonly generation: number; readonly session: number };

export interface VolumeState {
  /** The ledger's record. */
  ledger: { holder: Node; generation: number; inSync: InSyncSet; version: number };
  nodes: Record<Node, NodeState>;
  isConnected: boolean;
  /** How often the connection was made. */
  session: number;
  /** Writes whose guest was told that they are safe. */
  acknowledged: number;
  writes: number;
  crashes: number;
  diskErrors: number;
  peerDiskErrors: number;
  uuids: number;
  messages: readonly Message[];
  /** DRBD met a replica of another branch. */
  isSplitBrain: boolean;
  /** A write was acknowledged by one replica while the ledger counted two. */
  isAckedTooEarly: boolean;
}

/** The instance runs on A, both replicas are whole and connected. */
export function firstState(): VolumeState {
  const node = (isHolder: boolean): NodeState => ({
    isUp: true, generation: isHolder ? 1 : 0, isPrimary: isHolder, isFrozen: false, isPeerOutdated: false, isDiskGood: true, isTainted: false,
    isConsistent: true, data: 0, uuid: 0, formerUuids: [],
  });
  return {
    ledger: { holder: 'A', generation: 1, inSync: 'AB', version: 1 }, nodes: { A: node(true), B: node(false) }, isConnected: true, session: 1,
    acknowledged: 0, writes: 0, crashes: 0, diskErrors: 0, peerDiskErrors: 0, uuids: 1, messages: [],
    isSplitBrain: false, isAckedTooEarly: false,
  };
}

/** A copy that may be changed. */
export function draftOf(state: VolumeState): VolumeState {
  return { ...state, ledger: { ...state.ledger }, nodes: { A: { ...state.nodes.A }, B: { ...state.nodes.B } } };
}

/**
 * States with the same key have the same future. So UUIDs count by which are equal, and the ledger's version only by whether a proposal
 * on its way still names it: once overtaken, it stays so.
 */
export function keyOf(state: VolumeState): string {
  const { ledger, nodes } = state;
  const names = new Map<number, number>();
  const messages = state.messages.map((message) => messageKey(message, ledger.version)).toSorted();
  const cell = `${ledger.holder}${ledger.generation}${ledger.inSync}${+state.isConnected}${state.session},${state.acknowledged},${state.writes}`;
  const spent = `${state.crashes}${state.diskErrors}${state.peerDiskErrors}${+state.isSplitBrain}${+state.isAckedTooEarly}`;
  return `${cell}|${spent}|${nodeKey(nodes.A, names)}|${nodeKey(nodes.B, names)}|${messages.join()}`;
}

function nodeKey(node: NodeState, names: Map<number, number>): string {
  const { isUp, isPrimary, isFrozen, isPeerOutdated, isDiskGood, isTainted, isConsistent } = node;
  const flags = +isUp + 2 * +isPrimary + 4 * +isFrozen + 8 * +isPeerOutdated + 16 * +isDiskGood + 32 * +isTainted + 64 * +isConsistent;
  let uuids = '';
  for (const uuid of [node.uuid, ...node.formerUuids]) {
    const name = names.get(uuid) ?? names.size;
    names.set(uuid, name);
    uuids += `.${name}`;
  }
  return `${flags},${node.generation},${node.data}${uuids}`;
}

function messageKey(message: Message, version: number): string {
  const { kind, from, generation } = message;
  return kind === 'expand' ? `${kind}${from}${generation}${+(message.version === version)}` : `${kind}${from}${generation}.${message.session}`;
}
