/** What goes wrong with the processes of a node, and with the coordinator? */
import type { NodeId } from '../../../shared/ids.ts';
import { spread, startProcesses } from './site.ts';
import type { Strike } from './site.ts';

export const agentKill: Strike = ({ cell, later }, event, node) => {
  if (!cell.processes(node).agent) return false;
  cell.killAgent(node);
  later(event.forMs, [node], () => startProcesses(cell, node));
  return true;
};

export const keeperKill: Strike = ({ cell, later }, event, node) => {
  if (!cell.processes(node).keeper) return false;
  cell.killKeeper(node);
  later(event.forMs, [node], () => startProcesses(cell, node));
  return true;
};

/** Stopped by a signal, or collecting garbage: it goes on as if no time had passed. */
export const agentPause: Strike = ({ cell, lasts }, event, node) => {
  if (!cell.processes(node).agent) return false;
  lasts(event.forMs);
  cell.loops.hold(node, event.forMs);
  return true;
};

export const keeperPause: Strike = ({ cell, lasts }, event, node) => {
  if (!cell.processes(node).keeper) return false;
  lasts(event.forMs);
  cell.loops.hold(`keeper ${node}`, event.forMs);
  return true;
};

/** The control domain hangs; its guests go on, and so does DRBD in the kernel. */
export const domainWedge: Strike = ({ cell, lasts }, event, node) => {
  if (!cell.processes(node).keeper) return false;
  lasts(event.forMs);
  cell.loops.hold(node, event.forMs);
  cell.loops.hold(`keeper ${node}`, event.forMs);
  return true;
};

/** An agent that ends a moment after each start. */
export const agentLoop: Strike = ({ cell, during, later }, event, node) => {
  const everyMs = 100 + 3_000 * event.how;
  for (let atMs = 0; atMs < event.forMs; atMs += everyMs) {
    during(atMs, () => {
      cell.killAgent(node);
      startProcesses(cell, node);
    });
  }
  later(event.forMs, [node], () => startProcesses(cell, node));
  return true;
};

/** Everything that reaches the agent takes its processor a while. */
export const slowLoops: Strike = ({ cell, later }, event, node) => {
  const costMs = 1 + 9 * event.how;
  const others = cell.loops.costOf;
  const costOf: typeof others = (process, kind) => Math.max(process === node ? costMs : 0, others?.(process, kind) ?? 0);
  cell.loops.costOf = costOf;
  later(event.forMs, [node], () => {
    // A later one lies on top of this one; it ends all when it ends.
    if (cell.loops.costOf === costOf) cell.loops.costOf = null;
  });
  return true;
};

/** The leader's process or node dies with the next entry that it applies: between the commit, the answer, and what follows. */
export const leaderCrash: Strike = ({ cell, during, later, setTrap }, event) => {
  setTrap((leader) => {
    const delayMs = event.how < 0.5 ? 0 : 20 * spread(event.how, 1) ** 2;
    const crash = (): void => (spread(event.how, 2) < 0.5 ? cell.killAgent(leader) : cell.room.powerOff(leader));
    if (delayMs === 0) crash();
    else during(delayMs, crash);
    later(event.forMs, [leader], () => revive(cell, leader));
  });
  return true;
};

/** The node, or its agent, dies right before or after one of the next programs runs. */
export const programCrash: Strike = ({ cell, during, later }, event, node) => {
  const faults = cell.faults(node);
  let left = Math.floor(6 * spread(event.how, 1));
  faults.onProgram = () => {
    left -= 1;
    if (left >= 0) return;
    faults.onProgram = null;
    const crash = (): void => (event.how < 0.5 ? cell.killAgent(node) : cell.room.reset(node));
    const delayMs = 400 * spread(event.how, 2) ** 2;
    if (spread(event.how, 3) < 0.3) crash();
    else during(delayMs, crash);
  };
  later(event.forMs, [node], () => {
    faults.onProgram = null;
    startProcesses(cell, node);
  });
  return true;
};

export const coordinatorKill: Strike = ({ cell, later }, event) => {
  cell.killCoordinator();
  later(event.forMs, [], () => cell.startCoordinator());
  return true;
};

function revive(cell: Parameters<Strike>[0]['cell'], node: NodeId): void {
  cell.room.powerOn(node);
  startProcesses(cell, node);
}
