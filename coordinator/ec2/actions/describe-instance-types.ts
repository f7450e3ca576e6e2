/** What sizes are there? DescribeInstanceTypes. */
import { INSTANCE_TYPES } from '../../../shared/model/image.ts';
import type { InstanceType as Size } from '../../../shared/model/image.ts';
import { defineAction } from '../action.ts';
import { Ec2Error, invalidCombination, shortened } from '../errors.ts';
import { compileFilters } from '../filters.ts';
import type { FilterFields } from '../filters.ts';
import type { InstanceType } from '../model/shapes.ts';
import { cutPage } from '../pages.ts';

/** Bounds of MaxResults: EC2 API reference, DescribeInstanceTypes. */
const RULES = { list: 'instance-types', resultsMin: 5, resultsMax: 100 };

const FIELDS: FilterFields<Size> = {
  'instance-type': (size) => size.name,
  'vcpu-info.default-vcpus': (size) => String(size.vcpus),
  'vcpu-info.default-cores': (size) => String(size.vcpus),
  'vcpu-info.default-threads-per-core': () => '1',
  'memory-info.size-in-mib': (size) => String(size.memoryMiB),
  'current-generation': () => 'true',
  'bare-metal': () => 'false',
  'hypervisor': () => 'xen',
  'free-tier-eligible': () => 'false',
  'burstable-performance-supported': () => 'false',
  'dedicated-hosts-supported': () => 'false',
  'hibernation-supported': () => 'false',
  'auto-recovery-supported': () => 'true',
  'instance-storage-supported': () => 'false',
  'processor-info.supported-architecture': () => 'x86_64',
  'supported-root-device-type': () => 'ebs',
  'supported-usage-class': () => 'on-demand',
  'supported-virtualization-type': () => ['hvm', 'paravirtual'],
  'supported-boot-mode': () => 'legacy-bios',
};

export const describeInstanceTypes = defineAction('DescribeInstanceTypes', { effect: 'reads' }, (input) => {
  if (input.InstanceTypes !== undefined && input.MaxResults !== undefined) throw invalidCombination('The parameter InstanceTypes cannot be used with the parameter MaxResults');
  const isWanted = compileFilters(input.Filters, FIELDS);
  const unknown = input.InstanceTypes?.find((name) => !INSTANCE_TYPES.some((size) => size.name === name));
  if (unknown !== undefined) throw new Ec2Error('InvalidInstanceType', `The following supplied instance types do not exist: [${shortened(unknown)}]`);
  const sizes = INSTANCE_TYPES.filter((size) => input.InstanceTypes?.includes(size.name) !== false && isWanted(size)).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const page = cutPage(sizes, (size) => size.name, input, RULES);
  return Promise.resolve({ InstanceTypes: page.records.map(viewSize), NextToken: page.nextToken });
});

function viewSize(size: Size): InstanceType {
  return {
    InstanceType: size.name,
    CurrentGeneration: true,
    FreeTierEligible: false,
    SupportedUsageClasses: ['on-demand'],
    SupportedRootDeviceTypes: ['ebs'],
    SupportedVirtualizationTypes: ['hvm', 'paravirtual'],
    BareMetal: false,
    Hypervisor: 'xen',
    ProcessorInfo: { SupportedArchitectures: ['x86_64'] },
    VCpuInfo: { DefaultVCpus: size.vcpus, DefaultCores: size.vcpus, DefaultThreadsPerCore: 1, ValidCores: [size.vcpus], ValidThreadsPerCore: [1] },
    MemoryInfo: { SizeInMiB: size.memoryMiB },
    InstanceStorageSupported: false,
    EbsInfo: { EbsOptimizedSupport: 'unsupported', EncryptionSupport: 'unsupported', NvmeSupport: 'unsupported' },
    NetworkInfo: { MaximumNetworkInterfaces: 1, MaximumNetworkCards: 1, DefaultNetworkCardIndex: 0, Ipv4AddressesPerInterface: 1, Ipv6AddressesPerInterface: 0, Ipv6Supported: false, EnaSupport: 'unsupported', EfaSupported: false },
    PlacementGroupInfo: { SupportedStrategies: [] },
    HibernationSupported: false,
    BurstablePerformanceSupported: false,
    DedicatedHostsSupported: false,
    AutoRecoverySupported: true,
    SupportedBootModes: ['legacy-bios'],
  };
}
