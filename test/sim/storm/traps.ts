/**
 * What goes wrong at the very moment at which it hurts? Faults that wait until the cell does something, and strike then.
 *
 * Chance alone hardly ever cuts a leader off in the millisecond in which it saves a proof, or holds up the one request that a shrink overtakes. A trap is armed
 * for a while, knows one thing to wait for (`what`, from kinds.ts), and springs once or a few times.
 */
import { memberOfVoter } from '../../../shared/ids.ts';
import type { NodeId, VoterId } from '../../../shared/ids.ts';
import type { EntryData } from '../../../shared/ledger/commands.ts';
import type { LedgerSave } from '../../../shared/ledger/node/ports.ts';
import { WRITE_MS } from '../../support/memory-store.ts';
import type { Moment } from '../../support/moments.ts';
import { spread, startProcesses } from './site.ts';
import type { StormSite, Strike } from './site.ts';

/** How often a trap that holds something up springs at most. */
const SPRINGS_MAX = 4;
const CUT_MS_MAX = 10_000;
const OUTAGE_MS_MAX = 20_000;

/** Requests, or the answers to them, wait for seconds, while all else passes. They arrive late, perhaps twice, perhaps after their sender asked again. */
export const heldRequest: Strike = (site, event) => {
  const kind = spread(event.how, 1) < 0.7 ? 'request' : 'answer';
  const { what } = event;
  const isMeant = (moment: Moment): boolean => moment.kind === kind && (what === 'any' || what === moment.name || (moment.name === 'propose' && (moment.body as EntryData).command.kind === what));
  return holdUp(site, event.how, { isMeant, shortestMs: 500, longestMs: 20_000 });
};

/** A message of Raft or of the feed waits, and with it what its sender tells the same member after it. Heartbeats and leases go their own way. */
export const heldMessage: Strike = (site, event) => {
  const { what } = event;
  const isMeant = (moment: Moment): boolean => moment.kind === 'message' && (moment.name === 'ledger' ? what === 'any' || what === ((moment.body as { readonly kind?: string }).kind ?? 'snapshot') : what === moment.name);
  return holdUp(site, event.how, { isMeant, shortestMs: 100, longestMs: 10_000 });
};

/** A program did its work, and nobody hears of it for a while. */
export const lateProgram: Strike = (site, event) =>
  holdUp(site, event.how, { isMeant: (moment) => moment.kind === 'program' && (event.what === 'any' || event.what === moment.argv[0]), shortestMs: 200, longestMs: 20_000 });

/** DRBD's kernel gets the answer to what it asked long after it was decided. */
export const lateHelper: Strike = (site, event) => holdUp(site, event.how, { isMeant: (moment) => moment.kind === 'helper', shortestMs: 200, longestMs: 20_000 });

/** A member dies while it writes, or right after; whoever it just voted for is perhaps not heard of for a while. */
export const saveCrash: Strike = (site, event, picked) => {
  const { cell, during, later } = site;
  site.trap(1, (moment) => {
    const node = saverOf(moment, event.what, spread(event.how, 1) < 0.5 ? null : picked);
    if (node === null || moment.kind !== 'save') return null;
    const votedFor = candidateOf(node, moment.batch);
    during(3 * WRITE_MS * spread(event.how, 2), () => {
      const outageMs = OUTAGE_MS_MAX * spread(event.how, 3) ** 3;
      if (spread(event.how, 4) < 0.6) cell.killAgent(node);
      else cell.room.powerOff(node);
      later(outageMs, [node], () => {
        cell.room.powerOn(node);
        startProcesses(cell, node);
      });
      if (votedFor !== null && spread(event.how, 5) < 0.6) cutOff(site, votedFor, event.how);
    });
    return 0;
  });
  return false;
};

/** A member, most often the one that leads, is cut off while it writes: what it writes is known to nobody else, or it never hears who knows it. */
export const saveCut: Strike = (site, event, picked) => {
  site.trap(1, (moment) => {
    const node = saverOf(moment, event.what, spread(event.how, 1) < 0.7 ? null : picked);
    if (node === null || moment.kind !== 'save') return null;
    const victim = candidateOf(node, moment.batch) ?? node;
    site.during(3 * WRITE_MS * spread(event.how, 2), () => cutOff(site, victim, event.how));
    return 0;
  });
  return false;
};

function holdUp({ lasts, trap }: StormSite, how: number, { isMeant, shortestMs, longestMs }: { readonly isMeant: (moment: Moment) => boolean; readonly shortestMs: number; readonly longestMs: number }): boolean {
  const heldMs = shortestMs * (longestMs / shortestMs) ** spread(how, 2);
  trap(1 + Math.floor(SPRINGS_MAX * spread(how, 3) ** 2), (moment) => {
    if (!isMeant(moment)) return null;
    lasts(heldMs);
    return heldMs;
  });
  return false;
}

/** Who saves such a thing now, if it is `only` that member, or any; null: nobody. */
function saverOf(moment: Moment, what: string | undefined, only: NodeId | null): NodeId | null {
  if (moment.kind !== 'save' || (only !== null && moment.node !== only)) return null;
  const { node, batch } = moment;
  switch (what) {
    case 'any': return node;
    case 'vote': return candidateOf(node, batch) === null ? null : node;
    case 'term': return batch.hardState === undefined ? null : node;
    case 'snapshot': return batch.snapshot === undefined ? null : node;
    default: return batch.entries?.some((entry) => entry.kind === 'command' && (entry.data as EntryData).command.kind === what) === true ? node : null;
  }
}

/** The other node that gets a vote with this save. A save of a leader or follower repeats its vote; it carries entries then. */
function candidateOf(node: NodeId, { entries, hardState }: LedgerSave): NodeId | null {
  if (hardState === undefined || hardState.vote === null || entries !== undefined) return null;
  const member = memberOfVoter(hardState.vote as VoterId);
  return member === node ? null : (member as NodeId);
}

/** Nothing goes out, nothing comes in, or neither; by the cable, which is noticed, or without a word. */
function cutOff({ cell, later }: StormSite, node: NodeId, how: number): void {
  if (!cell.nodeIds.includes(node)) return;
  const forMs = 200 + CUT_MS_MAX * spread(how, 6) ** 2;
  const kind = spread(how, 7);
  if (kind < 0.3) {
    cell.room.setCables(node, { mesh: false });
    later(forMs, [node], () => cell.room.setCables(node, { mesh: true, storage: true }));
    return;
  }
  const isDumb = kind < 0.7;
  const isDeaf = kind >= 0.5;
  for (const other of cell.nodeIds.filter((each) => each !== node)) {
    const set = (isMute: boolean): void => {
      if (isDumb) cell.network.faults.mute(node, other, isMute);
      if (isDeaf) cell.network.faults.mute(other, node, isMute);
    };
    set(true);
    later(forMs, [node, other], () => set(false));
  }
}
