/** What goes wrong with the network? */
import type { NodeId } from '../../../shared/ids.ts';
import type { VirtualCell } from '../../support/virtual-cell.ts';
import { pickFrom, spread } from './site.ts';
import type { Strike } from './site.ts';

/** How many datagrams are remembered, to be sent again. */
const REMEMBERED_MAX = 64;
/** More often than a lease is renewed. */
const ECHO_EVERY_MS = 20;

export const meshCut: Strike = ({ cell, later }, event, node) => {
  cell.room.setCables(node, event.how < 0.3 ? { mesh: false, storage: false } : { mesh: false });
  later(event.forMs, [node], () => cell.room.setCables(node, { mesh: true, storage: true }));
  return true;
};

export const storageCut: Strike = ({ cell, later }, event, node) => {
  cell.room.setCables(node, { storage: false });
  later(event.forMs, [node], () => cell.room.setCables(node, { storage: true }));
  return true;
};

/** Two nodes whose replicas do not see each other, while each sees all others. */
export const storagePairCut: Strike = ({ cell, later }, event, node) => {
  const other = otherThan(cell, node, event.how);
  cell.room.setStorageLink(node, other, false);
  later(event.forMs, [node, other], () => cell.room.setStorageLink(node, other, true));
  return true;
};

/** Two nodes that do not see each other, while the others see both. */
export const pairCut: Strike = ({ cell, later }, event, node) => {
  const other = otherThan(cell, node, event.how);
  cell.network.cutPair(node, other);
  later(event.forMs, [node, other], () => cell.network.healPair(node, other));
  return true;
};

/** What a node sends does not arrive, at one other node or at all of them; or what is sent to it. Nobody is told. */
export const oneWay: Strike = ({ cell, later }, event, node) => {
  const others = event.how < 0.5 ? [otherThan(cell, node, event.how * 2)] : cell.nodeIds.filter((each) => each !== node);
  const isDeaf = spread(event.how, 1) < 0.5;
  for (const other of others) {
    const [from, to] = isDeaf ? [other, node] : [node, other];
    cell.network.faults.mute(from, to, true);
    later(event.forMs, [node, other], () => cell.network.faults.mute(from, to, false));
  }
  return true;
};

/** The cell falls into two parts, mesh and storage alike; sometimes one node sees both. */
export const split: Strike = (site, event) => {
  const { nodeIds } = site.cell;
  const bridge = spread(event.how, 99) < 0.3 ? pickFrom(nodeIds, spread(event.how, 98)) : undefined;
  const isLeft = new Map(nodeIds.map((id, at) => [id, spread(event.how, at) < 0.5]));
  return cutPairs(site, event.forMs, (a, b) => isLeft.get(a) !== isLeft.get(b) && a !== bridge && b !== bridge, spread(event.how, 97) < 0.7);
};

/** Each node sees its two neighbours only: no two majorities are the same. */
export const ring: Strike = (site, event) => {
  const { nodeIds } = site.cell;
  const count = nodeIds.length;
  const distance = (a: NodeId, b: NodeId): number => {
    const apart = Math.abs(nodeIds.indexOf(a) - nodeIds.indexOf(b));
    return Math.min(apart, count - apart);
  };
  return count >= 4 && cutPairs(site, event.forMs, (a, b) => distance(a, b) > 1, false);
};

export const networkStorm: Strike = ({ cell, lasts, later, network }, event) => {
  const jitterMs = spread(event.how, 2) < 0.2 ? 20_000 : 500;
  cell.network.weather = { lossShare: 0.4 * event.how, duplicateShare: 0.1 + 0.4 * spread(event.how, 1), jitterMs };
  lasts(event.forMs + jitterMs);
  later(event.forMs, [], () => {
    cell.network.weather = network;
  });
  return true;
};

/** What one node sends to some others waits, for seconds, and then arrives at once. */
export const clog: Strike = ({ cell, lasts, later }, event, node) => {
  lasts(event.forMs);
  const others = cell.nodeIds.filter((each, at) => each !== node && spread(event.how, at) < 0.5);
  const untilMs = cell.world.clock.nowMs() + event.forMs;
  for (const other of others) {
    cell.network.faults.clog(node, other, untilMs);
    later(event.forMs, [node, other], () => cell.network.faults.unclog(node, other));
  }
  return others.length > 0;
};

/**
 * One node, most often the leader, hears the others seconds late, and after a while they hear nothing of it at all: it learns late that they went on without it. Those
 * who take no part in that hear it as ever: the coordinator, and at times the last of the nodes.
 */
export const laggard: Strike = ({ cell, during, lasts, later }, event, node) => {
  const slowest = spread(event.how, 1) < 0.7 ? (cell.leads() ?? node) : node;
  const lagMs = 500 * 10 ** spread(event.how, 2);
  const last = cell.nodeIds.at(-1);
  const others = cell.nodeIds.filter((each) => each !== slowest && (each !== last || cell.nodeIds.length < 4 || spread(event.how, 3) < 0.3));
  lasts(event.forMs + lagMs);
  for (const other of others) {
    cell.network.faults.slow(other, slowest, lagMs);
    during(Math.min(lagMs + 1_000, event.forMs / 2), () => cell.network.faults.mute(slowest, other, true));
    later(event.forMs, [slowest, other], () => {
      cell.network.faults.slow(other, slowest, 0);
      cell.network.faults.mute(slowest, other, false);
    });
  }
  return true;
};

/** A cable that comes and goes, 0.1 to 10 times a second, the mesh's or the storage network's. */
export const linkFlap: Strike = ({ cell, during, later }, event, node) => {
  const isMesh = event.how < 0.5;
  const everyMs = 50 * 100 ** spread(event.how, 1);
  const set = (isUp: boolean): void => cell.room.setCables(node, isMesh ? { mesh: isUp } : { storage: isUp });
  let isUp = true;
  for (let atMs = 0; atMs < event.forMs; atMs += everyMs) {
    during(atMs, () => {
      isUp = !isUp;
      set(isUp);
    });
  }
  later(event.forMs + everyMs, [node], () => set(true));
  return true;
};

export const gossipHole: Strike = ({ cell, later }, event, node) => {
  cell.network.faults.setGossip(node, true);
  later(event.forMs, [node], () => cell.network.faults.setGossip(node, false));
  return true;
};

/** Datagrams come once more, seconds late, to whom they were meant for and to others, or out of the blue. */
export const stray: Strike = ({ cell, during, later }, event) => {
  const remembered: { readonly to: string; readonly bytes: Uint8Array; readonly from: string }[] = [];
  cell.onDatagram = (to, bytes, from) => {
    remembered.push({ to, bytes, from });
    if (remembered.length > REMEMBERED_MAX) remembered.splice(0, REMEMBERED_MAX / 2);
  };
  for (let atMs = 500; atMs < event.forMs; atMs += 100 + 900 * event.how) {
    during(atMs, () => {
      const old = pickFrom(remembered, cell.world.chance.next());
      if (old === undefined) return;
      if (cell.world.chance.next() < 0.8) cell.strayDatagram(old.to, old.bytes, old.from);
      // Sealed by nobody in the cell.
      else cell.strayDatagram(old.to, cell.world.chance.bytes(66), old.from);
    });
  }
  later(event.forMs, [], () => {
    cell.onDatagram = null;
  });
  return true;
};

/**
 * What a node sent last as datagrams (its keeper's renewals, its leader's grants, the ledger's heartbeats and their answers) is heard again and again, whatever becomes of the
 * node: somebody repeats it. Until the function that it returns is called.
 */
export function echo(cell: VirtualCell, node: NodeId): () => void {
  const heard: { readonly to: string; readonly bytes: Uint8Array; readonly from: string }[] = [];
  const remember = (to: string, bytes: Uint8Array, from: string, sender: NodeId): void => {
    if (sender !== node) return;
    heard.push({ to, bytes, from });
    if (heard.length > REMEMBERED_MAX) heard.shift();
  };
  cell.onDatagram = remember;
  let isOver = false;
  let at = 0;
  const repeat = (): void => {
    if (isOver) return;
    const old = heard[at % Math.max(1, heard.length)];
    at += 1;
    if (old !== undefined) cell.strayDatagram(old.to, old.bytes, old.from);
    cell.world.timers.after(ECHO_EVERY_MS, repeat);
  };
  repeat();
  return () => {
    isOver = true;
    if (cell.onDatagram === remember) cell.onDatagram = null;
  };
}

function otherThan(cell: VirtualCell, node: NodeId, pick: number): NodeId {
  return pickFrom(cell.nodeIds.filter((each) => each !== node), pick) ?? node;
}

function cutPairs({ cell, later }: Parameters<Strike>[0], forMs: number, isCut: (a: NodeId, b: NodeId) => boolean, withStorage: boolean): boolean {
  let count = 0;
  for (const [at, a] of cell.nodeIds.entries()) {
    for (const b of cell.nodeIds.slice(at + 1)) {
      if (!isCut(a, b)) continue;
      count += 1;
      cell.network.cutPair(a, b);
      if (withStorage) cell.room.setStorageLink(a, b, false);
      later(forMs, [a, b], () => {
        cell.network.healPair(a, b);
        if (withStorage) cell.room.setStorageLink(a, b, true);
      });
    }
  }
  return count > 0;
}
