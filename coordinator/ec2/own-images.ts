/**
 * Which image does an id mean? Images belong to the fleet and are there for every account.
 */
import type { CellState } from '../../shared/model/cell.ts';
import type { ImageRecord } from '../../shared/model/image.ts';
import { parseImageId } from '../../shared/ids.ts';
import { Ec2Error, shortened } from './errors.ts';

/** The image with this id. Throws `InvalidAMIID.Malformed` or `InvalidAMIID.NotFound`. */
export function findImage(state: CellState, id: string): ImageRecord {
  if (!/^ami-[0-9a-f]{8,17}$/.test(id)) throw new Ec2Error('InvalidAMIID.Malformed', `Invalid id: "${shortened(id)}" (expecting "ami-...")`);
  const image = state.images.get(parseImageId(id));
  if (image === undefined) throw new Ec2Error('InvalidAMIID.NotFound', `The image id '[${id}]' does not exist`);
  return image;
}
