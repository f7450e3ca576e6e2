/**
 * What do the coordinator and its clients say to each other over REST? Every JSON document of `/v1`, as schemas.
 *
 * The coordinator makes its OpenAPI document from these, the CLI reads answers with them, tests hold both to them.
 * Times that end in `At` are ISO strings for people; clients must ignore fields that they do not know.
 */
import * as v from 'valibot';

const name = v.pipe(v.string(), v.regex(/^[a-z][a-z0-9-]{0,30}$/));
const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const milliseconds = v.number();
const nullable = <Schema extends v.GenericSchema>(schema: Schema) => v.nullable(schema);

/** Why a request was refused. `code` is stable and for programs, `retryable`: the same request may succeed later. */
export const errorAnswer = v.object({
  error: v.object({ code: v.string(), message: v.string(), retryable: v.boolean() }),
});
export type ErrorAnswer = v.InferOutput<typeof errorAnswer>;

/** How old an answer may be: ledger index that it is true at; stale while no leader has been heard lately. */
export const asOf = v.object({ index: count, isStale: v.boolean(), leader: nullable(v.string()) });
export type AsOf = v.InferOutput<typeof asOf>;

export const statusAnswer = v.object({ status: v.picklist(['ok', 'noLeader']), member: v.string(), cell: v.string() });

// ---------------------------------------------------------------- evidence

const observationView = v.object({
  what: v.string(), afterMs: milliseconds, by: v.string(), at: v.string(), detail: v.string(),
});

/** Why it was certain that nothing of a node's boot ran any more. */
export const proofView = v.object({
  kind: v.string(), node: v.string(), bootId: v.string(), index: count, term: count, leader: v.string(), fenceWaitMs: milliseconds, at: v.string(),
  observations: v.array(observationView),
});
export type ProofView = v.InferOutput<typeof proofView>;

const refusalView = v.object({ node: v.string(), reason: v.string(), detail: v.string() });

// ---------------------------------------------------------------- nodes

const nodeHealth = v.object({
  ageMs: milliseconds, freeMemoryMiB: v.number(), freeDiskBytes: v.number(), load: v.number(), loopDelayMsMax: v.number(),
  unreachable: v.array(v.string()),
  running: v.array(v.object({ instance: v.string(), generation: count })),
});

const suspicion = v.object({ phase: v.string(), silentForMs: milliseconds, provenInMs: milliseconds });

export const nodeView = v.object({
  id: v.string(), phase: v.string(), cordoned: v.boolean(), bootId: nullable(v.string()), incarnation: count,
  /** Its part in the ledger. */
  roles: v.array(v.picklist(['leader', 'voter', 'learner'])),
  failureDomain: v.string(), meshAddress: v.string(), power: v.string(),
  capacity: v.object({ memoryMiB: count, vcpus: count, diskBytes: count, domainKinds: v.array(v.string()) }),
  /** What is promised: instances placed there and replicas kept there. */
  usage: v.object({ memoryMiB: count, vcpus: count, instances: count, diskBytes: count, replicas: count }),
  /** What it last gossiped; null when nothing was heard lately. */
  health: nullable(nodeHealth),
  /** What the leader's detector thinks; null: nothing is suspected, or the leader did not answer in time. */
  suspect: nullable(suspicion),
  /** How long ago the leader heard the last renewal of its lease. */
  renewalAgeMs: nullable(milliseconds),
  /** Proof of the death of its last boot that was fenced. */
  fence: nullable(proofView),
});
export type NodeView = v.InferOutput<typeof nodeView>;

export const nodesAnswer = v.object({ nodes: v.array(nodeView), asOf });
export type NodesAnswer = v.InferOutput<typeof nodesAnswer>;

/** A node that may join: the identity that its agent made for itself. */
export const nodeAdmission = v.strictObject({
  id: name, peerId: v.pipe(v.string(), v.minLength(1), v.maxLength(255)), meshAddress: v.pipe(v.string(), v.minLength(1), v.maxLength(255)),
  leaseAddress: v.pipe(v.string(), v.minLength(1), v.maxLength(255)), leaseKey: v.pipe(v.string(), v.minLength(1), v.maxLength(255)),
  storageAddress: v.pipe(v.string(), v.minLength(1), v.maxLength(255)), failureDomain: v.pipe(v.string(), v.maxLength(64)),
  power: v.strictObject({ kind: v.picklist(['none', 'ipmi']), address: v.pipe(v.string(), v.maxLength(255)) }),
});

// ---------------------------------------------------------------- instances and volumes

export const instanceView = v.object({
  id: v.string(), environment: v.string(), type: v.string(), image: v.string(), vcpus: count, memoryMiB: count,
  /** EC2's word for how it is, and ours. */
  state: v.string(), phase: v.string(), desired: v.string(),
  generation: count, holder: nullable(v.string()), standby: nullable(v.string()),
  privateAddress: v.string(), launchedAt: v.string(), phaseAt: v.string(),
  reason: nullable(v.object({ code: v.string(), message: v.string() })),
  tags: v.record(v.string(), v.string()),
  volumes: v.array(v.string()),
  failures: count,
});
export type InstanceView = v.InferOutput<typeof instanceView>;

export const instancesAnswer = v.object({ instances: v.array(instanceView), asOf });
export type InstancesAnswer = v.InferOutput<typeof instancesAnswer>;
export const instanceAnswer = v.object({ instance: instanceView, asOf });

export const volumeView = v.object({
  id: v.string(), instance: nullable(v.string()), device: v.string(), sizeBytes: count, holder: nullable(v.string()), generation: count,
  replicas: v.array(v.string()),
  /** Replicas that hold every acknowledged write: only these may ever be promoted. */
  inSync: v.array(v.string()),
  tainted: v.array(v.string()), retired: v.array(v.string()), version: count, epoch: count, formatted: v.boolean(), deleting: v.boolean(),
  isDegraded: v.boolean(),
  /** How far a replica is synchronised, where a node gossips it: 0 to 100. */
  syncPercent: nullable(v.number()),
});
export type VolumeView = v.InferOutput<typeof volumeView>;
export const volumesAnswer = v.object({ volumes: v.array(volumeView), asOf });

/** One line of the story of a move: when, and what it means, in a sentence. `afterMs` counts from the last renewal. */
const timelineEntry = v.object({ at: v.string(), afterMs: nullable(milliseconds), what: v.string(), by: nullable(v.string()), sentence: v.string() });

/** One change of an instance's holder, with the evidence that it was safe. */
export const moveView = v.object({
  generation: count, reason: v.string(), from: nullable(v.string()), to: v.string(), at: v.string(), startedAt: nullable(v.string()), index: count,
  /** From the former holder's last renewal to the start, at most; null where there was no outage, it has not started, or no leader heard that renewal. */
  downtimeMsMax: nullable(milliseconds),
  sentence: v.string(),
  /** Why nothing of it could run twice. */
  whySafe: v.string(),
  proof: nullable(proofView),
  timeline: v.array(timelineEntry),
  refused: v.array(refusalView),
});
export type MoveView = v.InferOutput<typeof moveView>;

export const whyAnswer = v.object({
  instance: instanceView,
  /** How it is now, in a sentence. */
  sentence: v.string(),
  volumes: v.array(volumeView),
  /** Newest last. */
  moves: v.array(moveView),
  /** Proof of the last holder's death while no other node has taken over yet. */
  waiting: nullable(v.object({ proof: proofView, timeline: v.array(timelineEntry), sentence: v.string() })),
  asOf,
});
export type WhyAnswer = v.InferOutput<typeof whyAnswer>;

// ---------------------------------------------------------------- ledger, parameters, events

export const ledgerAnswer = v.object({
  member: v.string(), role: v.string(), term: count, leader: nullable(v.string()), appliedIndex: count, commitIndex: count,
  /** Each voter and learner: what it has stored, as the leader knows it; null where the leader did not say. */
  voters: v.array(v.object({
    id: v.string(), member: v.string(), role: v.picklist(['voter', 'learner']), isLeader: v.boolean(), matchIndex: nullable(count), lag: nullable(count),
  })),
  isStale: v.boolean(), clusterUuid: v.string(), epoch: count,
});
export type LedgerAnswer = v.InferOutput<typeof ledgerAnswer>;

const parametersView = v.object({
  profile: v.picklist(['fast', 'standard', 'soft']), rebuildAfterMs: count, powerFencing: v.boolean(), powerFenceShare: v.number(),
  reserveStandby: v.boolean(), forgetTerminatedAfterMs: count,
});
export const parametersAnswer = v.object({ parameters: parametersView, asOf });
/** Only what is named is changed. */
export const parametersChange = v.strictObject({
  profile: v.exactOptional(v.picklist(['fast', 'standard', 'soft'])), rebuildAfterMs: v.exactOptional(count), powerFencing: v.exactOptional(v.boolean()),
  powerFenceShare: v.exactOptional(v.pipe(v.number(), v.minValue(0), v.maxValue(1))), reserveStandby: v.exactOptional(v.boolean()),
  forgetTerminatedAfterMs: v.exactOptional(count),
});

/** One thing that happened. `id` is its place in the ledger, `INDEX.ORDINAL`: what `after` and Last-Event-ID take. */
export const eventView = v.object({
  id: v.string(), index: count, ordinal: count, at: v.string(), kind: v.string(), subjects: v.array(v.string()), message: v.string(),
  level: v.picklist(['info', 'warning', 'alarm']),
});
export type EventView = v.InferOutput<typeof eventView>;
/** `next`: what to give as `after` to go on from here; null while there are none. */
export const eventsAnswer = v.object({ events: v.array(eventView), next: nullable(v.string()) });
export type EventsAnswer = v.InferOutput<typeof eventsAnswer>;

/** A change was committed to the ledger. */
export const committedAnswer = v.object({ index: count });

// ---------------------------------------------------------------- the simulated machine room (playground only)

export const roomCut = v.strictObject({ network: v.picklist(['mesh', 'storage', 'all']) });
export const roomBmc = v.strictObject({ isReachable: v.exactOptional(v.boolean()), lies: v.exactOptional(v.boolean()) });
export const doneAnswer = v.object({ done: v.literal(true), message: v.string() });

/** The room's own report (agent/room/model/room.ts): what really ran where, and every broken promise that it observed. */
export const roomReport = v.object({
  nodes: v.array(v.object({
    node: v.string(), isOn: v.boolean(), bootId: nullable(v.string()), isMeshUp: v.boolean(), isStorageUp: v.boolean(), isWatchdogArmed: v.boolean(),
    bmc: nullable(v.object({ address: v.string() })),
    domains: v.array(v.object({ domid: v.number(), name: v.string(), state: v.string() })),
    volumes: count, failedVolumes: v.array(v.string()),
  })),
  instances: v.record(v.string(), v.unknown()),
  violations: v.array(v.object({ kind: v.string(), instance: v.string() })),
});
export type RoomReportView = v.InferOutput<typeof roomReport>;
