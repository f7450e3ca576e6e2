/**
 * Which image can a newcomer start? A small one that the playground makes itself; the room's guests write numbered records.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { parseImageId } from '../../shared/ids.ts';
import type { ImageRecord } from '../../shared/model/image.ts';
import { MIB } from '../../shared/units.ts';
import { writeText } from './files.ts';

const LINE = 'VES playground guest: writes numbered records to its disk and reads them back after every start.\n';

/** The same bytes everywhere, so that every playground has the image under the same id. */
function contents(): string {
  return LINE.repeat(Math.ceil(MIB / LINE.length)).slice(0, MIB);
}

/** The image's record. Its id is taken from its content. */
export function testImage(at: string): ImageRecord {
  const digest = createHash('sha256').update(contents()).digest('hex');
  return {
    id: parseImageId(`ami-${digest.slice(0, 17)}`), name: 'ves-playground', description: 'A guest that writes numbered records to its disk',
    digest, sizeBytes: MIB, architecture: 'x86_64', domainKind: 'pv', createdAt: at,
  };
}

/** Puts the image where nodes read images: a file named by its digest. */
export async function writeTestImage(directory: string): Promise<void> {
  await writeText(join(directory, testImage('').digest), contents(), 0o644);
}
