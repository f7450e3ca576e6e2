/**
 * Why was it safe to start this instance elsewhere? Each change of holder with its evidence, as data, timeline and sentences.
 */
import { unreachable } from '../../shared/errors.ts';
import type { CellState } from '../../shared/model/cell.ts';
import type { InstanceRecord, Move } from '../../shared/model/instance.ts';
import type { AsOf, MoveView, WhyAnswer } from '../../shared/wire/rest.ts';
import { instanceView, volumeView } from './instance-view.ts';
import type { HeardHealth } from './ports.ts';
import { baseOf, elapsedMs, proofTimeline, proofView, seconds, whyDead } from './proof-view.ts';

/** The whole story of an instance. */
export function whyView(instance: InstanceRecord, state: CellState, health: ReadonlyMap<string, HeardHealth>, asOf: AsOf): WhyAnswer {
  return {
    instance: instanceView(instance),
    sentence: standing(instance),
    volumes: instance.volumes.flatMap((id) => {
      const volume = state.volumes.get(id);
      return volume === undefined ? [] : [volumeView(volume, health)];
    }),
    moves: instance.moves.map((move) => moveView(move, instance)),
    waiting: waitingView(instance),
    asOf,
  };
}

function moveView(move: Move, instance: InstanceRecord): MoveView {
  const { generation, from, to, reason, proof, index, at, startedAt, refused } = move;
  const counted = proof === null ? null : baseOf(proof);
  const base = counted?.at ?? null;
  const downtimeMs = reason === 'takenOver' ? elapsedMs(base, startedAt) : null;
  // A leader that took office after the death does not know when that was.
  const downtimeMsMax = counted?.isRenewal === true ? downtimeMs : null;
  return {
    generation, reason, from, to, at, startedAt, index, downtimeMsMax,
    sentence: moveSentence(move, downtimeMsMax, downtimeMs),
    whySafe: whySafe(move, instance),
    proof: proof === null ? null : proofView(proof),
    timeline: [
      ...(proof === null ? [] : proofTimeline(proof)),
      { at, afterMs: elapsedMs(base, at), what: reason, by: null, sentence: `Ledger entry ${index} gives ${instance.id} to ${to}, as generation ${generation}.` },
      ...(startedAt === null ? [] : [{ at: startedAt, afterMs: elapsedMs(base, startedAt), what: 'startReported', by: to, sentence: `${to} reported that it runs.` }]),
    ],
    refused: refused.map((one) => ({ ...one })),
  };
}

function moveSentence({ from, to, reason, startedAt, proof }: Move, downtimeMsMax: number | null, downtimeMs: number | null): string {
  const pending = startedAt === null ? ' It has not reported the start.' : '';
  switch (reason) {
    case 'created': return `It was created on ${to}.${pending}`;
    case 'started': return `It was started on ${to}${from === null || from === to ? '' : `; before it was on ${from}`}.${pending}`;
    case 'restarted': return `It was started again on ${to}${from === null || from === to ? '' : `; before it was on ${from}`}.${pending}`;
    case 'takenOver': {
      const counted = downtimeMs === null ? '' : `; ${seconds(downtimeMs)} passed from when ${proof?.leader ?? 'the leader'} began to lead to the start`;
      return `${to} took it over from ${from ?? 'its holder'}${downtimeMsMax === null ? counted : `; it was down for at most ${seconds(downtimeMsMax)}`}.${pending}`;
    }
    default: return unreachable(reason);
  }
}

function whySafe({ from, to, reason, proof }: Move, instance: InstanceRecord): string {
  if (proof !== null) {
    return `Nothing of it could still run on ${proof.node}: ${whyDead(proof)}. ${to} could take over because its replica of ${instance.volumes.join(', ') || 'every volume'} was in the in-sync set: it holds every acknowledged write.`;
  }
  if (reason === 'created') return 'It had never run before.';
  return `${from ?? 'Its last holder'} had reported that it was stopped and that its volumes were given back.`;
}

/** Evidence that nobody has acted upon yet. */
function waitingView(instance: InstanceRecord): WhyAnswer['waiting'] {
  const proof = instance.fence;
  if (proof === null) return null;
  return {
    proof: proofView(proof), timeline: [...proofTimeline(proof)],
    sentence: `Its holder ${proof.node} is dead: ${whyDead(proof)}. ${instance.reason === null ? 'It waits for its next holder.' : capital(instance.reason.message)}`,
  };
}

/** How it stands now. */
function standing(instance: InstanceRecord): string {
  const { id, phase, holder, standby, phaseAt, reason } = instance;
  const because = reason === null ? '' : ` ${capital(reason.message)}${reason.message.endsWith('.') ? '' : '.'}`;
  switch (phase) {
    case 'starting': return `${id} is being started on ${holder ?? 'a node'} since ${phaseAt}.${because}`;
    case 'running': return `${id} runs on ${holder ?? 'a node'} since ${phaseAt}; ${standby === null ? 'no node stands by' : `${standby} stands by`}.${because}`;
    case 'stopping': return `${id} is being stopped on ${holder ?? 'a node'} since ${phaseAt}.${because}`;
    case 'stopped': return `${id} is stopped since ${phaseAt}.${because}`;
    case 'takeover': return `${id} lost its holder ${holder ?? ''} and is about to be taken over.${because}`;
    case 'unavailableData': return `${id} waits: no replica that holds every acknowledged write is on a living node.${because}`;
    case 'unavailableCapacity': return `${id} waits: no node that may take it has room.${because}`;
    case 'crashBackoff': return `${id} ended by itself ${instance.failures} times and is started again after a pause.${because}`;
    case 'terminated': return `${id} is terminated since ${phaseAt}.${because}`;
    default: return unreachable(phase);
  }
}

function capital(text: string): string {
  return text === '' ? '' : (text[0] ?? '').toUpperCase() + text.slice(1);
}
