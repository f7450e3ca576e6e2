/** What goes wrong with the processes of a node, and what they write? */
import { startProcesses } from './site.ts';
import type { Strike } from './site.ts';

const SLOW_WRITE_MS = 400;
/** What a write takes in a healthy store (memory-store.ts). */
const WRITE_MS = 2;

export const agentKill: Strike = ({ cell, later }, event, node) => {
  if (!cell.processes(node).agent) return false;
  cell.killAgent(node);
  later(event, [node], () => startProcesses(cell, node));
  return true;
};

export const keeperKill: Strike = ({ cell, later }, event, node) => {
  if (!cell.processes(node).keeper) return false;
  cell.killKeeper(node);
  later(event, [node], () => startProcesses(cell, node));
  return true;
};

export const slowStore: Strike = ({ cell, later }, event, node) => {
  cell.setWriteMs(node, SLOW_WRITE_MS * event.how);
  later(event, [node], () => cell.setWriteMs(node, WRITE_MS));
  return true;
};
