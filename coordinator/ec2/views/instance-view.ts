/**
 * What does an instance look like to an EC2 client?
 */
import type { CellState } from '../../../shared/model/cell.ts';
import { ec2State } from '../../../shared/model/instance.ts';
import type { InstanceRecord } from '../../../shared/model/instance.ts';
import type { Instance, InstanceState, RunInstancesOutput, Tag } from '../model/shapes.ts';
import { privateDnsName, zoneOf } from '../region.ts';

/** The device that instances boot from. */
export const ROOT_DEVICE = '/dev/xvda';

/** Instances, grouped by reservation, in the order given. `places`: see launchPlaces. */
export function viewReservations(state: CellState, accountId: string, instances: readonly InstanceRecord[], places: ReadonlyMap<string, number>): readonly RunInstancesOutput[] {
  const groups = new Map<string, Instance[]>();
  for (const instance of instances) {
    const group = groups.get(instance.reservation) ?? [];
    groups.set(instance.reservation, group);
    group.push(viewInstance(state, instance, places.get(instance.id) ?? 0));
  }
  return [...groups].map(([reservation, group]) => ({ ReservationId: reservation, OwnerId: accountId, Groups: [], Instances: group }));
}

/** One instance as EC2's Instance. */
export function viewInstance(state: CellState, instance: InstanceRecord, launchPlace: number): Instance {
  const image = state.images.get(instance.image);
  const ec2 = ec2State(instance);
  const isGone = ec2.name === 'terminated';
  return {
    AmiLaunchIndex: launchPlace,
    ImageId: instance.image,
    InstanceId: instance.id,
    InstanceType: instance.type,
    KeyName: instance.keyName ?? undefined,
    LaunchTime: instance.launchedAt,
    Monitoring: { State: 'disabled' },
    Placement: { AvailabilityZone: zoneOf(state.cell), GroupName: '', Tenancy: 'default' },
    // EC2 takes addresses and disks away from what is terminated.
    PrivateDnsName: isGone ? '' : privateDnsName(instance.privateAddress),
    PrivateIpAddress: isGone ? undefined : instance.privateAddress,
    PublicDnsName: '',
    State: { Code: ec2.code, Name: ec2.name },
    StateTransitionReason: instance.reason?.message ?? '',
    StateReason: instance.reason === null ? undefined : { Code: instance.reason.code, Message: instance.reason.message },
    Architecture: image?.architecture ?? 'x86_64',
    BlockDeviceMappings: isGone ? [] : blockDevices(state, instance),
    ClientToken: instance.clientToken ?? '',
    EbsOptimized: false,
    EnaSupport: false,
    Hypervisor: 'xen',
    NetworkInterfaces: [],
    RootDeviceName: ROOT_DEVICE,
    RootDeviceType: 'ebs',
    SecurityGroups: [],
    SourceDestCheck: true,
    Tags: viewTags(instance.tags),
    VirtualizationType: virtualizationType(image?.domainKind),
    CpuOptions: { CoreCount: instance.vcpus, ThreadsPerCore: 1 },
    CapacityReservationSpecification: { CapacityReservationPreference: 'open' },
    HibernationOptions: { Configured: false },
    EnclaveOptions: { Enabled: false },
    PlatformDetails: 'Linux/UNIX',
    UsageOperation: 'RunInstances',
    UsageOperationUpdateTime: instance.launchedAt,
    PrivateDnsNameOptions: { HostnameType: 'ip-name', EnableResourceNameDnsARecord: false, EnableResourceNameDnsAAAARecord: false },
    MaintenanceOptions: { AutoRecovery: 'default' },
  };
}

/** EC2 knows paravirtual and fully virtualised guests; PVH counts as the second. */
export function virtualizationType(domainKind: 'pv' | 'pvh' | 'hvm' | undefined): string {
  return domainKind === 'pv' ? 'paravirtual' : 'hvm';
}

/** EC2's instance state as its structure. */
export function viewState(instance: InstanceRecord): InstanceState {
  const { code, name } = ec2State(instance);
  return { Code: code, Name: name };
}

/** Tags as a list, sorted by key so that answers are repeatable. */
function viewTags(tags: Readonly<Record<string, string>>): readonly Tag[] {
  return Object.keys(tags).toSorted().map((key) => ({ Key: key, Value: tags[key] }));
}

/** The instance's volumes as block devices. */
export function blockDevices(state: CellState, instance: InstanceRecord): NonNullable<Instance['BlockDeviceMappings']> {
  return instance.volumes.map((id) => {
    const volume = state.volumes.get(id);
    return {
      DeviceName: `/dev/${volume?.device ?? 'xvda'}`,
      Ebs: { AttachTime: instance.launchedAt, DeleteOnTermination: true, Status: volume?.formatted === false ? 'attaching' : 'attached', VolumeId: id },
    };
  });
}
