/**
 * What can be seen of the cell's machinery from here? Gossip that was heard, and what the leader says when it is asked.
 */
import * as v from 'valibot';
import { isVoterId } from '../../shared/ids.ts';
import type { NodeId, VoterId } from '../../shared/ids.ts';
import { count, memberId } from '../../shared/ledger/field-schema.ts';
import type { LedgerStatus } from '../../shared/ledger/replicated-log.ts';
import type { HealthGossip } from '../../shared/wire/intent.ts';
import type { Mesh } from '../../shared/wire/mesh.ts';
import type { Clock } from '../../shared/world.ts';
import type { FleetPort, HeardHealth, LeaderSight } from './ports.ts';

/** Longest wait for the leader's own view: it is a courtesy. */
const LEADER_TIMEOUT_MS = 1_000;
/** Gossip comes every 10 s; what is older than this is not shown. */
const FORGET_AFTER_MS = 60_000;

const text = v.pipe(v.string(), v.maxLength(255));
const voterId = v.custom<VoterId>((value) => typeof value === 'string' && isVoterId(value), 'not a voter id');
const finite = v.pipe(v.number(), v.finite());
const health = v.object({
  node: text, bootId: text, sequence: finite, freeMemoryMiB: finite, freeDiskBytes: finite, load: finite, loopDelayMsMax: finite,
  unreachable: v.array(text),
  running: v.array(v.object({ instance: text, generation: v.pipe(v.number(), v.safeInteger(), v.minValue(0)) })),
  volumes: v.array(v.object({
    volume: text, role: text, disk: text, peerDisk: text, connection: text, syncPercent: v.nullable(finite), suspended: v.boolean(),
  })),
});

const view = v.object({
  suspects: v.array(v.object({ node: text, phase: text, silentForMs: finite, provenInMs: finite })),
  heard: v.array(v.object({ node: text, renewalAgeMs: v.nullable(finite) })),
});

const leading = v.object({
  ledger: v.object({
    member: memberId, role: v.picklist(['leader', 'follower', 'candidate', 'learner', 'subscriber']), term: finite, leader: v.nullable(memberId),
    appliedIndex: count, commitIndex: count, voters: v.array(voterId), learners: v.array(voterId), matchIndex: v.record(v.string(), count),
  }),
});

/** What the port is made from. */
export interface FleetPortOptions {
  readonly clock: Clock;
  readonly mesh: Mesh;
  readonly status: () => LedgerStatus;
  readonly projection: { index(): number; isStale(): boolean };
}

/** Begins to listen, too. */
export function createFleetPort({ clock, mesh, status, projection }: FleetPortOptions): FleetPort {
  const heard = new Map<NodeId, { readonly gossip: HealthGossip; readonly heardAtMs: number }>();
  mesh.onGossip('health', (from, message) => {
    const parsed = v.safeParse(health, message);
    if (!parsed.success || parsed.output.node !== from) return;
    const known = heard.get(from as NodeId)?.gossip;
    // Repeated and overtaken messages are dropped.
    if (known !== undefined && known.bootId === parsed.output.bootId && known.sequence >= parsed.output.sequence) return;
    heard.set(from as NodeId, { gossip: parsed.output, heardAtMs: clock.nowMs() });
  });

  async function askLeader<Schema extends v.GenericSchema>(method: string, schema: Schema): Promise<v.InferOutput<Schema> | null> {
    const { leader } = status();
    if (leader === null || leader === mesh.self) return null;
    try {
      const parsed = v.safeParse(schema, await mesh.request(leader, method, {}, { timeoutMs: LEADER_TIMEOUT_MS }));
      return parsed.success ? parsed.output : null;
    } catch {
      // It may have died this moment: the answer goes out without its view.
      return null;
    }
  }

  return {
    status,
    asOf: () => ({ index: projection.index(), isStale: projection.isStale(), leader: status().leader }),
    health: () => {
      const nowMs = clock.nowMs();
      const known = new Map<NodeId, HeardHealth>();
      for (const [node, { gossip, heardAtMs }] of heard) {
        if (nowMs - heardAtMs > FORGET_AFTER_MS) heard.delete(node);
        else known.set(node, { gossip, ageMs: nowMs - heardAtMs });
      }
      return known;
    },
    leaderSight: async () => {
      const told = await askLeader('healerView', view);
      if (told === null) return null;
      const sights = new Map<string, LeaderSight>(told.heard.map(({ node, renewalAgeMs }) => [node, { suspect: null, renewalAgeMs: renewalAgeMs === null ? null : Math.round(renewalAgeMs) }]));
      for (const { node, phase, silentForMs, provenInMs } of told.suspects) {
        sights.set(node, { renewalAgeMs: null, ...sights.get(node), suspect: { phase, silentForMs, provenInMs } });
      }
      return sights;
    },
    leaderStatus: async () => {
      const told = await askLeader('agentStatus', leading);
      return told?.ledger ?? null;
    },
  };
}
