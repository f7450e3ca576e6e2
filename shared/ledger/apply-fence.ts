/**
 * When is a boot of a node dead for the ledger? The intent that forbids it any renewal, and the proof that it is over.
 */
import { OBSERVATIONS_MAX } from '../model/limits.ts';
import { fenceWaitOf } from '../model/cell.ts';
import type { FenceProof, NodeRecord } from '../model/node.ts';
import { APPLIED, rejected } from './change.ts';
import type { Change, CommandOf } from './change.ts';
import type { ApplyResult } from './commands.ts';
import { keptPowerFences, refusePowerFence } from './power-limit.ts';
import { powerReturn, whyItStaysOff } from './power-return.ts';
import { releaseHeld } from './release.ts';

/** The leader decided to fence: no renewal and no right for that boot from here on (S10). */
export function intendFence(change: Change, command: CommandOf<'intendFence'>): ApplyResult {
  const node = change.state.nodes.get(command.node);
  if (node === undefined) return rejected('unknownNode', `there is no node ${command.node}`);
  if (node.bootId !== command.bootId) return rejected('staleBoot', `${node.id} has another boot than ${command.bootId}`);
  if (node.phase === 'fenced' || node.phase === 'removed') return rejected('fenced', `${node.id} is ${node.phase} already`);
  if (command.byPower) {
    const refusal = countPowerFence(change, node, command);
    if (refusal !== null) return refusal;
  }
  if (node.fenceIntentIndex !== null) return APPLIED;
  change.putNode({ ...node, phase: 'fencing', fenceIntentIndex: change.entry.index });
  change.say('fenceIntended', [node.id], `${node.id} is to be fenced: ${command.reason}.`, 'warning');
  return APPLIED;
}

/** The rate limit of power fencing: a confused leader may not switch the cell off node by node (power-limit.ts). */
function countPowerFence(change: Change, node: NodeRecord, command: CommandOf<'intendFence'>): ApplyResult | null {
  const { parameters, powerFences } = change.state;
  if (!parameters.powerFencing) return rejected('wrongState', 'power fencing is off in this cell');
  if (node.power.kind === 'none') return rejected('invalidParameter', `nothing reaches the power of ${node.id}`);
  if (powerFences.some((fence) => fence.node === node.id && fence.bootId === command.bootId)) return null;
  const refusal = refusePowerFence(change.state, node.id, command.atMs);
  if (refusal !== null) return rejected('rateLimited', refusal);
  change.set({ powerFences: keptPowerFences(change.state, { node: node.id, bootId: command.bootId, index: change.entry.index, atMs: command.atMs, foundOff: false }) });
  return null;
}

/** The boot is dead, with the evidence. What it held is released (SAFETY.md 5.1, 5.2). */
export function proveFenced(change: Change, command: CommandOf<'proveFenced'>): ApplyResult {
  const node = change.state.nodes.get(command.node);
  if (node === undefined) return rejected('unknownNode', `there is no node ${command.node}`);
  if (node.bootId !== command.bootId) return rejected('staleBoot', `${node.id} has another boot than ${command.bootId}`);
  if (node.phase === 'removed') return rejected('wrongState', `${node.id} was removed`);
  if (node.phase === 'fenced') return APPLIED;
  const refusal = refuseEvidence(change, node, command);
  if (refusal !== null) return refusal;
  const { index, data } = change.entry;
  const proof: FenceProof = {
    kind: command.proof, node: node.id, bootId: command.bootId, index, term: command.term, leader: command.leader,
    fenceWaitMs: command.fenceWaitMs, observations: command.observations.slice(-OBSERVATIONS_MAX), at: data.at,
  };
  if (command.observations.some(({ what }) => what === 'foundOff')) noteFoundOff(change, node);
  const fenced: NodeRecord = { ...node, phase: 'fenced', fence: proof };
  change.putNode(fenced);
  change.say('nodeFenced', [node.id], `${node.id} is fenced: ${WHY[command.proof]}.`, command.proof === 'cleanStop' ? 'info' : 'warning');
  if (powerReturn(change.state, fenced) === 'tooOften') change.say('nodeStaysOff', [node.id], whyItStaysOff(fenced), 'warning');
  releaseHeld(change, node.id, proof);
  return APPLIED;
}

/** Nobody of the cell switched this boot off, so nobody of the cell switches it on. */
function noteFoundOff(change: Change, { id, bootId }: NodeRecord): void {
  change.set({ powerFences: change.state.powerFences.map((fence) => (fence.node === id && fence.bootId === bootId ? { ...fence, foundOff: true } : fence)) });
}

const WHY: Readonly<Record<FenceProof['kind'], string>> = {
  leaseExpired: 'its lease ran out, and its watchdog has reset it by now',
  powerOffConfirmed: 'its power is off, confirmed',
  cleanStop: 'it stopped cleanly',
  nodeRebooted: 'it started again',
};

function refuseEvidence({ state, entry }: Change, node: NodeRecord, command: CommandOf<'proveFenced'>): ApplyResult | null {
  switch (command.proof) {
    case 'leaseExpired': {
      // Between its term and this one another leader may have granted the node a lease that this proof knows nothing of.
      if (command.term !== entry.term) return rejected('notFenced', `the proof against ${node.id} was made in term ${command.term} and comes in term ${entry.term}`);
      const neededMs = fenceWaitOf(state, node.id);
      return command.fenceWaitMs >= neededMs ? null : rejected('notFenced', `${node.id} needs a fence wait of ${neededMs} ms, not ${command.fenceWaitMs} ms`);
    }
    case 'powerOffConfirmed':
      if (node.fenceIntentIndex === null) return rejected('notFenced', `nobody committed the intent to fence this boot of ${node.id}`);
      return command.observations.some((seen) => seen.what === 'powerStatusOff') ? null : rejected('notFenced', `nobody saw the power of ${node.id} off`);
    case 'cleanStop':
      return (state.usage.get(node.id)?.instances ?? 0) === 0 ? null : rejected('wrongState', `instances are placed on ${node.id}`);
    case 'nodeRebooted':
      return rejected('invalidParameter', 'a reboot is proven by the boot itself (bootNode)');
    default:
      return command.proof satisfies never;
  }
}
