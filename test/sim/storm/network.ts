/** What goes wrong with the network? */
import type { NodeId } from '../../../shared/ids.ts';
import { pickFrom } from './site.ts';
import type { Strike } from './site.ts';

export const meshCut: Strike = ({ cell, later }, event, node) => {
  cell.room.setCables(node, event.how < 0.3 ? { mesh: false, storage: false } : { mesh: false });
  later(event, [node], () => cell.room.setCables(node, { mesh: true, storage: true }));
  return true;
};

export const storageCut: Strike = ({ cell, later }, event, node) => {
  cell.room.setCables(node, { storage: false });
  later(event, [node], () => cell.room.setCables(node, { storage: true }));
  return true;
};

/** Two nodes that do not see each other, while the others see both. */
export const pairCut: Strike = ({ cell, later }, event, node) => {
  const other = pickFrom(cell.nodeIds.filter((each) => each !== node), event.how) as NodeId;
  cell.network.cutPair(node, other);
  later(event, [node, other], () => cell.network.healPair(node, other));
  return true;
};

export const networkStorm: Strike = ({ cell, later, network }, event) => {
  cell.network.weather = { lossShare: 0.4 * event.how, duplicateShare: 0.1, jitterMs: 500 };
  later(event, [], () => {
    cell.network.weather = network;
  });
  return true;
};
