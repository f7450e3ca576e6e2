/**
 * What do an agent and the keeper of its node tell each other? A JSON line each way, over a socket of the node.
 *
 * The agent knows the ledger, so it says who votes and by which profile; the keeper knows the lease, so it says until
 * when it is valid. Neither needs the other to be alive: a keeper without its agent goes on with what it heard last.
 *
 * The keeper in C (agent/keeper/native) reads and writes the same: what is accepted here must be accepted there.
 */
import { parseBootId, parseCellId, parseMemberId } from '../ids.ts';
import type { BootId, CellId, MemberId } from '../ids.ts';
import { isJsonObject } from '../json.ts';
import type { JsonObject } from '../json.ts';
import { TIMING_PROFILES } from '../model/timing.ts';
import type { TimingProfile } from '../model/timing.ts';
import type { LeaseRefusal } from './lease.ts';

/** Most voters that a keeper renews with: five, and those that replace them. */
const KEEPER_VOTERS_MAX = 9;

/** A voter that takes lease datagrams. */
export interface LeaseVoter {
  readonly id: MemberId;
  /** `host:port` of its agent's lease socket. */
  readonly leaseAddress: string;
  /** What this node and that voter seal with, each way (shared/net/lease-seal.ts): 32 bytes, hexadecimal. The agent agrees on them. */
  readonly sendKey: string;
  readonly receiveKey: string;
}

const ADDRESS = /^[!-~]{1,250}:[0-9]{1,5}$/;
const KEY = /^[0-9a-f]{64}$/;

/** Who to renew with, in which ledger, and by which figures. Kept by the keeper for the time without an agent. */
export interface KeeperCell {
  readonly kind: 'cell';
  readonly cell: CellId;
  readonly clusterUuid: string;
  readonly profile: TimingProfile['name'];
  readonly voters: readonly LeaseVoter[];
}

/** What the agent says. `disarm`: whether a keeper that is asked to end may disarm the watchdog: no domain runs here, and none will be started. Forgotten when the agent's connection ends. */
export type AgentToKeeper = KeeperCell | { readonly kind: 'disarm'; readonly allowed: boolean };

/** What the keeper says, at once to a new connection and at every change. */
export interface KeeperToAgent {
  readonly kind: 'lease';
  readonly bootId: BootId;
  /** Whether the watchdog is armed by this keeper. Without that, nothing may run. */
  readonly armed: boolean;
  /** Until when the lease is valid, on CLOCK_MONOTONIC of this boot, ms; null without a lease. */
  readonly validUntilMs: number | null;
  /** The leader that answered last. */
  readonly leader: MemberId | null;
  /** What it said, when that was no grant. */
  readonly refusal: LeaseRefusal | null;
  /** The profile that the keeper pets by. An armed keeper never changes it. */
  readonly profile: TimingProfile['name'];
}

/** The message that a line's JSON value is, or null when it is none. Never throws. */
export function parseAgentMessage(value: unknown): AgentToKeeper | null {
  if (!isJsonObject(value)) return null;
  if (value['kind'] === 'disarm') {
    const allowed = value['allowed'];
    return typeof allowed === 'boolean' ? { kind: 'disarm', allowed } : null;
  }
  return value['kind'] === 'cell' ? orNull(() => parseCell(value)) : null;
}

/** The message that a line's JSON value is, or null when it is none. Never throws. */
export function parseKeeperMessage(value: unknown): KeeperToAgent | null {
  return isJsonObject(value) && value['kind'] === 'lease' ? orNull(() => parseLease(value)) : null;
}

function parseCell(fields: JsonObject): KeeperCell | null {
  const { cell, clusterUuid, profile, voters } = fields;
  if (typeof cell !== 'string' || typeof clusterUuid !== 'string' || !isProfile(profile)) return null;
  if (!Array.isArray(voters) || voters.length > KEEPER_VOTERS_MAX) return null;
  const parsed = voters.map(parseVoter);
  if (!parsed.every((voter) => voter !== null)) return null;
  // A ledger's identity has the same form as a boot's.
  return { kind: 'cell', cell: parseCellId(cell), clusterUuid: parseBootId(clusterUuid), profile, voters: parsed };
}

function parseVoter(value: unknown): LeaseVoter | null {
  if (!isJsonObject(value)) return null;
  const { id, leaseAddress, sendKey, receiveKey } = value;
  if (typeof id !== 'string' || typeof leaseAddress !== 'string' || typeof sendKey !== 'string' || typeof receiveKey !== 'string') return null;
  if (!ADDRESS.test(leaseAddress) || !KEY.test(sendKey) || !KEY.test(receiveKey)) return null;
  return { id: parseMemberId(id), leaseAddress, sendKey, receiveKey };
}

function parseLease(fields: JsonObject): KeeperToAgent | null {
  const { bootId, armed, validUntilMs, leader, refusal, profile } = fields;
  if (typeof bootId !== 'string' || typeof armed !== 'boolean' || !isProfile(profile)) return null;
  if (validUntilMs !== null && typeof validUntilMs !== 'number') return null;
  if (leader !== null && typeof leader !== 'string') return null;
  if (refusal !== null && refusal !== 'fenced' && refusal !== 'notAdmitted' && refusal !== 'wrongProfile' && refusal !== 'wrongCluster') return null;
  return { kind: 'lease', bootId: parseBootId(bootId), armed, validUntilMs, leader: leader === null ? null : parseMemberId(leader), refusal, profile };
}

function isProfile(value: unknown): value is TimingProfile['name'] {
  return typeof value === 'string' && Object.hasOwn(TIMING_PROFILES, value);
}

/** What `read` returns, or null when it throws: at this edge a malformed id is a malformed line. */
function orNull<Value>(read: () => Value): Value | null {
  try {
    return read();
  } catch {
    return null;
  }
}
