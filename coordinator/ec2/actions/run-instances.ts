/**
 * How are instances asked for? RunInstances: checked here, with ids drawn here, placed and committed by the cell's leader.
 *
 * What EC2 has and we do not is refused by name, never ignored; but where a client sends the value that describes what it gets
 * anyway (`Monitoring.Enabled=false`), it is welcome: see served-parameters.ts.
 */
import { sha256Hex } from '../../auth/sha256.ts';
import type { InstanceId, ReservationId, VolumeId } from '../../../shared/ids.ts';
import { parseInstanceId, parseReservationId, parseVolumeId } from '../../../shared/ids.ts';
import { INSTANCE_TYPES } from '../../../shared/model/image.ts';
import type { ImageRecord, InstanceType } from '../../../shared/model/image.ts';
import type { CellState } from '../../../shared/model/cell.ts';
import { CLIENT_TOKEN_LENGTH_MAX, INSTANCES_PER_REQUEST_MAX } from '../../../shared/model/limits.ts';
import { hexDigits } from '../../../shared/random.ts';
import type { IntentAnswer, RunInstancesIntent } from '../../../shared/wire/intent.ts';
import type { Chance } from '../../../shared/world.ts';
import type { Account } from '../../ports.ts';
import { defineAction } from '../action.ts';
import type { RequestContext } from '../action.ts';
import { dryRunOperation, Ec2Error, invalidValue, missingParameter, rejectionError, shortened, unsupported } from '../errors.ts';
import type { RunInstancesInput, RunInstancesOutput } from '../model/shapes.ts';
import { findImage } from '../own-images.ts';
import { launchPlaces } from '../own-instances.ts';
import { zoneOf } from '../region.ts';
import { checkTags } from '../tag-rules.ts';
import { viewInstance } from '../views/instance-view.ts';
import { refuseUnserved, rootVolumeBytes } from './served-parameters.ts';
import { checkUserData } from './user-data.ts';

/** EC2's default type. */
const DEFAULT_TYPE = 'm1.small';

export const runInstances = defineAction('RunInstances', { effect: 'changes' }, async (input, context) => {
  const { ports, account } = context;
  const intent = intentOf(input, context, await ports.cell.fresh());
  const answer = await ports.cell.runInstances(intent);
  const { index, instances } = created(answer);
  const state = await ports.cell.fresh(index);
  return viewReservation(state, account, instances, intent.reservation);
});

/** The request as the leader takes it. Throws Ec2Error for everything that can be seen to be wrong here. */
function intentOf(input: RunInstancesInput, context: RequestContext, state: CellState): RunInstancesIntent {
  refuseUnserved(input, zoneOf(state.cell));
  const { minCount, maxCount } = checkCounts(input);
  if (input.ImageId === undefined) throw missingParameter('ImageId');
  const image = findImage(state, input.ImageId);
  const type = findType(input.InstanceType ?? DEFAULT_TYPE);
  const shutdownBehavior = input.InstanceInitiatedShutdownBehavior ?? 'stop';
  if (shutdownBehavior !== 'stop' && shutdownBehavior !== 'terminate') throw invalidValue('InstanceInitiatedShutdownBehavior', shutdownBehavior, 'It must be stop or terminate.');
  const wanted = {
    environment: context.account.environment,
    image: image.id,
    type: type.name,
    vcpus: type.vcpus,
    memoryMiB: type.memoryMiB,
    diskBytes: diskBytesOf(input, image, type),
    keyName: checkKeyName(input.KeyName),
    userData: checkUserData(input.UserData),
    tags: tagsOf(input),
    terminationProtected: input.DisableApiTermination === true,
    shutdownBehavior,
    minCount,
  } as const;
  const draw = context.ports.chance;
  return {
    kind: 'runInstances', ...wanted,
    reservation: drawReservation(draw),
    clientToken: checkClientToken(input.ClientToken),
    requestHash: sha256Hex(JSON.stringify([wanted, maxCount])),
    ids: drawIds(draw, maxCount),
    dryRun: input.DryRun === true,
  };
}

function checkCounts(input: RunInstancesInput): { readonly minCount: number; readonly maxCount: number } {
  const { MinCount: minCount, MaxCount: maxCount } = input;
  if (minCount < 1) throw invalidValue('MinCount', minCount, 'It must be at least 1.');
  if (maxCount < minCount) throw invalidValue('MaxCount', maxCount, 'It must not be less than MinCount.');
  if (maxCount > INSTANCES_PER_REQUEST_MAX) {
    throw new Ec2Error('InstanceLimitExceeded', `You have requested more instances (${maxCount}) than one request may ask for (${INSTANCES_PER_REQUEST_MAX}).`);
  }
  return { minCount, maxCount };
}

function findType(name: string): InstanceType {
  const type = INSTANCE_TYPES.find((known) => known.name === name);
  if (type === undefined) throw invalidValue('InstanceType', name, `The types are ${INSTANCE_TYPES.map((known) => known.name).join(', ')}.`);
  return type;
}

/** The root volume: as large as asked for, else as the type has it; never smaller than the image. */
function diskBytesOf(input: RunInstancesInput, image: ImageRecord, type: InstanceType): number {
  return rootVolumeBytes(input.BlockDeviceMappings, image.sizeBytes) ?? Math.max(type.diskBytes, image.sizeBytes);
}

/** Key pairs are not kept here: the name is handed to the instance as it is. */
function checkKeyName(name: string | undefined): string | null {
  if (name === undefined) return null;
  if (!/^[\x20-\x7e]{1,255}$/.test(name)) throw new Ec2Error('InvalidKeyPair.Format', 'A key pair name has 1 to 255 printable ASCII characters');
  return name;
}

function checkClientToken(token: string | undefined): string | null {
  if (token === undefined) return null;
  if (token.length > CLIENT_TOKEN_LENGTH_MAX || !/^[\x20-\x7e]+$/.test(token)) throw new Ec2Error('InvalidClientToken', `A client token has at most ${CLIENT_TOKEN_LENGTH_MAX} printable ASCII characters`);
  return token;
}

function tagsOf(input: RunInstancesInput): Readonly<Record<string, string>> {
  for (const specification of input.TagSpecifications ?? []) {
    if (specification.ResourceType === undefined) throw missingParameter('TagSpecification.ResourceType');
    if (specification.ResourceType !== 'instance') throw unsupported(`Only instances can be tagged here, not '${shortened(specification.ResourceType)}'`);
  }
  const tags = checkTags((input.TagSpecifications ?? []).flatMap((specification) => specification.Tags ?? []));
  return Object.fromEntries(Object.entries(tags).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function drawReservation(chance: Chance): ReservationId {
  return parseReservationId(`r-${hexDigits(chance, 17)}`);
}

/** Sorted, so that the order of ids is the order of creation. */
function drawIds(chance: Chance, count: number): readonly { readonly instance: InstanceId; readonly volume: VolumeId }[] {
  const instances = Array.from({ length: count }, () => parseInstanceId(`i-${hexDigits(chance, 17)}`)).toSorted();
  return instances.map((instance) => ({ instance, volume: parseVolumeId(`vol-${hexDigits(chance, 17)}`) }));
}

/** The instances that the leader made, or had made before for the same token. Throws what EC2 says to the other answers. */
function created(answer: IntentAnswer): Extract<IntentAnswer, { kind: 'created' }> {
  switch (answer.kind) {
    case 'created':
      return answer;
    case 'wouldSucceed':
      throw dryRunOperation();
    case 'noCapacity': {
      const why = answer.refused.slice(0, 10).map(({ node, reason, detail }) => `${node}: ${reason}${detail === '' ? '' : ` (${detail})`}`).join('; ');
      throw new Ec2Error('InsufficientInstanceCapacity', `There is no room for the instances that you asked for. ${why === '' ? 'No node takes instances.' : why}`);
    }
    default:
      throw rejectionError(answer.result);
  }
}

function viewReservation(state: CellState, account: Account, ids: readonly InstanceId[], drawn: ReservationId): RunInstancesOutput {
  const instances = ids.flatMap((id) => state.instances.get(id) ?? []);
  const places = launchPlaces(instances);
  return {
    ReservationId: instances[0]?.reservation ?? drawn,
    OwnerId: account.accountId,
    Groups: [],
    Instances: instances.map((instance) => viewInstance(state, instance, places.get(instance.id) ?? 0)),
  };
}
