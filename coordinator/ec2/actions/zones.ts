/** Where can instances run? DescribeRegions and DescribeAvailabilityZones: the fleet and its cells. */
import { defineAction } from '../action.ts';
import { Ec2Error, invalidValue, shortened } from '../errors.ts';
import { compileFilters } from '../filters.ts';
import type { FilterFields } from '../filters.ts';
import type { AvailabilityZone, Region } from '../model/shapes.ts';
import { REGION, zoneOf } from '../region.ts';

const REGION_FIELDS: FilterFields<Region> = {
  'endpoint': (region) => region.Endpoint,
  'region-name': (region) => region.RegionName,
  'opt-in-status': (region) => region.OptInStatus,
};

export const describeRegions = defineAction('DescribeRegions', { effect: 'reads' }, (input, { host }) => {
  const isWanted = compileFilters(input.Filters, REGION_FIELDS);
  const unknown = input.RegionNames?.find((name) => name !== REGION);
  if (unknown !== undefined) throw invalidValue('RegionName', unknown, `The region is called ${REGION}.`);
  const region: Region = { RegionName: REGION, Endpoint: host, OptInStatus: 'opt-in-not-required' };
  return Promise.resolve({ Regions: [region].filter(isWanted) });
});

const ZONE_FIELDS: FilterFields<AvailabilityZone> = {
  'zone-name': (zone) => zone.ZoneName,
  'zone-id': (zone) => zone.ZoneId,
  'zone-type': (zone) => zone.ZoneType,
  'state': (zone) => zone.State,
  'region-name': (zone) => zone.RegionName,
  'group-name': (zone) => zone.GroupName,
  'opt-in-status': (zone) => zone.OptInStatus,
  'message': (zone) => zone.Messages?.flatMap((message) => message.Message ?? []),
};

export const describeAvailabilityZones = defineAction('DescribeAvailabilityZones', { effect: 'reads' }, (input, { ports }) => {
  const isWanted = compileFilters(input.Filters, ZONE_FIELDS);
  const name = zoneOf(ports.cell.cell);
  const unknown = [...(input.ZoneNames ?? []), ...(input.ZoneIds ?? [])].find((asked) => asked !== name);
  if (unknown !== undefined) throw new Ec2Error('InvalidParameterValue', `Invalid availability zone: [${shortened(unknown)}]`);
  const zone: AvailabilityZone = {
    State: 'available', OptInStatus: 'opt-in-not-required', Messages: [], RegionName: REGION, ZoneName: name, ZoneId: name,
    GroupName: REGION, NetworkBorderGroup: REGION, ZoneType: 'availability-zone',
  };
  return Promise.resolve({ AvailabilityZones: [zone].filter(isWanted) });
});
