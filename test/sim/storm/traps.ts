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
import type { Entry } from '../../../shared/ledger/raft/types.ts';
import { WRITE_MS } from '../../support/memory-store.ts';
import type { Moment } from '../../support/moments.ts';
import { spread, startProcesses } from './site.ts';
import type { StormSite, Strike } from './site.ts';

/** How much more often than it must a trap that holds something up springs, at most. */
const SPRINGS_MAX = 4;
const CUT_MS_MAX = 10_000;
const STILL_MS_MAX = 5_000;
const OUTAGE_MS_MAX = 20_000;

/** Requests, or the answers to them, wait for seconds, while all else passes. They arrive late, perhaps twice, perhaps after their sender asked again. */
export const heldRequest: Strike = (site, event) => {
  const kind = spread(event.how, 1) < 0.7 ? 'request' : 'answer';
  const { what } = event;
  const isMeant = (moment: Moment): boolean => moment.kind === kind && (what === 'any' || what === moment.name || (moment.name === 'propose' && (moment.body as EntryData).command.kind === what));
  return holdUp(site, event.how, { isMeant, shortestMs: 500, longestMs: 20_000 });
};

/** A message of Raft or of the feed waits, to anybody or to one member, and with it what its sender tells that member next. Heartbeats and leases go their own way. */
export const heldMessage: Strike = (site, event, picked) => {
  const { what } = event;
  const only = spread(event.how, 1) < 0.5 ? picked : null;
  const isMeant = (moment: Moment): boolean => moment.kind === 'message' && (only === null || moment.to === only) && isAbout(moment.name, moment.body as Told, what);
  return holdUp(site, event.how, { isMeant, shortestMs: 100, longestMs: 10_000, timesMin: site.cell.nodeIds.length - 1 });
};

type Told = { readonly kind?: string; readonly entries?: readonly Entry[] };

/** Whether a message of this channel is of that kind, or carries that command. Pieces of a snapshot have no kind. */
function isAbout(channel: string, { kind = 'snapshot', entries }: Told, what: string | undefined): boolean {
  if (channel !== 'ledger') return channel === what;
  return what === 'any' || what === kind || (entries !== undefined && carries(entries, what));
}

function carries(entries: readonly Entry[], command: string | undefined): boolean {
  return entries.some((entry) => entry.kind === 'command' && (entry.data as EntryData).command.kind === command);
}

/** A program did its work, and nobody hears of it for a while. */
export const lateProgram: Strike = (site, event) =>
  holdUp(site, event.how, { isMeant: (moment) => moment.kind === 'program' && (event.what === 'any' || event.what === moment.argv[0]), shortestMs: 200, longestMs: 20_000 });

/** DRBD's kernel gets the answer to what it asked long after it was decided. */
export const lateHelper: Strike = (site, event) => holdUp(site, event.how, { isMeant: (moment) => moment.kind === 'helper', shortestMs: 200, longestMs: 20_000 });

/** A member dies while it writes, or right after; whoever it just voted for is perhaps not heard of for a while. */
export const saveCrash: Strike = (site, event, picked) => {
  site.trap(1, (moment) => {
    const node = saverOf(moment, event.what, spread(event.how, 1) < 0.5 ? null : picked);
    if (node === null || moment.kind !== 'save') return null;
    const votedFor = candidateOf(node, moment.batch);
    site.during(3 * WRITE_MS * spread(event.how, 2), () => {
      bringDown(site, node, OUTAGE_MS_MAX * spread(event.how, 3) ** 3, event.how);
      // Its answer may still arrive.
      if (votedFor !== null && spread(event.how, 5) < 0.6) site.during(5 * WRITE_MS * spread(event.how, 8), () => cutOff(site, votedFor, event.how));
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

/** What a candidate or leader says reaches one member only, who dies soon after and is back at once; then perhaps nobody hears the first any more. */
export const heardByOne: Strike = (site, event, picked) => {
  const { cell, later } = site;
  site.trap(1, (moment) => {
    const isMeant = moment.kind === 'message' && moment.name === 'ledger' && (moment.body as { readonly kind?: string }).kind === event.what;
    if (!isMeant || !cell.nodeIds.includes(moment.from as NodeId)) return null;
    const from = moment.from as NodeId;
    const others = cell.nodeIds.filter((each) => each !== from);
    const one = others.includes(picked) ? picked : others[0];
    if (one === undefined) return null;
    const forMs = within(500, 8_000, spread(event.how, 1));
    const mute = (other: NodeId): void => {
      cell.network.faults.mute(from, other, true);
      later(forMs, [from, other], () => cell.network.faults.mute(from, other, false));
    };
    for (const other of others) if (other !== one) mute(other);
    const diesAfterMs = within(1, 20, spread(event.how, 2));
    site.during(diesAfterMs, () => bringDown(site, one, within(1, 3_000, spread(event.how, 3)), event.how));
    if (spread(event.how, 5) < 0.7) site.during(diesAfterMs, () => mute(one));
    return 0;
  });
  return false;
};

/** A disk that stalls: one write takes seconds, and its member says nothing meanwhile, though it hears. */
export const saveStall: Strike = (site, event, picked) => {
  const only = spread(event.how, 1) < 0.5 ? null : picked;
  return holdUp(site, event.how, { isMeant: (moment) => saverOf(moment, event.what, only) !== null, shortestMs: 300, longestMs: 20_000 });
};

interface Hold {
  readonly isMeant: (moment: Moment) => boolean;
  readonly shortestMs: number;
  readonly longestMs: number;
  readonly timesMin?: number;
}

function holdUp({ lasts, trap }: StormSite, how: number, { isMeant, shortestMs, longestMs, timesMin = 1 }: Hold): boolean {
  const heldMs = within(shortestMs, longestMs, spread(how, 2));
  trap(timesMin + Math.floor(SPRINGS_MAX * spread(how, 3) ** 2), (moment) => {
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
    default: return batch.entries !== undefined && carries(batch.entries, what) ? node : null;
  }
}

/** The other node that gets a vote with this save. A save of a leader or follower repeats its vote; it carries entries then. */
function candidateOf(node: NodeId, { entries, hardState }: LedgerSave): NodeId | null {
  if (hardState === undefined || hardState.vote === null || entries !== undefined) return null;
  const member = memberOfVoter(hardState.vote as VoterId);
  return member === node ? null : (member as NodeId);
}

/** The agent dies, or the whole node, and comes back. */
function bringDown({ cell, later }: StormSite, node: NodeId, outageMs: number, how: number): void {
  if (spread(how, 4) < 0.6) cell.killAgent(node);
  else cell.room.powerOff(node);
  later(outageMs, [node], () => {
    cell.room.powerOn(node);
    startProcesses(cell, node);
  });
}

/** As often near the shortest as near the longest. */
function within(shortestMs: number, longestMs: number, share: number): number {
  return shortestMs * (longestMs / shortestMs) ** share;
}

/**
 * A member is parted from the others, at times with some of them, fewer than half: nothing goes out, nothing comes in, or neither; by the cable, which is noticed,
 * or without a word. At times it stands still for a while as well, so that it notices late.
 */
function cutOff({ cell, lasts, later }: StormSite, node: NodeId, how: number): void {
  if (!cell.nodeIds.includes(node)) return;
  const forMs = within(200, CUT_MS_MAX, spread(how, 6));
  const kind = spread(how, 7);
  if (kind < 0.3) {
    cell.room.setCables(node, { mesh: false });
    later(forMs, [node], () => cell.room.setCables(node, { mesh: true, storage: true }));
    return;
  }
  const others = cell.nodeIds.filter((each) => each !== node);
  // The last ones: where not all vote, these do not.
  const companions = spread(how, 9) < 0.5 ? others.slice(others.length - Math.floor((others.length - 1) / 2)) : [];
  const isDumb = kind < 0.7;
  const isDeaf = kind >= 0.5;
  for (const inside of [node, ...companions]) for (const outside of others) {
    if (companions.includes(outside)) continue;
    const set = (isMute: boolean): void => {
      if (isDumb) cell.network.faults.mute(inside, outside, isMute);
      if (isDeaf) cell.network.faults.mute(outside, inside, isMute);
    };
    set(true);
    later(forMs, [inside, outside], () => set(false));
  }
  if (spread(how, 10) < 0.7 || !cell.processes(node).agent) return;
  const stillMs = within(100, STILL_MS_MAX, spread(how, 11));
  lasts(stillMs);
  cell.loops.hold(node, stillMs);
}
