/**
 * What is the state of an instance that is handed from one node to another while it runs?
 *
 * Two nodes with a replica each, and perhaps a domain; the ledger's record; what each node has seen of that record; and proposals under way. A
 * write is a number, a set of them a bit mask; a domain's memory is the set of acknowledged writes that its guest knows of.
 */
export type Node = 'A' | 'B';
export const NODES: readonly Node[] = ['A', 'B'];
export const PEER: Readonly<Record<Node, Node>> = { A: 'B', B: 'A' };

/** The ledger's record. `attempt` numbers the migrations, and `version` every change. */
export interface Ledger {
  readonly phase: 'running' | 'migrating' | 'switched';
  readonly runner: Node;
  readonly generation: number;
  readonly inSync: 'AB' | Node;
  readonly attempt: number;
}

export type Domain =
  | { readonly kind: 'none' }
  | { readonly kind: 'running'; readonly generation: number; readonly memory: number }
  /** The source's, after its last page was sent. */
  | { readonly kind: 'suspended'; readonly generation: number; readonly memory: number }
  /** The target's, paused: what came of the stream of that attempt. `memory` is null until all of it is there. */
  | { readonly kind: 'incoming'; readonly attempt: number; readonly memory: number | null };

export interface NodeState {
  isUp: boolean;
  domain: Domain;
  seen: Ledger;
  isPrimary: boolean;
  isFrozen: boolean;
  /** Acknowledges without its peer, which DRBD takes for outdated. */
  isAlone: boolean;
  data: number;
  isConsistent: boolean;
  uuid: number;
  formerUuids: readonly number[];
}

/** `complete` is the end of the stream, on its way to the target; the others are on their way to the ledger. */
export type Message =
  | { readonly kind: 'complete'; readonly attempt: number; readonly memory: number }
  | { readonly kind: 'switch' | 'abort'; readonly from: Node; readonly generation: number; readonly attempt: number }
  | { readonly kind: 'shrink'; readonly from: Node; readonly generation: number };

export interface MigrationState {
  ledger: Ledger;
  nodes: Record<Node, NodeState>;
  isConnected: boolean;
  sessions: number;
  acknowledged: number;
  writes: number;
  crashes: number;
  uuids: number;
  messages: readonly Message[];
  isSplitBrain: boolean;
}

export function firstState(): MigrationState {
  const ledger: Ledger = { phase: 'running', runner: 'A', generation: 1, inSync: 'AB', attempt: 0 };
  const node = (isRunner: boolean): NodeState => ({
    isUp: true, domain: isRunner ? { kind: 'running', generation: 1, memory: 0 } : { kind: 'none' }, seen: ledger, isPrimary: isRunner,
    isFrozen: false, isAlone: false, data: 0, isConsistent: true, uuid: 0, formerUuids: [],
  });
  return {
    ledger, nodes: { A: node(true), B: node(false) }, isConnected: true, sessions: 1, acknowledged: 0, writes: 0, crashes: 0, uuids: 1,
    messages: [], isSplitBrain: false,
  };
}

/** A copy that may be changed; records, domains and messages are replaced, never changed. */
export function draftOf(state: MigrationState): MigrationState {
  return { ...state, nodes: { A: { ...state.nodes.A }, B: { ...state.nodes.B } } };
}

export function keyOf(state: MigrationState): string {
  const names = new Map<number, number>();
  const nodes = NODES.map((id) => nodeKey(state.nodes[id], names)).join('|');
  const messages = state.messages.map(messageKey).toSorted().join();
  return `${ledgerKey(state.ledger)}${+state.isConnected}${state.sessions}${state.acknowledged},${state.writes},${state.crashes}${+state.isSplitBrain}|${nodes}|${messages}`;
}

function ledgerKey({ phase, runner, generation, inSync, attempt }: Ledger): string {
  return `${phase}${runner}${generation}${inSync}${attempt}.`;
}

function nodeKey(node: NodeState, names: Map<number, number>): string {
  const { isUp, domain, seen, isPrimary, isFrozen, isAlone, data, isConsistent } = node;
  const uuids = [node.uuid, ...node.formerUuids].map((uuid) => {
    const name = names.get(uuid) ?? names.size;
    names.set(uuid, name);
    return name;
  });
  const flags = +isUp + 2 * +isPrimary + 4 * +isFrozen + 8 * +isAlone + 16 * +isConsistent;
  const is = domain.kind === 'none' ? '' : domain.kind === 'incoming' ? `i${domain.attempt}.${domain.memory ?? '-'}` : `${domain.kind}${domain.generation}.${domain.memory}`;
  return `${flags},${is},${data},${uuids.join('.')},${ledgerKey(seen)}`;
}

function messageKey(message: Message): string {
  if (message.kind === 'complete') return `c${message.attempt}.${message.memory}`;
  return message.kind === 'shrink' ? `s${message.from}${message.generation}` : `${message.kind}${message.from}${message.generation}.${message.attempt}`;
}
