/**
 * What are fleet and cell called in EC2's words? The fleet is a region, a cell is an availability zone of it.
 */
import type { CellId } from '../../shared/ids.ts';

/** The fleet's name as a region: ends in a digit like every AWS region, which some clients check. */
export const REGION = 'ves-1';

/** The account that images and the fleet itself belong to. EC2 clients know it by the alias `amazon`. */
export const FLEET_ACCOUNT = '000000000000';
export const FLEET_ALIAS = 'amazon';

/** A cell's name as an availability zone, e.g. `ves-1-default`. */
export function zoneOf(cell: CellId): string {
  return `${REGION}-${cell}`;
}

/** What an instance's address is called inside, in EC2's manner, e.g. `ip-10-0-0-12.ves-1.internal`. */
export function privateDnsName(address: string): string {
  return address === '' ? '' : `ip-${address.replaceAll('.', '-')}.${REGION}.internal`;
}
