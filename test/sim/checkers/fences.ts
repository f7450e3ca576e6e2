/**
 * Is who counts as dead really dead, and does nobody live longer than the lease allows? S8, S9 and S10, audited in true time.
 *
 * True time is the world's; each node's clock has its own rate. What a keeper was granted, and when it had sent what was granted, is
 * taken from the datagrams themselves.
 */
import type { BootId, NodeId } from '../../../shared/ids.ts';
import type { AppliedEntry } from '../../../shared/ledger/commands.ts';
import { isFenced } from '../../../shared/model/node.ts';
import { CLOCK_RATE_ERROR, nodeFenceMs, TIMING_PROFILES } from '../../../shared/model/timing.ts';
import type { TimingProfile } from '../../../shared/model/timing.ts';
import { constantsHash } from '../../../shared/wire/lease.ts';
import type { Checker, Scene } from './checker.ts';
import { heldTarget } from './tokens.ts';
import { decodeOnce } from './decode-once.ts';

/** Renewals remembered for each boot: more than can be under way. */
const SENT_KEPT = 400;
/** Boots remembered, in all at least and for each node: more than anybody may still say something of. Of leases those of boots that live are never forgotten. */
const BOOTS_KEPT_MIN = 200;
const BOOTS_KEPT_EACH = 20;
/** Clocks are compared as numbers with fractions. */
const ROUNDING_MS = 1;

/** What is known of a boot's lease. */
interface BootLease {
  readonly node: NodeId;
  profile: TimingProfile;
  readonly sentAtMs: Map<string, number>;
  /** When the newest renewal was sent whose grant was delivered. */
  confirmedAtMs: number | null;
}

export interface LeaseChecker extends Checker {
  readonly petted: (node: NodeId, bootId: string) => void;
  readonly sent: (node: NodeId, bootId: string, bytes: Uint8Array) => void;
  readonly heard: (node: NodeId, bootId: string, bytes: Uint8Array) => void;
}

export function watchFences({ cell, newest, violate }: Scene): LeaseChecker {
  const boots = new Map<string, BootLease>();
  /** When the ledger said that a boot is to be fenced, and that it is dead by its lease. */
  const intendedAtMs = new Map<string, number>();
  const provenAtMs = new Map<string, number>();
  const nowMs = (): number => cell.world.clock.nowMs();

  const bootsKept = (): number => Math.max(BOOTS_KEPT_MIN, BOOTS_KEPT_EACH * cell.nodeIds.length);
  /** A node that never restarted is the oldest of all, and the one whose lease matters. */
  const forgetDead = (): void => {
    const dead = [...boots].find(([bootId, { node }]) => cell.room.bootIdOf(node) !== bootId);
    if (dead !== undefined) boots.delete(dead[0]);
  };
  const leaseOf = (node: NodeId, bootId: string): BootLease => {
    const known = boots.get(bootId);
    if (known !== undefined) return known;
    if (boots.size >= bootsKept()) forgetDead();
    const lease: BootLease = { node, profile: TIMING_PROFILES.standard, sentAtMs: new Map(), confirmedAtMs: null };
    boots.set(bootId, lease);
    return lease;
  };
  /** How much true time so much of a node's own clock may take at most, and at least: its rate may have been another one a moment ago. */
  const longest = (durationMs: number): number => durationMs / (1 - CLOCK_RATE_ERROR);
  const shortest = (durationMs: number): number => durationMs / (1 + CLOCK_RATE_ERROR);
  /** S9, the leader's half: a proof by lease comes only when the last possible instruction of the boot is over. */
  const checkProof = (bootId: string, lease: BootLease, atMs: number): void => {
    if (lease.confirmedAtMs === null) return;
    const aliveUntilMs = lease.confirmedAtMs + shortest(nodeFenceMs(lease.profile));
    if (atMs + ROUNDING_MS < aliveUntilMs) violate(`S9 boot ${bootId} of ${lease.node} was proven dead by its lease ${Math.round(aliveUntilMs - atMs)} ms before its watchdog must have fired`);
  };
  const noteFences = (entry: AppliedEntry): void => {
    const { command } = entry.data;
    if (entry.result.kind !== 'applied') return;
    if (command.kind === 'intendFence') noteOnce(intendedAtMs, command.bootId, nowMs(), bootsKept());
    if (command.kind !== 'proveFenced') return;
    noteOnce(intendedAtMs, command.bootId, nowMs(), bootsKept());
    // Between its term and another one another leader may have granted what this proof knows nothing of.
    if (command.proof === 'leaseExpired' && command.term !== entry.term) violate(`S9 boot ${command.bootId} was proven dead in term ${command.term}, and the proof was committed in term ${entry.term}`);
    const lease = boots.get(command.bootId);
    if (command.proof !== 'leaseExpired' || provenAtMs.has(command.bootId)) return;
    noteOnce(provenAtMs, command.bootId, nowMs(), bootsKept());
    if (lease !== undefined) checkProof(command.bootId, lease, nowMs());
  };
  /** S8: when the ledger says that a boot is dead, nothing of it executes, then and later. */
  const checkDead = (): void => {
    for (const node of newest()?.nodes.values() ?? []) {
      const bootId = cell.room.bootIdOf(node.id);
      if (bootId === null || !(node.bootId === bootId || node.pastBoots.includes(bootId as BootId)) || !isFenced(node, bootId as BootId)) continue;
      const running = cell.room.nodeReport(node.id).domains.filter((domain) => domain.state === 'running');
      if (running.length > 0) violate(`S8 boot ${bootId} of ${node.id} is proven dead while ${running.map(({ name }) => name).join(', ')} runs there`);
    }
  };
  return {
    applied: (entry, before, after) => {
      noteFences(entry);
      if (before?.nodes !== after.nodes) checkDead();
    },
    look: checkDead,
    // P5: what must not run twice is started under a lease (the gate even wants some of it left).
    ran: (node, bootId, argv) => {
      if (heldTarget(argv) === null) return;
      const { confirmedAtMs, profile } = leaseOf(node, bootId);
      const endsAtMs = confirmedAtMs === null ? -Infinity : confirmedAtMs + longest(profile.petWindowMs);
      if (nowMs() > endsAtMs + ROUNDING_MS) violate(`S9 ${node} runs ${argv.slice(0, 2).join(' ')} without a lease`);
    },
    petted: (node, bootId) => {
      const { confirmedAtMs, profile } = leaseOf(node, bootId);
      const limitMs = confirmedAtMs === null ? -Infinity : confirmedAtMs + longest(profile.petWindowMs);
      if (nowMs() > limitMs + ROUNDING_MS) violate(`S9 ${node} petted its watchdog ${confirmedAtMs === null ? 'without a lease' : `${Math.round(nowMs() - confirmedAtMs)} ms after the last granted renewal was sent`}`);
    },
    sent: (node, bootId, bytes) => {
      const renewal = decodeOnce(bytes);
      if (renewal?.kind !== 'renewal') return;
      const lease = leaseOf(node, bootId);
      lease.profile = profileOf(renewal.constants) ?? lease.profile;
      // One renewal goes to several voters.
      if (!lease.sentAtMs.has(renewal.nonce)) lease.sentAtMs.set(renewal.nonce, nowMs());
      if (lease.sentAtMs.size > SENT_KEPT) forgetOldest(lease.sentAtMs);
    },
    heard: (node, bootId, bytes) => {
      const grant = decodeOnce(bytes);
      if (grant?.kind !== 'grant' || grant.status !== 'granted') return;
      const lease = leaseOf(node, bootId);
      const sentAtMs = lease.sentAtMs.get(grant.nonce);
      if (sentAtMs === undefined) return;
      const intended = intendedAtMs.get(bootId);
      if (intended !== undefined && sentAtMs > intended) violate(`S10 a renewal of boot ${bootId} of ${node} was granted that was sent ${Math.round(sentAtMs - intended)} ms after the ledger gave that boot up`);
      lease.confirmedAtMs = Math.max(lease.confirmedAtMs ?? -Infinity, sentAtMs);
      // A grant that comes after the proof was given before it.
      const proven = provenAtMs.get(bootId);
      if (proven !== undefined) checkProof(bootId, lease, proven);
    },
  };
}

function profileOf(constants: number): TimingProfile | null {
  return Object.values(TIMING_PROFILES).find((profile) => constantsHash(profile) === constants) ?? null;
}

function noteOnce(map: Map<string, number>, key: string, atMs: number, kept: number): void {
  if (map.has(key)) return;
  if (map.size >= kept) forgetOldest(map);
  map.set(key, atMs);
}

function forgetOldest(map: Map<string, unknown>): void {
  const oldest = map.keys().next();
  if (oldest.done !== true) map.delete(oldest.value);
}
