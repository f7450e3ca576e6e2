/**
 * By what may instances be filtered? By every field that we know; by fields of EC2 that an instance here never has, with no match.
 */
import type { CellState } from '../../../shared/model/cell.ts';
import { ec2State } from '../../../shared/model/instance.ts';
import type { InstanceRecord } from '../../../shared/model/instance.ts';
import type { FilterField, FilterFields } from '../filters.ts';
import { privateDnsName, zoneOf } from '../region.ts';
import { ROOT_DEVICE, virtualizationType } from '../views/instance-view.ts';

/** True of no instance: networks, public addresses and the like, which instances here do not have. */
const none: FilterField<InstanceRecord> = () => undefined;
const always = (value: string): FilterField<InstanceRecord> => () => value;

/** The filters of DescribeInstances (EC2 API reference), but for tags. `places` is the AMI launch index of each instance. */
export function instanceFilters(state: CellState, accountId: string, places: ReadonlyMap<string, number>): FilterFields<InstanceRecord> {
  return {
    'instance-id': (instance) => instance.id,
    'instance-state-name': (instance) => ec2State(instance).name,
    'instance-state-code': (instance) => String(ec2State(instance).code),
    'instance-type': (instance) => instance.type,
    'image-id': (instance) => instance.image,
    'availability-zone': always(zoneOf(state.cell)),
    'reservation-id': (instance) => instance.reservation,
    'owner-id': always(accountId),
    'launch-time': (instance) => instance.launchedAt,
    'launch-index': (instance) => String(places.get(instance.id) ?? 0),
    'client-token': (instance) => instance.clientToken ?? '',
    'key-name': (instance) => instance.keyName ?? undefined,
    'private-ip-address': (instance) => instance.privateAddress,
    'private-dns-name': (instance) => privateDnsName(instance.privateAddress),
    'state-reason-code': (instance) => instance.reason?.code,
    'reason': (instance) => instance.reason?.message,
    'architecture': (instance) => state.images.get(instance.image)?.architecture ?? 'x86_64',
    'virtualization-type': (instance) => virtualizationType(state.images.get(instance.image)?.domainKind),
    'hypervisor': always('xen'),
    'monitoring-state': always('disabled'),
    'tenancy': always('default'),
    'platform-details': always('Linux/UNIX'),
    'root-device-name': always(ROOT_DEVICE),
    'root-device-type': always('ebs'),
    'source-dest-check': always('true'),
    'block-device-mapping.volume-id': (instance) => instance.volumes,
    'block-device-mapping.device-name': (instance) => instance.volumes.map((id) => `/dev/${state.volumes.get(id)?.device ?? 'xvda'}`),
    'block-device-mapping.delete-on-termination': always('true'),
    'block-device-mapping.status': (instance) => instance.volumes.map((id) => (state.volumes.get(id)?.formatted === false ? 'attaching' : 'attached')),
    'dns-name': none, 'ip-address': none, 'vpc-id': none, 'subnet-id': none, 'platform': none, 'kernel-id': none, 'ramdisk-id': none, 'instance-lifecycle': none,
    'spot-instance-request-id': none, 'iam-instance-profile.arn': none, 'group-id': none, 'group-name': none, 'instance.group-id': none, 'instance.group-name': none,
    'placement-group-name': none, 'product-code': none, 'requester-id': none, 'outpost-arn': none, 'capacity-reservation-id': none,
  };
}
