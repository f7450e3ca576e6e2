/**
 * Why was it safe? The evidence of each change of holder, told in order, so that a newcomer can follow it.
 */
import type { MoveView, VolumeView, WhyAnswer } from '../../shared/wire/rest.ts';
import { clockTime } from './show.ts';
import type { Paint } from './table.ts';

export function showWhy(answer: WhyAnswer, paint: Paint): string {
  const parts = [
    `${paint('bold', answer.sentence)}\n`,
    ...answer.volumes.map((volume) => showVolume(volume)),
    ...answer.moves.map((move) => showMove(move, paint)),
  ];
  if (answer.waiting !== null) {
    parts.push(`\n${paint('red', answer.waiting.sentence)}\n${showTimeline(answer.waiting.timeline, paint)}`);
  }
  return parts.join('');
}

function showVolume(volume: VolumeView): string {
  const filling = volume.syncPercent === null ? 'not in sync' : `being filled, ${volume.syncPercent.toFixed(0)} %`;
  const copies = volume.replicas.map((node) => `${node} (${volume.inSync.includes(node) ? 'in sync' : volume.tainted.includes(node) ? 'failed disk' : filling})`);
  return `Its disk ${volume.id} has ${copies.length === 1 ? 'a replica' : 'replicas'} on ${copies.join(' and ')}.\n`;
}

function showMove(move: MoveView, paint: Paint): string {
  const head = `${paint('bold', `Generation ${move.generation}`)}  ${clockTime(move.at)}  ${move.sentence}`;
  const refused = move.refused.map((one) => `  ${paint('dim', 'not chosen')}  ${one.node}: ${one.reason}${one.detail === '' ? '' : ` (${one.detail})`}\n`);
  const isStory = move.proof !== null;
  return [
    `\n${head}\n`,
    ...(isStory ? [`  ${paint('green', 'why safe')}    ${move.whySafe}\n`, showTimeline(move.timeline, paint)] : []),
    ...refused,
  ].join('');
}

/** Seconds count from the last renewal of the dead node's lease. */
function showTimeline(timeline: MoveView['timeline'], paint: Paint): string {
  return timeline
    .map((entry) => `  ${paint('dim', `${clockTime(entry.at)} ${entry.afterMs === null ? '' : `${entry.afterMs < 0 ? '-' : '+'}${(Math.abs(entry.afterMs) / 1000).toFixed(2)} s`.padStart(9)}`)}  ${entry.sentence}\n`)
    .join('');
}
