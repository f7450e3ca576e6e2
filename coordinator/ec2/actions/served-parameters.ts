/**
 * Which parameters of RunInstances do we keep to? The others are refused by name, unless they ask for what is so anyway.
 */
import { VOLUME_BYTES_MAX } from '../../../shared/model/limits.ts';
import { GIB } from '../../../shared/units.ts';
import { invalidCombination, invalidValue, unsupported } from '../errors.ts';
import type { RunInstancesInput, RunInstancesInputBlockDeviceMapping } from '../model/shapes.ts';
import { ROOT_DEVICE } from '../views/instance-view.ts';

const VOLUME_GIB_MAX = VOLUME_BYTES_MAX / GIB;

/** What run-instances.ts itself reads. */
const SERVED = new Set<keyof RunInstancesInput>([
  'ImageId', 'InstanceType', 'MinCount', 'MaxCount', 'KeyName', 'UserData', 'ClientToken', 'DisableApiTermination', 'DryRun', 'InstanceInitiatedShutdownBehavior',
  'TagSpecifications', 'BlockDeviceMappings',
]);

type Tests = { readonly [Member in keyof RunInstancesInput]?: (value: NonNullable<RunInstancesInput[Member]>, zone: string) => boolean };

/** True: the value describes what the instance gets anyway, so a client may say it. */
const HARMLESS: Tests = {
  Monitoring: (monitoring) => monitoring.Enabled !== true,
  EbsOptimized: (isOptimized) => !isOptimized,
  DisableApiStop: (isDisabled) => !isDisabled,
  EnablePrimaryIpv6: (isEnabled) => !isEnabled,
  HibernationOptions: (options) => options.Configured !== true,
  EnclaveOptions: (options) => options.Enabled !== true,
  MaintenanceOptions: (options) => options.AutoRecovery === undefined || options.AutoRecovery === 'default',
  CreditSpecification: (credit) => credit.CpuCredits === undefined || credit.CpuCredits === 'standard',
  CapacityReservationSpecification: (reservation) => reservation.CapacityReservationTarget === undefined,
  SecurityGroups: (groups) => groups.every((group) => group === 'default'),
  Ipv6AddressCount: (count) => count === 0,
  Placement: (placement, zone) => hasOnly(placement, { AvailabilityZone: [zone], Tenancy: ['default'], GroupName: [''] }),
};

/** Throws `UnsupportedOperation` that names the first parameter which would have to be ignored. */
export function refuseUnserved(input: RunInstancesInput, zone: string): void {
  const asked = input.Placement?.AvailabilityZone;
  if (asked !== undefined && asked !== zone) throw invalidValue('Placement.AvailabilityZone', asked, `The availability zone is called ${zone}.`);
  for (const member of Object.keys(input) as (keyof RunInstancesInput)[]) {
    if (SERVED.has(member) || input[member] === undefined) continue;
    const isHarmless = HARMLESS[member] as ((value: unknown, zone: string) => boolean) | undefined;
    if (isHarmless?.(input[member], zone) !== true) throw unsupported(`The parameter ${member} of RunInstances is not supported with this value`);
  }
}

/**
 * The size of the root volume that was asked for, bytes; null: none was. Throws Ec2Error for other devices, sizes below the image's
 * (`imageBytes`), and kinds of volume that we do not have.
 */
export function rootVolumeBytes(mappings: readonly RunInstancesInputBlockDeviceMapping[] | undefined, imageBytes: number): number | null {
  if (mappings === undefined || mappings.length === 0) return null;
  const [mapping] = mappings;
  if (mapping === undefined || mappings.length > 1) throw unsupported('Instances have one volume, the root volume: more block devices are not supported');
  const device = mapping.DeviceName ?? '';
  if (![ROOT_DEVICE, 'xvda', '/dev/sda1', '/dev/sda'].includes(device)) throw unsupported(`Instances have one volume, the root volume ${ROOT_DEVICE}: the block device '${device.slice(0, 40)}' is not supported`);
  if (!hasOnly(mapping, { DeviceName: [device], Ebs: undefined })) throw unsupported('A block device mapping can only have DeviceName and Ebs');
  const ebs = mapping.Ebs ?? {};
  if (!hasOnly(ebs, { VolumeSize: undefined, DeleteOnTermination: [true], VolumeType: ['gp2', 'gp3'], Encrypted: [false] })) {
    throw unsupported('A root volume can have VolumeSize, DeleteOnTermination=true, VolumeType gp2 or gp3, and Encrypted=false');
  }
  if (ebs.VolumeSize === undefined) return null;
  if (ebs.VolumeSize < 1 || ebs.VolumeSize > VOLUME_GIB_MAX) throw invalidValue('BlockDeviceMapping.Ebs.VolumeSize', ebs.VolumeSize, `It must be 1 to ${VOLUME_GIB_MAX} GiB.`);
  if (ebs.VolumeSize * GIB < imageBytes) throw invalidCombination(`The root volume of ${ebs.VolumeSize} GiB is smaller than the image`);
  return ebs.VolumeSize * GIB;
}

/** Whether a structure has no members but these, with no values but these (undefined: any). */
function hasOnly(structure: object, allowed: Readonly<Record<string, readonly unknown[] | undefined>>): boolean {
  return Object.entries(structure).every(([member, value]) => value === undefined || (Object.hasOwn(allowed, member) && allowed[member]?.includes(value) !== false));
}
