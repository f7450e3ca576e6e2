/**
 * Can instances be requested? When the ledger has a leader and every machine that is on has joined with its present boot.
 */
import * as v from 'valibot';
import { nodesAnswer } from '../../shared/wire/rest.ts';
import type { NodesAnswer } from '../../shared/wire/rest.ts';
import type { RoomNode } from './room-control.ts';

/** Phases of a node that has joined (shared/model/node.ts); a cordoned one takes no work, but is there. */
const JOINED: readonly string[] = ['active', 'draining', 'maintenance'];

/** What is known, and what is still waited for, in a few words; nothing: ready. */
export interface Readiness {
  readonly isReady: boolean;
  readonly hasLeader: boolean;
  readonly words: string;
}

/**
 * Judges what room and coordinator say; null: no answer from it. The coordinator's answer may come from before its
 * restart, so a node counts only with the boot that the room knows.
 */
export function judgeReadiness(room: readonly RoomNode[] | null, answer: unknown): Readiness {
  const not = (words: string, hasLeader = false): Readiness => ({ isReady: false, hasLeader, words });
  if (room === null) return not('the machine room starts');
  const parsed = v.safeParse(nodesAnswer, answer);
  if (!parsed.success) return not(answer === null ? `${bootedWords(room)}; the coordinator starts` : `${bootedWords(room)}; the coordinator's answer is not understood`);
  const { nodes, asOf } = parsed.output;
  if (asOf.isStale || asOf.leader === null) return not(`${bootedWords(room)}; the ledger has no leader yet${quorumWords(room)}`);
  const missing = room.filter((node) => node.isOn && !hasJoined(node, nodes));
  if (missing.length > 0) return not(`${missing.map(({ node, bootId }) => (bootId === null ? `${node} boots` : `${node} joins`)).join(', ')}; ${asOf.leader} leads`, true);
  if (!room.some(({ isOn }) => isOn)) return not('all nodes are switched off: switch them on with `npx ves room power-on NODE`');
  return { isReady: true, hasLeader: true, words: `${asOf.leader} leads` };
}

function hasJoined(node: RoomNode, views: NodesAnswer['nodes']): boolean {
  const view = views.find(({ id }) => id === node.node);
  return view !== undefined && JOINED.includes(view.phase) && view.bootId === node.bootId;
}

function bootedWords(room: readonly RoomNode[]): string {
  const on = room.filter(({ isOn }) => isOn);
  return `${on.filter(({ bootId }) => bootId !== null).length} of ${on.length} nodes have booted`;
}

/** Nodes that the user switched off stay off: say so when that may be why nobody leads. */
function quorumWords(room: readonly RoomNode[]): string {
  const off = room.filter(({ isOn }) => !isOn).map(({ node }) => node);
  return off.length === 0 ? '' : ` (${off.join(', ')} off: \`npx ves room power-on ${off[0]}\`)`;
}
