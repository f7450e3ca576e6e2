/**
 * Why was a node certainly dead? A fence proof as data, as a timeline, and in one sentence.
 */
import { unreachable } from '../../shared/errors.ts';
import type { FenceObservation, FenceProof } from '../../shared/model/node.ts';
import type { MoveView, ProofView } from '../../shared/wire/rest.ts';

export type TimelineEntry = MoveView['timeline'][number];

/** The proof as JSON. */
export function proofView(proof: FenceProof): ProofView {
  return { ...proof, observations: proof.observations.map((one) => ({ ...one })) };
}

/** Where the times of a proof count from, and whether that is a renewal that was really received; null where nobody noted it. */
export function baseOf(proof: FenceProof): { readonly at: string; readonly isRenewal: boolean } | null {
  const base = proof.observations.find((one) => one.what === 'lastRenewal');
  // A leader that never heard this boot says so in the detail (agent/machines/fence.ts).
  return base === undefined ? null : { at: base.at, isRenewal: base.detail === '' };
}

/** What was seen, in order, and the entry that recorded it. */
export function proofTimeline(proof: FenceProof): readonly TimelineEntry[] {
  const base = baseOf(proof)?.at ?? null;
  return [
    ...proof.observations.map((one) => ({ at: one.at, afterMs: one.afterMs, what: one.what, by: one.by, sentence: observationSentence(one, proof) })),
    {
      at: proof.at, afterMs: elapsedMs(base, proof.at), what: 'proofCommitted', by: proof.leader,
      sentence: `Ledger entry ${proof.index} records that this boot of ${proof.node} is dead, proposed by ${proof.leader} in term ${proof.term}.`,
    },
  ];
}

/** Milliseconds between two wall-clock times; null where one is missing or no time. Clocks of two nodes may differ: for people only. */
export function elapsedMs(from: string | null, to: string | null): number | null {
  if (from === null || to === null) return null;
  const elapsed = Date.parse(to) - Date.parse(from);
  return Number.isNaN(elapsed) ? null : elapsed;
}

function observationSentence(seen: FenceObservation, { node }: FenceProof): string {
  const detail = seen.detail === '' ? '' : `: ${seen.detail}`;
  switch (seen.what) {
    case 'lastRenewal':
      return seen.detail === '' ? `${seen.by} received the last renewal of ${node}'s lease.` : `${seen.by} began to lead without having heard ${node}${detail}.`;
    case 'suspected': return `${node} became suspect${detail}.`;
    case 'probeAnswered': return `${seen.by} probed ${node} and vouches for it${detail}.`;
    case 'probeFailed': return `${seen.by} probed ${node} and does not vouch for it${detail}.`;
    case 'intentCommitted': return `It was committed that this boot of ${node} is to be fenced${detail}.`;
    case 'powerOffOrdered': return `${seen.by} ordered the power of ${node} off${seen.detail === '' ? '' : ` (${seen.detail})`}.`;
    case 'foundOff': return `${node} was off already before the first order${detail}.`;
    case 'powerStatusOff': return `The BMC of ${node} reported its power off${detail}.`;
    case 'powerFailed': return `Switching ${node} off did not work${detail}.`;
    case 'deadline': return `The fence wait is over${detail}.`;
    case 'bootSeen': return `${node} announced a new boot${detail}.`;
    case 'stopped': return `${node} said that it stopped${detail}.`;
    default: return unreachable(seen.what);
  }
}

/** Why nothing of the boot could run any more, in words that a newcomer understands. */
export function whyDead(proof: FenceProof): string {
  switch (proof.kind) {
    case 'leaseExpired':
      return `${proof.node} was silent for ${seconds(proof.fenceWaitMs)} after its last renewal. A node that cannot renew its lease is reset by its own watchdog before that time is over, so nothing ran there any more`;
    case 'powerOffConfirmed': {
      const reports = proof.observations.filter((one) => one.what === 'powerStatusOff');
      const apartMs = (reports.at(-1)?.afterMs ?? 0) - (reports[0]?.afterMs ?? 0);
      return `the power of ${proof.node} was switched off, and its BMC reported it off${reports.length > 1 ? ` twice, ${seconds(apartMs)} apart` : ''}`;
    }
    case 'cleanStop': return `${proof.node} stopped cleanly, with no instance left on it`;
    case 'nodeRebooted': return `${proof.node} announced a new boot: whatever ran in the boot before is gone`;
    default: return unreachable(proof.kind);
  }
}

/** `9.0 s` */
export function seconds(durationMs: number): string {
  return `${(durationMs / 1000).toFixed(1)} s`;
}
