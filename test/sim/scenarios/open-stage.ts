/**
 * What cell does a story ask for? Its first line, such as `cell nodes=3 bmc=yes`.
 */
import type { CellParameters } from '../../../shared/model/cell.ts';
import type { VirtualCellOptions } from '../../support/virtual-cell.ts';
import { durationMs } from './parse-duration.ts';
import { Stage } from './stage.ts';

/** All of them are up, attested and steady within this time, ms. */
const COMES_UP_MS = 60_000;

/** A cell that has come up. */
export async function openStage(text: string): Promise<Stage> {
  const stage = new Stage(parseCell(text));
  const areAllActive = (): boolean => {
    const nodes = stage.cell.state().nodes.values();
    return nodes.length === stage.cell.nodeIds.length && nodes.every((node) => node.phase === 'active');
  };
  if (!(await stage.until(areAllActive, COMES_UP_MS))) throw new Error(`the cell did not come up within ${COMES_UP_MS / 1000} s`);
  return stage;
}

/** The options of a `cell` line: nodes, seed, bmc=yes, rebuildAfter=20s, powerFenceShare=0.5, reserveStandby=no. Throws for others. */
export function parseCell(text: string): VirtualCellOptions {
  const [word, ...options] = text.split(/\s+/);
  if (word !== 'cell') throw new Error('the first command is "cell"');
  let parameters: Partial<CellParameters> = {};
  let cell: VirtualCellOptions = { nodes: 3, seed: 1 };
  for (const option of options) {
    const [name = '', value = ''] = option.split('=');
    if (name === 'nodes' || name === 'seed') cell = { ...cell, [name]: Number(value) };
    else if (name === 'bmc') cell = { ...cell, hasBmc: value === 'yes' };
    else if (name === 'rebuildAfter') parameters = { ...parameters, rebuildAfterMs: durationMs(value) };
    else if (name === 'powerFenceShare') parameters = { ...parameters, powerFenceShare: Number(value) };
    else if (name === 'reserveStandby') parameters = { ...parameters, reserveStandby: value === 'yes' };
    else throw new Error(`a cell has nodes, seed, bmc, rebuildAfter, powerFenceShare and reserveStandby, no "${name}"`);
  }
  return { ...cell, parameters };
}
