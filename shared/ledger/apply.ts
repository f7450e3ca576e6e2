/**
 * What does a committed command change? The state machine of the cell: the same entries give the same state everywhere.
 *
 * It is pure and total: a command that is malformed, stale or forbidden is answered with a rejection and changes nothing.
 * Time enters only as facts inside commands. Guards are those of SAFETY.md 2.3, 3.6 and 5.
 */
import { unreachable } from '../errors.ts';
import type { CellState } from '../model/cell.ts';
import type { CellEvent } from '../model/event.ts';
import { createInstances } from './apply-create.ts';
import { forgetInstances, restartInstances, setAttributes, setDesired, setTags } from './apply-desired.ts';
import { intendFence, proveFenced } from './apply-fence.ts';
import { registerImage, setParameters } from './apply-fleet.ts';
import { admitCoordinator, admitNode, bootNode, cordonNode, readyNode, removeNode } from './apply-node.ts';
import { placeInstance, setStandby, setUnavailable, takeOver } from './apply-place.ts';
import { replaceReplica } from './apply-replica.ts';
import { clearFailures, reportDelayed, reportStarted, reportStopped } from './apply-report.ts';
import { expand, replicaTainted, replicaWiped, shrink, volumeFormatted } from './apply-volume.ts';
import { Change, rejected } from './change.ts';
import type { LogEntry } from './change.ts';
import { parseEntryData } from './command-schema.ts';
import type { ApplyResult, Command } from './commands.ts';

/** What one entry did. After a rejection `state` is the very state that was given, and there are no events. */
export interface Applied {
  readonly state: CellState;
  readonly result: ApplyResult;
  readonly events: readonly CellEvent[];
}

/** Applies one committed entry. Entries come in the order of their index; nothing else is assumed of them. */
export function apply(state: CellState, entry: LogEntry): Applied {
  const parsed = parseEntryData(entry.data);
  if (parsed.kind === 'invalid') return { state, result: rejected('invalidParameter', parsed.message), events: [] };
  const change = new Change(state, { index: entry.index, term: entry.term, data: parsed.value });
  const result = dispatch(change, parsed.value.command);
  if (result.kind === 'rejected') return { state, result, events: [] };
  return { state: change.state, result, events: change.events };
}

function dispatch(change: Change, command: Command): ApplyResult {
  switch (command.kind) {
    case 'admitNode': return admitNode(change, command);
    case 'admitCoordinator': return admitCoordinator(change, command);
    case 'bootNode': return bootNode(change, command);
    case 'readyNode': return readyNode(change, command);
    case 'cordonNode': return cordonNode(change, command);
    case 'removeNode': return removeNode(change, command);
    case 'intendFence': return intendFence(change, command);
    case 'proveFenced': return proveFenced(change, command);
    case 'createInstances': return createInstances(change, command);
    case 'setDesired': return setDesired(change, command);
    case 'restartInstances': return restartInstances(change, command);
    case 'placeInstance': return placeInstance(change, command);
    case 'takeOver': return takeOver(change, command);
    case 'setStandby': return setStandby(change, command);
    case 'setUnavailable': return setUnavailable(change, command);
    case 'reportDelayed': return reportDelayed(change, command);
    case 'reportStarted': return reportStarted(change, command);
    case 'reportStopped': return reportStopped(change, command);
    case 'volumeFormatted': return volumeFormatted(change, command);
    case 'shrink': return shrink(change, command);
    case 'expand': return expand(change, command);
    case 'replaceReplica': return replaceReplica(change, command);
    case 'replicaWiped': return replicaWiped(change, command);
    case 'replicaTainted': return replicaTainted(change, command);
    case 'registerImage': return registerImage(change, command);
    case 'setTags': return setTags(change, command);
    case 'setAttributes': return setAttributes(change, command);
    case 'setParameters': return setParameters(change, command);
    case 'clearFailures': return clearFailures(change, command);
    case 'forgetInstances': return forgetInstances(change, command);
    default: return unreachable(command);
  }
}
