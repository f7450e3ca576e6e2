/**
 * Shall a node that the cell switched off be switched on again? A fence frees what a node held; the node itself is wanted back.
 *
 *     none       nothing to do: it is not fenced, the cell did not switch this boot off, or somebody wants it off (cordoned)
 *     due        the leader switches it on
 *     tooOften   it was switched off again and again: it stays off, and people are told (`nodeStaysOff`)
 *
 * Only after the proof of the boot's death is in the ledger: whatever the machine runs from then on is another boot, which begins with
 * nothing. A machine that was off before the cell's first order is left as it is: whoever switched it off knows why.
 */
import { MINUTE_MS } from '../units.ts';
import type { CellState } from '../model/cell.ts';
import { POWER_RETURN_WINDOW_MS, POWER_RETURNS_MAX } from '../model/limits.ts';
import type { NodeRecord } from '../model/node.ts';

export type PowerReturn = 'none' | 'due' | 'tooOften';

/** See the file's opening. Pure, from the ledger alone: every leader decides alike. */
export function powerReturn(state: CellState, node: NodeRecord): PowerReturn {
  const { bootId, fence, phase, power, cordoned } = node;
  if (phase !== 'fenced' || fence === null || fence.bootId !== bootId || cordoned || power.kind === 'none' || !state.parameters.powerFencing) return 'none';
  const own = powerFenceOf(state, node);
  if (own === undefined || own.foundOff) return 'none';
  const recent = state.powerFences.filter((one) => one.node === node.id && Math.abs(own.atMs - one.atMs) <= POWER_RETURN_WINDOW_MS);
  return recent.length > POWER_RETURNS_MAX ? 'tooOften' : 'due';
}

/** The intent to switch off the boot that is recorded last, if there was one and it is not forgotten. */
export function powerFenceOf({ powerFences }: CellState, { id, bootId }: NodeRecord): CellState['powerFences'][number] | undefined {
  return powerFences.find((one) => one.node === id && one.bootId === bootId);
}

/** What people are told of a node that stays off. */
export function whyItStaysOff({ id }: NodeRecord): string {
  return `${id} was to be switched off more than ${POWER_RETURNS_MAX} times within ${POWER_RETURN_WINDOW_MS / MINUTE_MS} minutes: it stays off until somebody switches it on.`;
}
