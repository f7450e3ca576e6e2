/** What can instances boot from? DescribeImages. */
import { GIB } from '../../../shared/units.ts';
import type { ImageRecord } from '../../../shared/model/image.ts';
import { defineAction } from '../action.ts';
import { compileFilters } from '../filters.ts';
import type { FilterFields } from '../filters.ts';
import type { Image } from '../model/shapes.ts';
import { findImage } from '../own-images.ts';
import { cutPage } from '../pages.ts';
import { FLEET_ACCOUNT, FLEET_ALIAS } from '../region.ts';
import { ROOT_DEVICE, virtualizationType } from '../views/instance-view.ts';

/** Bounds of MaxResults: EC2 API reference, DescribeImages. */
const RULES = { list: 'images', resultsMin: 1, resultsMax: 1000 };

const FIELDS: FilterFields<ImageRecord> = {
  'image-id': (image) => image.id,
  'name': (image) => image.name,
  'description': (image) => image.description,
  'architecture': (image) => image.architecture,
  'creation-date': (image) => image.createdAt,
  'virtualization-type': (image) => virtualizationType(image.domainKind),
  'state': () => 'available',
  'image-type': () => 'machine',
  'is-public': () => 'true',
  'hypervisor': () => 'xen',
  'owner-id': () => FLEET_ACCOUNT,
  'owner-alias': () => FLEET_ALIAS,
  'root-device-name': () => ROOT_DEVICE,
  'root-device-type': () => 'ebs',
  'ena-support': () => 'false',
  'block-device-mapping.device-name': () => ROOT_DEVICE,
  'block-device-mapping.volume-size': (image) => String(volumeSizeGib(image)),
  'platform': () => undefined, 'kernel-id': () => undefined, 'ramdisk-id': () => undefined, 'product-code': () => undefined,
};

export const describeImages = defineAction('DescribeImages', { effect: 'reads' }, async (input, { ports, account }) => {
  const state = await ports.cell.fresh();
  // Images have no tags yet, so a filter by tag is a filter that matches none of them.
  const isWanted = compileFilters(input.Filters, FIELDS, () => ({}));
  const named = input.ImageIds === undefined ? state.images.values() : [...new Set(input.ImageIds)].map((id) => findImage(state, id));
  const isOwned = ownersInclude(input.Owners, account.accountId);
  const mayRun = input.ExecutableUsers === undefined || input.ExecutableUsers.some((user) => user === 'all' || user === 'self' || user === account.accountId);
  const images = named.filter((image) => mayRun && isOwned && isWanted(image)).toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const page = cutPage(images, (image) => image.id, input, RULES);
  return { Images: page.records.map(viewImage), NextToken: page.nextToken };
});

/** Every image belongs to the fleet's account; `self` is whoever asks. */
function ownersInclude(owners: readonly string[] | undefined, self: string): boolean {
  return owners === undefined || owners.some((owner) => owner === FLEET_ACCOUNT || owner === FLEET_ALIAS || (owner === 'self' && self === FLEET_ACCOUNT));
}

function viewImage(image: ImageRecord): Image {
  return {
    ImageId: image.id,
    ImageLocation: `${FLEET_ALIAS}/${image.name}`,
    ImageType: 'machine',
    Name: image.name,
    Description: image.description,
    Architecture: image.architecture,
    CreationDate: image.createdAt,
    Public: true,
    OwnerId: FLEET_ACCOUNT,
    ImageOwnerAlias: FLEET_ALIAS,
    State: 'available',
    Hypervisor: 'xen',
    VirtualizationType: virtualizationType(image.domainKind),
    RootDeviceName: ROOT_DEVICE,
    RootDeviceType: 'ebs',
    BlockDeviceMappings: [{ DeviceName: ROOT_DEVICE, Ebs: { DeleteOnTermination: true, VolumeSize: volumeSizeGib(image), VolumeType: 'gp3', Encrypted: false } }],
    EnaSupport: false,
    PlatformDetails: 'Linux/UNIX',
    UsageOperation: 'RunInstances',
  };
}

/** EC2 counts volumes in whole GiB. */
function volumeSizeGib(image: ImageRecord): number {
  return Math.max(1, Math.ceil(image.sizeBytes / GIB));
}
