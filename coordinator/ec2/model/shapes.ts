/**
 * What do the served actions take and give? Written by make-slice.ts from slice.json: do not edit.
 *
 * Times are ISO strings and blobs are base64, as they travel. Origin and licence: ORIGIN.md.
 */

/** The input and output of each served action. */
export interface ActionShapes {
  readonly RunInstances: { readonly input: RunInstancesInput; readonly output: RunInstancesOutput };
  readonly DescribeInstances: { readonly input: DescribeInstancesInput; readonly output: DescribeInstancesOutput };
  readonly DescribeInstanceStatus: { readonly input: DescribeInstanceStatusInput; readonly output: DescribeInstanceStatusOutput };
  readonly StartInstances: { readonly input: StartInstancesInput; readonly output: StartInstancesOutput };
  readonly StopInstances: { readonly input: StopInstancesInput; readonly output: StopInstancesOutput };
  readonly RebootInstances: { readonly input: RebootInstancesInput; readonly output: RebootInstancesOutput };
  readonly TerminateInstances: { readonly input: TerminateInstancesInput; readonly output: TerminateInstancesOutput };
  readonly GetConsoleOutput: { readonly input: GetConsoleOutputInput; readonly output: GetConsoleOutputOutput };
  readonly DescribeInstanceAttribute: { readonly input: DescribeInstanceAttributeInput; readonly output: DescribeInstanceAttributeOutput };
  readonly ModifyInstanceAttribute: { readonly input: ModifyInstanceAttributeInput; readonly output: ModifyInstanceAttributeOutput };
  readonly DescribeImages: { readonly input: DescribeImagesInput; readonly output: DescribeImagesOutput };
  readonly DescribeInstanceTypes: { readonly input: DescribeInstanceTypesInput; readonly output: DescribeInstanceTypesOutput };
  readonly DescribeRegions: { readonly input: DescribeRegionsInput; readonly output: DescribeRegionsOutput };
  readonly DescribeAvailabilityZones: { readonly input: DescribeAvailabilityZonesInput; readonly output: DescribeAvailabilityZonesOutput };
  readonly CreateTags: { readonly input: CreateTagsInput; readonly output: CreateTagsOutput };
  readonly DeleteTags: { readonly input: DeleteTagsInput; readonly output: DeleteTagsOutput };
  readonly DescribeTags: { readonly input: DescribeTagsInput; readonly output: DescribeTagsOutput };
  readonly GetCallerIdentity: { readonly input: GetCallerIdentityInput; readonly output: GetCallerIdentityOutput };
}

export interface RunInstancesOutput {
  readonly Groups?: readonly Group[] | undefined;
  readonly Instances?: readonly Instance[] | undefined;
  readonly OwnerId?: string | undefined;
  readonly RequesterId?: string | undefined;
  readonly ReservationId?: string | undefined;
}

export interface Group {
  readonly GroupName?: string | undefined;
  readonly GroupId?: string | undefined;
}

export interface Instance {
  readonly AmiLaunchIndex?: number | undefined;
  readonly ImageId?: string | undefined;
  readonly InstanceId?: string | undefined;
  readonly InstanceType?: string | undefined;
  readonly KernelId?: string | undefined;
  readonly KeyName?: string | undefined;
  readonly LaunchTime?: string | undefined;
  readonly Monitoring?: Monitoring | undefined;
  readonly Placement?: Placement | undefined;
  readonly Platform?: string | undefined;
  readonly PrivateDnsName?: string | undefined;
  readonly PrivateIpAddress?: string | undefined;
  readonly ProductCodes?: readonly ProductCode[] | undefined;
  readonly PublicDnsName?: string | undefined;
  readonly PublicIpAddress?: string | undefined;
  readonly RamdiskId?: string | undefined;
  readonly State?: InstanceState | undefined;
  readonly StateTransitionReason?: string | undefined;
  readonly SubnetId?: string | undefined;
  readonly VpcId?: string | undefined;
  readonly Architecture?: string | undefined;
  readonly BlockDeviceMappings?: readonly BlockDeviceMapping[] | undefined;
  readonly ClientToken?: string | undefined;
  readonly EbsOptimized?: boolean | undefined;
  readonly EnaSupport?: boolean | undefined;
  readonly Hypervisor?: string | undefined;
  readonly IamInstanceProfile?: IamInstanceProfile | undefined;
  readonly InstanceLifecycle?: string | undefined;
  readonly ElasticGpuAssociations?: readonly ElasticGpuAssociation[] | undefined;
  readonly ElasticInferenceAcceleratorAssociations?: readonly ElasticInferenceAcceleratorAssociation[] | undefined;
  readonly NetworkInterfaces?: readonly NetworkInterface[] | undefined;
  readonly OutpostArn?: string | undefined;
  readonly RootDeviceName?: string | undefined;
  readonly RootDeviceType?: string | undefined;
  readonly SecurityGroups?: readonly Group[] | undefined;
  readonly SourceDestCheck?: boolean | undefined;
  readonly SpotInstanceRequestId?: string | undefined;
  readonly SriovNetSupport?: string | undefined;
  readonly StateReason?: StateReason | undefined;
  readonly Tags?: readonly Tag[] | undefined;
  readonly VirtualizationType?: string | undefined;
  readonly CpuOptions?: CpuOptions | undefined;
  readonly CapacityReservationId?: string | undefined;
  readonly CapacityReservationSpecification?: CapacityReservationSpecification | undefined;
  readonly HibernationOptions?: HibernationOptions | undefined;
  readonly Licenses?: readonly License[] | undefined;
  readonly MetadataOptions?: MetadataOptions | undefined;
  readonly EnclaveOptions?: EnclaveOptions | undefined;
  readonly BootMode?: string | undefined;
  readonly PlatformDetails?: string | undefined;
  readonly UsageOperation?: string | undefined;
  readonly UsageOperationUpdateTime?: string | undefined;
  readonly PrivateDnsNameOptions?: PrivateDnsNameOptions | undefined;
  readonly Ipv6Address?: string | undefined;
  readonly TpmSupport?: string | undefined;
  readonly MaintenanceOptions?: MaintenanceOptions | undefined;
  readonly CurrentInstanceBootMode?: string | undefined;
}

export interface Monitoring {
  readonly State?: string | undefined;
}

export interface Placement {
  readonly AvailabilityZone?: string | undefined;
  readonly Affinity?: string | undefined;
  readonly GroupName?: string | undefined;
  readonly PartitionNumber?: number | undefined;
  readonly HostId?: string | undefined;
  readonly Tenancy?: string | undefined;
  readonly SpreadDomain?: string | undefined;
  readonly HostResourceGroupArn?: string | undefined;
  readonly GroupId?: string | undefined;
}

export interface ProductCode {
  readonly ProductCodeId?: string | undefined;
  readonly ProductCodeType?: string | undefined;
}

export interface InstanceState {
  readonly Code?: number | undefined;
  readonly Name?: string | undefined;
}

export interface BlockDeviceMapping {
  readonly DeviceName?: string | undefined;
  readonly Ebs?: Ebs | undefined;
}

export interface Ebs {
  readonly AttachTime?: string | undefined;
  readonly DeleteOnTermination?: boolean | undefined;
  readonly Status?: string | undefined;
  readonly VolumeId?: string | undefined;
  readonly AssociatedResource?: string | undefined;
  readonly VolumeOwnerId?: string | undefined;
}

export interface IamInstanceProfile {
  readonly Arn?: string | undefined;
  readonly Id?: string | undefined;
}

export interface ElasticGpuAssociation {
  readonly ElasticGpuId?: string | undefined;
  readonly ElasticGpuAssociationId?: string | undefined;
  readonly ElasticGpuAssociationState?: string | undefined;
  readonly ElasticGpuAssociationTime?: string | undefined;
}

export interface ElasticInferenceAcceleratorAssociation {
  readonly ElasticInferenceAcceleratorArn?: string | undefined;
  readonly ElasticInferenceAcceleratorAssociationId?: string | undefined;
  readonly ElasticInferenceAcceleratorAssociationState?: string | undefined;
  readonly ElasticInferenceAcceleratorAssociationTime?: string | undefined;
}

export interface NetworkInterface {
  readonly Association?: Association | undefined;
  readonly Attachment?: Attachment | undefined;
  readonly Description?: string | undefined;
  readonly Groups?: readonly Group[] | undefined;
  readonly Ipv6Addresses?: readonly Ipv6Address[] | undefined;
  readonly MacAddress?: string | undefined;
  readonly NetworkInterfaceId?: string | undefined;
  readonly OwnerId?: string | undefined;
  readonly PrivateDnsName?: string | undefined;
  readonly PrivateIpAddress?: string | undefined;
  readonly PrivateIpAddresses?: readonly PrivateIpAddress[] | undefined;
  readonly SourceDestCheck?: boolean | undefined;
  readonly Status?: string | undefined;
  readonly SubnetId?: string | undefined;
  readonly VpcId?: string | undefined;
  readonly InterfaceType?: string | undefined;
  readonly Ipv4Prefixes?: readonly Ipv4Prefixe[] | undefined;
  readonly Ipv6Prefixes?: readonly Ipv6Prefixe[] | undefined;
  readonly ConnectionTrackingConfiguration?: ConnectionTrackingConfiguration | undefined;
}

export interface Association {
  readonly CarrierIp?: string | undefined;
  readonly CustomerOwnedIp?: string | undefined;
  readonly IpOwnerId?: string | undefined;
  readonly PublicDnsName?: string | undefined;
  readonly PublicIp?: string | undefined;
}

export interface Attachment {
  readonly AttachTime?: string | undefined;
  readonly AttachmentId?: string | undefined;
  readonly DeleteOnTermination?: boolean | undefined;
  readonly DeviceIndex?: number | undefined;
  readonly Status?: string | undefined;
  readonly NetworkCardIndex?: number | undefined;
  readonly EnaSrdSpecification?: EnaSrdSpecification | undefined;
}

export interface EnaSrdSpecification {
  readonly EnaSrdEnabled?: boolean | undefined;
  readonly EnaSrdUdpSpecification?: EnaSrdUdpSpecification | undefined;
}

export interface EnaSrdUdpSpecification {
  readonly EnaSrdUdpEnabled?: boolean | undefined;
}

export interface Ipv6Address {
  readonly Ipv6Address?: string | undefined;
  readonly IsPrimaryIpv6?: boolean | undefined;
}

export interface PrivateIpAddress {
  readonly Association?: Association | undefined;
  readonly Primary?: boolean | undefined;
  readonly PrivateDnsName?: string | undefined;
  readonly PrivateIpAddress?: string | undefined;
}

export interface Ipv4Prefixe {
  readonly Ipv4Prefix?: string | undefined;
}

export interface Ipv6Prefixe {
  readonly Ipv6Prefix?: string | undefined;
}

export interface ConnectionTrackingConfiguration {
  readonly TcpEstablishedTimeout?: number | undefined;
  readonly UdpStreamTimeout?: number | undefined;
  readonly UdpTimeout?: number | undefined;
}

export interface StateReason {
  readonly Code?: string | undefined;
  readonly Message?: string | undefined;
}

export interface Tag {
  readonly Key?: string | undefined;
  readonly Value?: string | undefined;
}

export interface CpuOptions {
  readonly CoreCount?: number | undefined;
  readonly ThreadsPerCore?: number | undefined;
  readonly AmdSevSnp?: string | undefined;
}

export interface CapacityReservationSpecification {
  readonly CapacityReservationPreference?: string | undefined;
  readonly CapacityReservationTarget?: CapacityReservationTarget | undefined;
}

export interface CapacityReservationTarget {
  readonly CapacityReservationId?: string | undefined;
  readonly CapacityReservationResourceGroupArn?: string | undefined;
}

export interface HibernationOptions {
  readonly Configured?: boolean | undefined;
}

export interface License {
  readonly LicenseConfigurationArn?: string | undefined;
}

export interface MetadataOptions {
  readonly State?: string | undefined;
  readonly HttpTokens?: string | undefined;
  readonly HttpPutResponseHopLimit?: number | undefined;
  readonly HttpEndpoint?: string | undefined;
  readonly HttpProtocolIpv6?: string | undefined;
  readonly InstanceMetadataTags?: string | undefined;
}

export interface EnclaveOptions {
  readonly Enabled?: boolean | undefined;
}

export interface PrivateDnsNameOptions {
  readonly HostnameType?: string | undefined;
  readonly EnableResourceNameDnsARecord?: boolean | undefined;
  readonly EnableResourceNameDnsAAAARecord?: boolean | undefined;
}

export interface MaintenanceOptions {
  readonly AutoRecovery?: string | undefined;
}

export interface DescribeInstancesOutput {
  readonly Reservations?: readonly RunInstancesOutput[] | undefined;
  readonly NextToken?: string | undefined;
}

export interface DescribeInstanceStatusOutput {
  readonly InstanceStatuses?: readonly InstanceStatus[] | undefined;
  readonly NextToken?: string | undefined;
}

export interface InstanceStatus {
  readonly AvailabilityZone?: string | undefined;
  readonly OutpostArn?: string | undefined;
  readonly Events?: readonly Event[] | undefined;
  readonly InstanceId?: string | undefined;
  readonly InstanceState?: InstanceState | undefined;
  readonly InstanceStatus?: InstanceStatusInstanceStatus | undefined;
  readonly SystemStatus?: InstanceStatusInstanceStatus | undefined;
  readonly AttachedEbsStatus?: AttachedEbsStatus | undefined;
}

export interface Event {
  readonly InstanceEventId?: string | undefined;
  readonly Code?: string | undefined;
  readonly Description?: string | undefined;
  readonly NotAfter?: string | undefined;
  readonly NotBefore?: string | undefined;
  readonly NotBeforeDeadline?: string | undefined;
}

export interface InstanceStatusInstanceStatus {
  readonly Details?: readonly Detail[] | undefined;
  readonly Status?: string | undefined;
}

export interface Detail {
  readonly ImpairedSince?: string | undefined;
  readonly Name?: string | undefined;
  readonly Status?: string | undefined;
}

export interface AttachedEbsStatus {
  readonly Details?: readonly AttachedEbsStatusDetail[] | undefined;
  readonly Status?: string | undefined;
}

export interface AttachedEbsStatusDetail {
  readonly ImpairedSince?: string | undefined;
  readonly Name?: string | undefined;
  readonly Status?: string | undefined;
}

export interface StartInstancesOutput {
  readonly StartingInstances?: readonly InstanceStateChange[] | undefined;
}

export interface InstanceStateChange {
  readonly CurrentState?: InstanceState | undefined;
  readonly InstanceId?: string | undefined;
  readonly PreviousState?: InstanceState | undefined;
}

export interface StopInstancesOutput {
  readonly StoppingInstances?: readonly InstanceStateChange[] | undefined;
}

export type RebootInstancesOutput = Readonly<Record<string, never>>;

export interface TerminateInstancesOutput {
  readonly TerminatingInstances?: readonly InstanceStateChange[] | undefined;
}

export interface GetConsoleOutputOutput {
  readonly InstanceId?: string | undefined;
  readonly Output?: string | undefined;
  readonly Timestamp?: string | undefined;
}

export interface DescribeInstanceAttributeOutput {
  readonly Groups?: readonly Group[] | undefined;
  readonly BlockDeviceMappings?: readonly BlockDeviceMapping[] | undefined;
  readonly DisableApiTermination?: DisableApiTermination | undefined;
  readonly EnaSupport?: DisableApiTermination | undefined;
  readonly EnclaveOptions?: EnclaveOptions | undefined;
  readonly EbsOptimized?: DisableApiTermination | undefined;
  readonly InstanceId?: string | undefined;
  readonly InstanceInitiatedShutdownBehavior?: InstanceInitiatedShutdownBehavior | undefined;
  readonly InstanceType?: InstanceInitiatedShutdownBehavior | undefined;
  readonly KernelId?: InstanceInitiatedShutdownBehavior | undefined;
  readonly ProductCodes?: readonly ProductCode[] | undefined;
  readonly RamdiskId?: InstanceInitiatedShutdownBehavior | undefined;
  readonly RootDeviceName?: InstanceInitiatedShutdownBehavior | undefined;
  readonly SourceDestCheck?: DisableApiTermination | undefined;
  readonly SriovNetSupport?: InstanceInitiatedShutdownBehavior | undefined;
  readonly UserData?: InstanceInitiatedShutdownBehavior | undefined;
  readonly DisableApiStop?: DisableApiTermination | undefined;
}

export interface DisableApiTermination {
  readonly Value?: boolean | undefined;
}

export interface InstanceInitiatedShutdownBehavior {
  readonly Value?: string | undefined;
}

export type ModifyInstanceAttributeOutput = Readonly<Record<string, never>>;

export interface DescribeImagesOutput {
  readonly Images?: readonly Image[] | undefined;
  readonly NextToken?: string | undefined;
}

export interface Image {
  readonly Architecture?: string | undefined;
  readonly CreationDate?: string | undefined;
  readonly ImageId?: string | undefined;
  readonly ImageLocation?: string | undefined;
  readonly ImageType?: string | undefined;
  readonly Public?: boolean | undefined;
  readonly KernelId?: string | undefined;
  readonly OwnerId?: string | undefined;
  readonly Platform?: string | undefined;
  readonly PlatformDetails?: string | undefined;
  readonly UsageOperation?: string | undefined;
  readonly ProductCodes?: readonly ProductCode[] | undefined;
  readonly RamdiskId?: string | undefined;
  readonly State?: string | undefined;
  readonly BlockDeviceMappings?: readonly ImageBlockDeviceMapping[] | undefined;
  readonly Description?: string | undefined;
  readonly EnaSupport?: boolean | undefined;
  readonly Hypervisor?: string | undefined;
  readonly ImageOwnerAlias?: string | undefined;
  readonly Name?: string | undefined;
  readonly RootDeviceName?: string | undefined;
  readonly RootDeviceType?: string | undefined;
  readonly SriovNetSupport?: string | undefined;
  readonly StateReason?: StateReason | undefined;
  readonly Tags?: readonly Tag[] | undefined;
  readonly VirtualizationType?: string | undefined;
  readonly BootMode?: string | undefined;
  readonly TpmSupport?: string | undefined;
  readonly DeprecationTime?: string | undefined;
  readonly ImdsSupport?: string | undefined;
  readonly SourceInstanceId?: string | undefined;
  readonly DeregistrationProtection?: string | undefined;
  readonly LastLaunchedTime?: string | undefined;
}

export interface ImageBlockDeviceMapping {
  readonly DeviceName?: string | undefined;
  readonly VirtualName?: string | undefined;
  readonly Ebs?: ImageBlockDeviceMappingEbs | undefined;
  readonly NoDevice?: string | undefined;
}

export interface ImageBlockDeviceMappingEbs {
  readonly DeleteOnTermination?: boolean | undefined;
  readonly Iops?: number | undefined;
  readonly SnapshotId?: string | undefined;
  readonly VolumeSize?: number | undefined;
  readonly VolumeType?: string | undefined;
  readonly KmsKeyId?: string | undefined;
  readonly Throughput?: number | undefined;
  readonly OutpostArn?: string | undefined;
  readonly Encrypted?: boolean | undefined;
}

export interface DescribeInstanceTypesOutput {
  readonly InstanceTypes?: readonly InstanceType[] | undefined;
  readonly NextToken?: string | undefined;
}

export interface InstanceType {
  readonly InstanceType?: string | undefined;
  readonly CurrentGeneration?: boolean | undefined;
  readonly FreeTierEligible?: boolean | undefined;
  readonly SupportedUsageClasses?: readonly string[] | undefined;
  readonly SupportedRootDeviceTypes?: readonly string[] | undefined;
  readonly SupportedVirtualizationTypes?: readonly string[] | undefined;
  readonly BareMetal?: boolean | undefined;
  readonly Hypervisor?: string | undefined;
  readonly ProcessorInfo?: ProcessorInfo | undefined;
  readonly VCpuInfo?: VCpuInfo | undefined;
  readonly MemoryInfo?: MemoryInfo | undefined;
  readonly InstanceStorageSupported?: boolean | undefined;
  readonly InstanceStorageInfo?: InstanceStorageInfo | undefined;
  readonly EbsInfo?: EbsInfo | undefined;
  readonly NetworkInfo?: NetworkInfo | undefined;
  readonly GpuInfo?: GpuInfo | undefined;
  readonly FpgaInfo?: FpgaInfo | undefined;
  readonly PlacementGroupInfo?: PlacementGroupInfo | undefined;
  readonly InferenceAcceleratorInfo?: InferenceAcceleratorInfo | undefined;
  readonly HibernationSupported?: boolean | undefined;
  readonly BurstablePerformanceSupported?: boolean | undefined;
  readonly DedicatedHostsSupported?: boolean | undefined;
  readonly AutoRecoverySupported?: boolean | undefined;
  readonly SupportedBootModes?: readonly string[] | undefined;
  readonly NitroEnclavesSupport?: string | undefined;
  readonly NitroTpmSupport?: string | undefined;
  readonly NitroTpmInfo?: NitroTpmInfo | undefined;
  readonly MediaAcceleratorInfo?: MediaAcceleratorInfo | undefined;
  readonly NeuronInfo?: NeuronInfo | undefined;
  readonly PhcSupport?: string | undefined;
}

export interface ProcessorInfo {
  readonly SupportedArchitectures?: readonly string[] | undefined;
  readonly SustainedClockSpeedInGhz?: number | undefined;
  readonly SupportedFeatures?: readonly string[] | undefined;
  readonly Manufacturer?: string | undefined;
}

export interface VCpuInfo {
  readonly DefaultVCpus?: number | undefined;
  readonly DefaultCores?: number | undefined;
  readonly DefaultThreadsPerCore?: number | undefined;
  readonly ValidCores?: readonly number[] | undefined;
  readonly ValidThreadsPerCore?: readonly number[] | undefined;
}

export interface MemoryInfo {
  readonly SizeInMiB?: number | undefined;
}

export interface InstanceStorageInfo {
  readonly TotalSizeInGB?: number | undefined;
  readonly Disks?: readonly Disk[] | undefined;
  readonly NvmeSupport?: string | undefined;
  readonly EncryptionSupport?: string | undefined;
}

export interface Disk {
  readonly SizeInGB?: number | undefined;
  readonly Count?: number | undefined;
  readonly Type?: string | undefined;
}

export interface EbsInfo {
  readonly EbsOptimizedSupport?: string | undefined;
  readonly EncryptionSupport?: string | undefined;
  readonly EbsOptimizedInfo?: EbsOptimizedInfo | undefined;
  readonly NvmeSupport?: string | undefined;
}

export interface EbsOptimizedInfo {
  readonly BaselineBandwidthInMbps?: number | undefined;
  readonly BaselineThroughputInMBps?: number | undefined;
  readonly BaselineIops?: number | undefined;
  readonly MaximumBandwidthInMbps?: number | undefined;
  readonly MaximumThroughputInMBps?: number | undefined;
  readonly MaximumIops?: number | undefined;
}

export interface NetworkInfo {
  readonly NetworkPerformance?: string | undefined;
  readonly MaximumNetworkInterfaces?: number | undefined;
  readonly MaximumNetworkCards?: number | undefined;
  readonly DefaultNetworkCardIndex?: number | undefined;
  readonly NetworkCards?: readonly NetworkCard[] | undefined;
  readonly Ipv4AddressesPerInterface?: number | undefined;
  readonly Ipv6AddressesPerInterface?: number | undefined;
  readonly Ipv6Supported?: boolean | undefined;
  readonly EnaSupport?: string | undefined;
  readonly EfaSupported?: boolean | undefined;
  readonly EfaInfo?: EfaInfo | undefined;
  readonly EncryptionInTransitSupported?: boolean | undefined;
  readonly EnaSrdSupported?: boolean | undefined;
}

export interface NetworkCard {
  readonly NetworkCardIndex?: number | undefined;
  readonly NetworkPerformance?: string | undefined;
  readonly MaximumNetworkInterfaces?: number | undefined;
  readonly BaselineBandwidthInGbps?: number | undefined;
  readonly PeakBandwidthInGbps?: number | undefined;
}

export interface EfaInfo {
  readonly MaximumEfaInterfaces?: number | undefined;
}

export interface GpuInfo {
  readonly Gpus?: readonly Gpu[] | undefined;
  readonly TotalGpuMemoryInMiB?: number | undefined;
}

export interface Gpu {
  readonly Name?: string | undefined;
  readonly Manufacturer?: string | undefined;
  readonly Count?: number | undefined;
  readonly MemoryInfo?: GpuMemoryInfo | undefined;
}

export interface GpuMemoryInfo {
  readonly SizeInMiB?: number | undefined;
}

export interface FpgaInfo {
  readonly Fpgas?: readonly Fpga[] | undefined;
  readonly TotalFpgaMemoryInMiB?: number | undefined;
}

export interface Fpga {
  readonly Name?: string | undefined;
  readonly Manufacturer?: string | undefined;
  readonly Count?: number | undefined;
  readonly MemoryInfo?: FpgaMemoryInfo | undefined;
}

export interface FpgaMemoryInfo {
  readonly SizeInMiB?: number | undefined;
}

export interface PlacementGroupInfo {
  readonly SupportedStrategies?: readonly string[] | undefined;
}

export interface InferenceAcceleratorInfo {
  readonly Accelerators?: readonly Accelerator[] | undefined;
  readonly TotalInferenceMemoryInMiB?: number | undefined;
}

export interface Accelerator {
  readonly Count?: number | undefined;
  readonly Name?: string | undefined;
  readonly Manufacturer?: string | undefined;
  readonly MemoryInfo?: AcceleratorMemoryInfo | undefined;
}

export interface AcceleratorMemoryInfo {
  readonly SizeInMiB?: number | undefined;
}

export interface NitroTpmInfo {
  readonly SupportedVersions?: readonly string[] | undefined;
}

export interface MediaAcceleratorInfo {
  readonly Accelerators?: readonly MediaAcceleratorInfoAccelerator[] | undefined;
  readonly TotalMediaMemoryInMiB?: number | undefined;
}

export interface MediaAcceleratorInfoAccelerator {
  readonly Count?: number | undefined;
  readonly Name?: string | undefined;
  readonly Manufacturer?: string | undefined;
  readonly MemoryInfo?: MediaAcceleratorInfoAcceleratorMemoryInfo | undefined;
}

export interface MediaAcceleratorInfoAcceleratorMemoryInfo {
  readonly SizeInMiB?: number | undefined;
}

export interface NeuronInfo {
  readonly NeuronDevices?: readonly NeuronDevice[] | undefined;
  readonly TotalNeuronDeviceMemoryInMiB?: number | undefined;
}

export interface NeuronDevice {
  readonly Count?: number | undefined;
  readonly Name?: string | undefined;
  readonly CoreInfo?: CoreInfo | undefined;
  readonly MemoryInfo?: NeuronDeviceMemoryInfo | undefined;
}

export interface CoreInfo {
  readonly Count?: number | undefined;
  readonly Version?: number | undefined;
}

export interface NeuronDeviceMemoryInfo {
  readonly SizeInMiB?: number | undefined;
}

export interface DescribeRegionsOutput {
  readonly Regions?: readonly Region[] | undefined;
}

export interface Region {
  readonly Endpoint?: string | undefined;
  readonly RegionName?: string | undefined;
  readonly OptInStatus?: string | undefined;
}

export interface DescribeAvailabilityZonesOutput {
  readonly AvailabilityZones?: readonly AvailabilityZone[] | undefined;
}

export interface AvailabilityZone {
  readonly State?: string | undefined;
  readonly OptInStatus?: string | undefined;
  readonly Messages?: readonly Message[] | undefined;
  readonly RegionName?: string | undefined;
  readonly ZoneName?: string | undefined;
  readonly ZoneId?: string | undefined;
  readonly GroupName?: string | undefined;
  readonly NetworkBorderGroup?: string | undefined;
  readonly ZoneType?: string | undefined;
  readonly ParentZoneName?: string | undefined;
  readonly ParentZoneId?: string | undefined;
}

export interface Message {
  readonly Message?: string | undefined;
}

export type CreateTagsOutput = Readonly<Record<string, never>>;

export type DeleteTagsOutput = Readonly<Record<string, never>>;

export interface DescribeTagsOutput {
  readonly NextToken?: string | undefined;
  readonly Tags?: readonly DescribeTagsOutputTag[] | undefined;
}

export interface DescribeTagsOutputTag {
  readonly Key?: string | undefined;
  readonly ResourceId?: string | undefined;
  readonly ResourceType?: string | undefined;
  readonly Value?: string | undefined;
}

export interface RunInstancesInput {
  readonly BlockDeviceMappings?: readonly RunInstancesInputBlockDeviceMapping[] | undefined;
  readonly ImageId?: string | undefined;
  readonly InstanceType?: string | undefined;
  readonly Ipv6AddressCount?: number | undefined;
  readonly Ipv6Addresses?: readonly RunInstancesInputIpv6Address[] | undefined;
  readonly KernelId?: string | undefined;
  readonly KeyName?: string | undefined;
  readonly MaxCount: number;
  readonly MinCount: number;
  readonly Monitoring?: RunInstancesInputMonitoring | undefined;
  readonly Placement?: RunInstancesInputPlacement | undefined;
  readonly RamdiskId?: string | undefined;
  readonly SecurityGroupIds?: readonly string[] | undefined;
  readonly SecurityGroups?: readonly string[] | undefined;
  readonly SubnetId?: string | undefined;
  readonly UserData?: string | undefined;
  readonly AdditionalInfo?: string | undefined;
  readonly ClientToken?: string | undefined;
  readonly DisableApiTermination?: boolean | undefined;
  readonly DryRun?: boolean | undefined;
  readonly EbsOptimized?: boolean | undefined;
  readonly IamInstanceProfile?: RunInstancesInputIamInstanceProfile | undefined;
  readonly InstanceInitiatedShutdownBehavior?: string | undefined;
  readonly NetworkInterfaces?: readonly RunInstancesInputNetworkInterface[] | undefined;
  readonly PrivateIpAddress?: string | undefined;
  readonly ElasticGpuSpecification?: readonly ElasticGpuSpecification[] | undefined;
  readonly ElasticInferenceAccelerators?: readonly ElasticInferenceAccelerator[] | undefined;
  readonly TagSpecifications?: readonly TagSpecification[] | undefined;
  readonly LaunchTemplate?: LaunchTemplate | undefined;
  readonly InstanceMarketOptions?: InstanceMarketOptions | undefined;
  readonly CreditSpecification?: CreditSpecification | undefined;
  readonly CpuOptions?: RunInstancesInputCpuOptions | undefined;
  readonly CapacityReservationSpecification?: RunInstancesInputCapacityReservationSpecification | undefined;
  readonly HibernationOptions?: RunInstancesInputHibernationOptions | undefined;
  readonly LicenseSpecifications?: readonly LicenseSpecification[] | undefined;
  readonly MetadataOptions?: RunInstancesInputMetadataOptions | undefined;
  readonly EnclaveOptions?: RunInstancesInputEnclaveOptions | undefined;
  readonly PrivateDnsNameOptions?: RunInstancesInputPrivateDnsNameOptions | undefined;
  readonly MaintenanceOptions?: RunInstancesInputMaintenanceOptions | undefined;
  readonly DisableApiStop?: boolean | undefined;
  readonly EnablePrimaryIpv6?: boolean | undefined;
}

export interface RunInstancesInputBlockDeviceMapping {
  readonly DeviceName?: string | undefined;
  readonly VirtualName?: string | undefined;
  readonly Ebs?: RunInstancesInputBlockDeviceMappingEbs | undefined;
  readonly NoDevice?: string | undefined;
}

export interface RunInstancesInputBlockDeviceMappingEbs {
  readonly DeleteOnTermination?: boolean | undefined;
  readonly Iops?: number | undefined;
  readonly SnapshotId?: string | undefined;
  readonly VolumeSize?: number | undefined;
  readonly VolumeType?: string | undefined;
  readonly KmsKeyId?: string | undefined;
  readonly Throughput?: number | undefined;
  readonly OutpostArn?: string | undefined;
  readonly Encrypted?: boolean | undefined;
}

export interface RunInstancesInputIpv6Address {
  readonly Ipv6Address?: string | undefined;
  readonly IsPrimaryIpv6?: boolean | undefined;
}

export interface RunInstancesInputMonitoring {
  readonly Enabled: boolean;
}

export interface RunInstancesInputPlacement {
  readonly AvailabilityZone?: string | undefined;
  readonly Affinity?: string | undefined;
  readonly GroupName?: string | undefined;
  readonly PartitionNumber?: number | undefined;
  readonly HostId?: string | undefined;
  readonly Tenancy?: string | undefined;
  readonly SpreadDomain?: string | undefined;
  readonly HostResourceGroupArn?: string | undefined;
  readonly GroupId?: string | undefined;
}

export interface RunInstancesInputIamInstanceProfile {
  readonly Arn?: string | undefined;
  readonly Name?: string | undefined;
}

export interface RunInstancesInputNetworkInterface {
  readonly AssociatePublicIpAddress?: boolean | undefined;
  readonly DeleteOnTermination?: boolean | undefined;
  readonly Description?: string | undefined;
  readonly DeviceIndex?: number | undefined;
  readonly Groups?: readonly string[] | undefined;
  readonly Ipv6AddressCount?: number | undefined;
  readonly Ipv6Addresses?: readonly RunInstancesInputIpv6Address[] | undefined;
  readonly NetworkInterfaceId?: string | undefined;
  readonly PrivateIpAddress?: string | undefined;
  readonly PrivateIpAddresses?: readonly RunInstancesInputNetworkInterfacePrivateIpAddress[] | undefined;
  readonly SecondaryPrivateIpAddressCount?: number | undefined;
  readonly SubnetId?: string | undefined;
  readonly AssociateCarrierIpAddress?: boolean | undefined;
  readonly InterfaceType?: string | undefined;
  readonly NetworkCardIndex?: number | undefined;
  readonly Ipv4Prefixes?: readonly RunInstancesInputNetworkInterfaceIpv4Prefixe[] | undefined;
  readonly Ipv4PrefixCount?: number | undefined;
  readonly Ipv6Prefixes?: readonly RunInstancesInputNetworkInterfaceIpv6Prefixe[] | undefined;
  readonly Ipv6PrefixCount?: number | undefined;
  readonly PrimaryIpv6?: boolean | undefined;
  readonly EnaSrdSpecification?: RunInstancesInputNetworkInterfaceEnaSrdSpecification | undefined;
  readonly ConnectionTrackingSpecification?: ConnectionTrackingSpecification | undefined;
}

export interface RunInstancesInputNetworkInterfacePrivateIpAddress {
  readonly Primary?: boolean | undefined;
  readonly PrivateIpAddress?: string | undefined;
}

export interface RunInstancesInputNetworkInterfaceIpv4Prefixe {
  readonly Ipv4Prefix?: string | undefined;
}

export interface RunInstancesInputNetworkInterfaceIpv6Prefixe {
  readonly Ipv6Prefix?: string | undefined;
}

export interface RunInstancesInputNetworkInterfaceEnaSrdSpecification {
  readonly EnaSrdEnabled?: boolean | undefined;
  readonly EnaSrdUdpSpecification?: RunInstancesInputNetworkInterfaceEnaSrdSpecificationEnaSrdUdpSpecification | undefined;
}

export interface RunInstancesInputNetworkInterfaceEnaSrdSpecificationEnaSrdUdpSpecification {
  readonly EnaSrdUdpEnabled?: boolean | undefined;
}

export interface ConnectionTrackingSpecification {
  readonly TcpEstablishedTimeout?: number | undefined;
  readonly UdpStreamTimeout?: number | undefined;
  readonly UdpTimeout?: number | undefined;
}

export interface ElasticGpuSpecification {
  readonly Type: string;
}

export interface ElasticInferenceAccelerator {
  readonly Type: string;
  readonly Count?: number | undefined;
}

export interface TagSpecification {
  readonly ResourceType?: string | undefined;
  readonly Tags?: readonly TagSpecificationTag[] | undefined;
}

export interface TagSpecificationTag {
  readonly Key?: string | undefined;
  readonly Value?: string | undefined;
}

export interface LaunchTemplate {
  readonly LaunchTemplateId?: string | undefined;
  readonly LaunchTemplateName?: string | undefined;
  readonly Version?: string | undefined;
}

export interface InstanceMarketOptions {
  readonly MarketType?: string | undefined;
  readonly SpotOptions?: SpotOptions | undefined;
}

export interface SpotOptions {
  readonly MaxPrice?: string | undefined;
  readonly SpotInstanceType?: string | undefined;
  readonly BlockDurationMinutes?: number | undefined;
  readonly ValidUntil?: string | undefined;
  readonly InstanceInterruptionBehavior?: string | undefined;
}

export interface CreditSpecification {
  readonly CpuCredits: string;
}

export interface RunInstancesInputCpuOptions {
  readonly CoreCount?: number | undefined;
  readonly ThreadsPerCore?: number | undefined;
  readonly AmdSevSnp?: string | undefined;
}

export interface RunInstancesInputCapacityReservationSpecification {
  readonly CapacityReservationPreference?: string | undefined;
  readonly CapacityReservationTarget?: RunInstancesInputCapacityReservationSpecificationCapacityReservationTarget | undefined;
}

export interface RunInstancesInputCapacityReservationSpecificationCapacityReservationTarget {
  readonly CapacityReservationId?: string | undefined;
  readonly CapacityReservationResourceGroupArn?: string | undefined;
}

export interface RunInstancesInputHibernationOptions {
  readonly Configured?: boolean | undefined;
}

export interface LicenseSpecification {
  readonly LicenseConfigurationArn?: string | undefined;
}

export interface RunInstancesInputMetadataOptions {
  readonly HttpTokens?: string | undefined;
  readonly HttpPutResponseHopLimit?: number | undefined;
  readonly HttpEndpoint?: string | undefined;
  readonly HttpProtocolIpv6?: string | undefined;
  readonly InstanceMetadataTags?: string | undefined;
}

export interface RunInstancesInputEnclaveOptions {
  readonly Enabled?: boolean | undefined;
}

export interface RunInstancesInputPrivateDnsNameOptions {
  readonly HostnameType?: string | undefined;
  readonly EnableResourceNameDnsARecord?: boolean | undefined;
  readonly EnableResourceNameDnsAAAARecord?: boolean | undefined;
}

export interface RunInstancesInputMaintenanceOptions {
  readonly AutoRecovery?: string | undefined;
}

export interface DescribeInstancesInput {
  readonly Filters?: readonly Filter[] | undefined;
  readonly InstanceIds?: readonly string[] | undefined;
  readonly DryRun?: boolean | undefined;
  readonly MaxResults?: number | undefined;
  readonly NextToken?: string | undefined;
}

export interface Filter {
  readonly Name?: string | undefined;
  readonly Values?: readonly string[] | undefined;
}

export interface DescribeInstanceStatusInput {
  readonly Filters?: readonly Filter[] | undefined;
  readonly InstanceIds?: readonly string[] | undefined;
  readonly MaxResults?: number | undefined;
  readonly NextToken?: string | undefined;
  readonly DryRun?: boolean | undefined;
  readonly IncludeAllInstances?: boolean | undefined;
}

export interface StartInstancesInput {
  readonly InstanceIds: readonly string[];
  readonly AdditionalInfo?: string | undefined;
  readonly DryRun?: boolean | undefined;
}

export interface StopInstancesInput {
  readonly InstanceIds: readonly string[];
  readonly Hibernate?: boolean | undefined;
  readonly DryRun?: boolean | undefined;
  readonly Force?: boolean | undefined;
}

export interface RebootInstancesInput {
  readonly InstanceIds: readonly string[];
  readonly DryRun?: boolean | undefined;
}

export interface TerminateInstancesInput {
  readonly InstanceIds: readonly string[];
  readonly DryRun?: boolean | undefined;
}

export interface GetConsoleOutputInput {
  readonly InstanceId: string;
  readonly DryRun?: boolean | undefined;
  readonly Latest?: boolean | undefined;
}

export interface DescribeInstanceAttributeInput {
  readonly Attribute: string;
  readonly DryRun?: boolean | undefined;
  readonly InstanceId: string;
}

export interface ModifyInstanceAttributeInput {
  readonly SourceDestCheck?: SourceDestCheck | undefined;
  readonly Attribute?: string | undefined;
  readonly BlockDeviceMappings?: readonly ModifyInstanceAttributeInputBlockDeviceMapping[] | undefined;
  readonly DisableApiTermination?: SourceDestCheck | undefined;
  readonly DryRun?: boolean | undefined;
  readonly EbsOptimized?: SourceDestCheck | undefined;
  readonly EnaSupport?: SourceDestCheck | undefined;
  readonly Groups?: readonly string[] | undefined;
  readonly InstanceId: string;
  readonly InstanceInitiatedShutdownBehavior?: ModifyInstanceAttributeInputInstanceInitiatedShutdownBehavior | undefined;
  readonly InstanceType?: ModifyInstanceAttributeInputInstanceInitiatedShutdownBehavior | undefined;
  readonly Kernel?: ModifyInstanceAttributeInputInstanceInitiatedShutdownBehavior | undefined;
  readonly Ramdisk?: ModifyInstanceAttributeInputInstanceInitiatedShutdownBehavior | undefined;
  readonly SriovNetSupport?: ModifyInstanceAttributeInputInstanceInitiatedShutdownBehavior | undefined;
  readonly UserData?: UserData | undefined;
  readonly Value?: string | undefined;
  readonly DisableApiStop?: SourceDestCheck | undefined;
}

export interface SourceDestCheck {
  readonly Value?: boolean | undefined;
}

export interface ModifyInstanceAttributeInputBlockDeviceMapping {
  readonly DeviceName?: string | undefined;
  readonly Ebs?: ModifyInstanceAttributeInputBlockDeviceMappingEbs | undefined;
  readonly NoDevice?: string | undefined;
  readonly VirtualName?: string | undefined;
}

export interface ModifyInstanceAttributeInputBlockDeviceMappingEbs {
  readonly DeleteOnTermination?: boolean | undefined;
  readonly VolumeId?: string | undefined;
}

export interface ModifyInstanceAttributeInputInstanceInitiatedShutdownBehavior {
  readonly Value?: string | undefined;
}

export interface UserData {
  readonly Value?: string | undefined;
}

export interface DescribeImagesInput {
  readonly ExecutableUsers?: readonly string[] | undefined;
  readonly Filters?: readonly Filter[] | undefined;
  readonly ImageIds?: readonly string[] | undefined;
  readonly Owners?: readonly string[] | undefined;
  readonly IncludeDeprecated?: boolean | undefined;
  readonly IncludeDisabled?: boolean | undefined;
  readonly DryRun?: boolean | undefined;
  readonly MaxResults?: number | undefined;
  readonly NextToken?: string | undefined;
}

export interface DescribeInstanceTypesInput {
  readonly DryRun?: boolean | undefined;
  readonly InstanceTypes?: readonly string[] | undefined;
  readonly Filters?: readonly Filter[] | undefined;
  readonly MaxResults?: number | undefined;
  readonly NextToken?: string | undefined;
}

export interface DescribeRegionsInput {
  readonly Filters?: readonly Filter[] | undefined;
  readonly RegionNames?: readonly string[] | undefined;
  readonly DryRun?: boolean | undefined;
  readonly AllRegions?: boolean | undefined;
}

export interface DescribeAvailabilityZonesInput {
  readonly Filters?: readonly Filter[] | undefined;
  readonly ZoneNames?: readonly string[] | undefined;
  readonly ZoneIds?: readonly string[] | undefined;
  readonly AllAvailabilityZones?: boolean | undefined;
  readonly DryRun?: boolean | undefined;
}

export interface CreateTagsInput {
  readonly DryRun?: boolean | undefined;
  readonly Resources: readonly string[];
  readonly Tags: readonly TagSpecificationTag[];
}

export interface DeleteTagsInput {
  readonly DryRun?: boolean | undefined;
  readonly Resources: readonly string[];
  readonly Tags?: readonly TagSpecificationTag[] | undefined;
}

export interface DescribeTagsInput {
  readonly DryRun?: boolean | undefined;
  readonly Filters?: readonly Filter[] | undefined;
  readonly MaxResults?: number | undefined;
  readonly NextToken?: string | undefined;
}

export interface GetCallerIdentityOutput {
  readonly UserId?: string | undefined;
  readonly Account?: string | undefined;
  readonly Arn?: string | undefined;
}

export type GetCallerIdentityInput = Readonly<Record<string, never>>;
