/** What goes wrong with power, machines, watchdogs and BMCs? */
import type { NodeId } from '../../../shared/ids.ts';
import { spread } from './site.ts';
import type { StormSite, Strike } from './site.ts';

export const powerCycle: Strike = ({ cell, later }, event, node) => {
  cell.room.powerOff(node);
  later(event.forMs, [node], () => cell.room.powerOn(node));
  return true;
};

export const reset: Strike = ({ cell }, _event, node) => {
  cell.room.reset(node);
  return true;
};

/** All that hang on one feed: some of the nodes, at the same moment, and back one after the other. */
export const rackOutage: Strike = (site, event) => {
  const some = site.cell.nodeIds.filter((_, at) => spread(event.how, at) < 0.4);
  return outage(site, some, (at) => event.forMs * (0.3 + 0.7 * spread(event.how, at + 50)));
};

/** The whole site, and then its nodes one after the other in any order. */
export const siteOutage: Strike = (site, event) => event.how <= 0.5 && outage(site, site.cell.nodeIds, (at) => event.forMs * (0.3 + 0.7 * spread(event.how, at)));

/** The whole site, and all of it back at the same moment, with every instance to be started. */
export const bootStorm: Strike = (site, event) => outage(site, site.cell.nodeIds, () => event.forMs);

function outage({ cell, later }: StormSite, nodes: readonly NodeId[], forMs: (at: number) => number): boolean {
  for (const node of nodes) cell.room.powerOff(node);
  for (const [at, node] of nodes.entries()) later(forMs(at), [node], () => cell.room.powerOn(node));
  return nodes.length > 0;
}

/** A node that dies again and again, a few seconds after it is back. */
export const flapping: Strike = ({ cell, during }, event, node) => {
  const everyMs = 4_000 + 12_000 * spread(event.how, 1);
  for (let atMs = 0; atMs <= event.forMs; atMs += everyMs) during(atMs, () => cell.room.reset(node));
  return true;
};

/** Armed and petted as ever, and when it should bite it does not. What else resets a node must still do. */
export const watchdogDead: Strike = ({ cell, later }, event, node) => {
  cell.room.setWatchdog(node, false);
  later(event.forMs, [node], () => cell.room.setWatchdog(node, true));
  return true;
};

export const watchdogEarly: Strike = ({ cell }, _event, node) => {
  if (!cell.room.nodeReport(node).isWatchdogArmed) return false;
  cell.room.biteNow(node);
  return true;
};

export const bmcUnreachable: Strike = ({ cell, later }, event, node) => {
  cell.room.setBmc(node, { isReachable: false });
  later(event.forMs, [node], () => cell.room.setBmc(node, { isReachable: true }));
  return true;
};

export const bmcLies: Strike = ({ cell, later }, event, node) => {
  cell.room.setBmc(node, { lies: true });
  later(event.forMs, [node], () => cell.room.setBmc(node, { lies: false }));
  return true;
};

export const bmcReboots: Strike = ({ cell, later }, event, node) => {
  cell.room.setBmc(node, { reboots: true });
  later(event.forMs, [node], () => cell.room.setBmc(node, { reboots: false }));
  return true;
};
