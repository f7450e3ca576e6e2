/**
 * Is this unknown value a command? Checked at every border, and once more by `apply`, because a log is read back from disks.
 */
import * as v from 'valibot';
import {
  CLIENT_TOKEN_LENGTH_MAX, DELAY_LENGTH_MAX, INSTANCES_NAMED_MAX, INSTANCES_PER_REQUEST_MAX, TAINTED_MAX, USER_DATA_LENGTH_MAX,
} from '../model/limits.ts';
import type { Intent } from '../wire/intent.ts';
import type { Command, EntryData } from './commands.ts';
import * as field from './field-schema.ts';

const generation = field.count;
const named = v.pipe(field.listOf(field.instanceId, INSTANCES_NAMED_MAX), v.minLength(1));
const replicaReport = { actor: field.actor, volume: field.volumeId };

/** What every instance of a request has in common. */
const launch = {
  reservation: field.reservationId,
  environment: field.environment,
  clientToken: v.nullable(v.pipe(field.text(CLIENT_TOKEN_LENGTH_MAX), v.minLength(1))),
  requestHash: field.text(128),
  image: field.imageId,
  type: field.text(32),
  vcpus: field.positive,
  memoryMiB: field.positive,
  diskBytes: field.positive,
  keyName: v.nullable(field.text(255)),
  userData: v.nullable(field.text(USER_DATA_LENGTH_MAX)),
  tags: field.tags,
  terminationProtected: v.boolean(),
  shutdownBehavior: field.shutdownBehavior,
};

const commands = [
  v.strictObject({
    kind: v.literal('admitNode'),
    node: v.strictObject({
      id: field.nodeId, peerId: field.address, meshAddress: field.address, leaseAddress: field.address, leaseKey: field.address,
      storageAddress: field.address, failureDomain: field.text(64), power: field.power,
    }),
  }),
  v.strictObject({
    kind: v.literal('admitCoordinator'),
    coordinator: v.strictObject({ id: field.memberId, peerId: field.address, meshAddress: field.address, storeUuid: v.nullable(field.uuid) }),
  }),
  v.strictObject({
    kind: v.literal('bootNode'), actor: field.actor, storeUuid: field.uuid, capacity: field.capacity, tainted: field.listOf(field.volumeId, TAINTED_MAX),
  }),
  v.strictObject({ kind: v.literal('readyNode'), actor: field.actor }),
  v.strictObject({ kind: v.literal('cordonNode'), node: field.nodeId, cordoned: v.boolean() }),
  v.strictObject({ kind: v.literal('removeNode'), node: field.nodeId }),
  v.strictObject({
    kind: v.literal('intendFence'), node: field.nodeId, bootId: field.bootId, byPower: v.boolean(), atMs: field.milliseconds, reason: field.text(300),
  }),
  v.strictObject({
    kind: v.literal('proveFenced'), node: field.nodeId, bootId: field.bootId, proof: field.proofKind, fenceWaitMs: field.count, term: field.count,
    leader: field.memberId, observations: field.observations,
  }),
  v.strictObject({
    kind: v.literal('createInstances'), ...launch,
    instances: v.pipe(
      field.listOf(v.strictObject({ id: field.instanceId, volume: field.volumeId, placement: field.placement }), INSTANCES_PER_REQUEST_MAX),
      v.minLength(1),
    ),
  }),
  v.strictObject({ kind: v.literal('setDesired'), instances: named, desired: field.desired, force: v.boolean() }),
  v.strictObject({ kind: v.literal('restartInstances'), instances: named }),
  v.strictObject({ kind: v.literal('placeInstance'), instance: field.instanceId, expectGeneration: generation, placement: field.placement }),
  v.strictObject({
    kind: v.literal('takeOver'), instance: field.instanceId, expectGeneration: generation, from: field.actor, placement: field.placement,
  }),
  v.strictObject({ kind: v.literal('setStandby'), instance: field.instanceId, expectGeneration: generation, standby: v.nullable(field.nodeId) }),
  v.strictObject({
    kind: v.literal('setUnavailable'), instance: field.instanceId, expectGeneration: generation,
    phase: v.picklist(['unavailableData', 'unavailableCapacity']), message: field.text(500),
  }),
  v.strictObject({
    kind: v.literal('reportDelayed'), actor: field.actor, instance: field.instanceId, generation, message: v.pipe(field.text(DELAY_LENGTH_MAX), v.minLength(1)),
  }),
  v.strictObject({ kind: v.literal('reportStarted'), actor: field.actor, instance: field.instanceId, generation }),
  v.strictObject({
    kind: v.literal('reportStopped'), actor: field.actor, instance: field.instanceId, generation,
    cause: v.picklist(['asked', 'guestStopped', 'domainLost', 'startFailed']), detail: field.text(500),
  }),
  v.strictObject({ kind: v.literal('volumeFormatted'), ...replicaReport, generation }),
  v.strictObject({ kind: v.literal('shrink'), ...replicaReport, generation, reason: field.text(300) }),
  v.strictObject({ kind: v.literal('expand'), ...replicaReport, generation, expectVersion: field.count, replica: field.nodeId }),
  v.strictObject({
    kind: v.literal('replaceReplica'), volume: field.volumeId, expectEpoch: field.count, node: field.nodeId, replaces: v.nullable(field.nodeId),
  }),
  v.strictObject({ kind: v.literal('replicaWiped'), ...replicaReport }),
  v.strictObject({ kind: v.literal('replicaTainted'), ...replicaReport }),
  v.strictObject({ kind: v.literal('registerImage'), image: field.image }),
  v.strictObject({
    kind: v.literal('setTags'), instances: named, set: field.tags,
    remove: field.listOf(v.strictObject({ key: field.text(512), value: v.nullable(field.text(1024)) }), 200),
  }),
  v.strictObject({
    kind: v.literal('setAttributes'), instance: field.instanceId, terminationProtected: v.exactOptional(v.boolean()),
    shutdownBehavior: v.exactOptional(field.shutdownBehavior),
  }),
  v.strictObject({
    kind: v.literal('setParameters'),
    change: v.strictObject({
      profile: v.exactOptional(field.parameters.profile),
      rebuildAfterMs: v.exactOptional(field.parameters.rebuildAfterMs),
      powerFencing: v.exactOptional(field.parameters.powerFencing),
      powerFenceShare: v.exactOptional(field.parameters.powerFenceShare),
      reserveStandby: v.exactOptional(field.parameters.reserveStandby),
      forgetTerminatedAfterMs: v.exactOptional(field.parameters.forgetTerminatedAfterMs),
    }),
  }),
  v.strictObject({ kind: v.literal('clearFailures'), instance: field.instanceId, expectGeneration: generation }),
  v.strictObject({ kind: v.literal('forgetInstances'), instances: named }),
] as const;

/** One schema per kind, found by a look-up: a variant schema would try them one after the other. */
const byKind: ReadonlyMap<unknown, v.GenericSchema<unknown, Command>> = new Map(
  commands.map((schema) => [schema.entries.kind.literal, schema as unknown as v.GenericSchema<unknown, Command>]),
);

const entry = v.strictObject({ command: v.custom<Command>(() => true), at: field.text(64), by: field.memberId });

const intent = v.strictObject({
  kind: v.literal('runInstances'), ...launch,
  minCount: field.positive,
  ids: v.pipe(field.listOf(v.strictObject({ instance: field.instanceId, volume: field.volumeId }), INSTANCES_PER_REQUEST_MAX), v.minLength(1)),
  dryRun: v.boolean(),
});

/** A value of the right shape, or what is wrong with it. */
export type Parsed<Value> = { readonly kind: 'valid'; readonly value: Value } | { readonly kind: 'invalid'; readonly message: string };

/** Every kind of command there is, in the order of the type. */
export const COMMAND_KINDS: readonly Command['kind'][] = commands.map((schema) => schema.entries.kind.literal);

/** Reads a command from an unknown JSON value, which nobody changes from then on. Unknown kinds, unknown keys and unbounded values are refused. */
export function parseCommand(value: unknown): Parsed<Command> {
  const kind: unknown = typeof value === 'object' && value !== null && 'kind' in value ? value.kind : undefined;
  const schema = byKind.get(kind);
  if (schema === undefined) return { kind: 'invalid', message: `no such command: ${typeof kind === 'string' ? kind.slice(0, 40) : typeof kind}` };
  const known = READ.get(value as object);
  if (known !== undefined) return known;
  const parsed = parseWith(schema, value);
  READ.set(value as object, parsed);
  return parsed;
}

/** Commands that were read before: a leader reads each when it is proposed and when it is applied, and it never changes between. */
const READ = new WeakMap<object, Parsed<Command>>();

/** Reads an entry's data: the command, who proposed it and when. */
export function parseEntryData(value: unknown): Parsed<EntryData> {
  const outer = parseWith(entry, value);
  if (outer.kind === 'invalid') return outer;
  const command = parseCommand(outer.value.command);
  return command.kind === 'invalid' ? command : { kind: 'valid', value: { command: command.value, at: outer.value.at, by: outer.value.by } };
}

/** Reads a client's intent. `minCount` may not exceed the ids that came with it. */
export function parseIntent(value: unknown): Parsed<Intent> {
  const parsed = parseWith(intent as unknown as v.GenericSchema<unknown, Intent>, value);
  if (parsed.kind === 'valid' && parsed.value.minCount > parsed.value.ids.length) {
    return { kind: 'invalid', message: 'minCount: more than the ids that came with it' };
  }
  return parsed;
}

/** Reads a value with a schema; the message names the place and the first thing that is wrong there. */
export function parseWith<Value>(schema: v.GenericSchema<unknown, Value>, value: unknown): Parsed<Value> {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return { kind: 'valid', value: result.output };
  const issue = result.issues[0];
  const path = v.getDotPath(issue);
  return { kind: 'invalid', message: `${path === null ? '' : `${path}: `}${issue.message}`.slice(0, 300) };
}

/** The compiler's proof that each schema yields the command it is for, and that none and no field is missing. */
type Yielded = v.InferOutput<(typeof commands)[number]>;
type KeysOf<Union extends { readonly kind: string }> = { [Kind in Union['kind']]: keyof Extract<Union, { readonly kind: Kind }> };
type Same<Left, Right> = [Left] extends [Right] ? ([Right] extends [Left] ? true : false) : false;
export const SCHEMAS_MATCH_COMMANDS: [
  [Yielded] extends [Command] ? true : false, Same<KeysOf<Yielded>, KeysOf<Command>>,
  [v.InferOutput<typeof intent>] extends [Intent] ? true : false, Same<keyof v.InferOutput<typeof intent>, keyof Intent>,
] = [true, true, true, true];
