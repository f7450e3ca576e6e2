/**
 * Which tags may an instance have? EC2's rules ("Tag restrictions", EC2 user guide). The ledger keeps to them as well; here they are told in EC2's words.
 */
import { TAGS_MAX, TAG_KEY_LENGTH_MAX, TAG_VALUE_LENGTH_MAX } from '../../shared/model/limits.ts';
import { Ec2Error, missingParameter, shortened } from './errors.ts';
import type { Tag } from './model/shapes.ts';


/** The tags as a record. Throws Ec2Error for a key that is missing, reserved, too long or given twice. */
export function checkTags(tags: readonly Tag[]): Readonly<Record<string, string>> {
  const checked = new Map<string, string>();
  for (const tag of tags) {
    const key = checkTagKey(tag.Key);
    const value = tag.Value ?? '';
    if (value.length > TAG_VALUE_LENGTH_MAX || hasControl(value)) throw new Ec2Error('InvalidParameterValue', `Tag value exceeds the maximum length of ${TAG_VALUE_LENGTH_MAX} characters or has control characters (key '${shortened(key)}')`);
    if (checked.has(key)) throw new Ec2Error('InvalidParameterValue', `Duplicate tag key '${shortened(key)}' specified.`);
    checked.set(key, value);
  }
  if (checked.size > TAGS_MAX) throw new Ec2Error('TagLimitExceeded', `The maximum number of tags on a resource is ${TAGS_MAX}`);
  return Object.fromEntries(checked);
}

/** A tag's key that a user may write. */
export function checkTagKey(key: string | undefined): string {
  if (key === undefined) throw missingParameter('Tag.Key');
  if (key.length > TAG_KEY_LENGTH_MAX || hasControl(key)) throw new Ec2Error('InvalidParameterValue', `Tag key exceeds the maximum length of ${TAG_KEY_LENGTH_MAX} characters or has control characters`);
  // `__proto__` cannot be a key of a plain record, which is what the ledger keeps tags in.
  if (key.toLowerCase().startsWith('aws:') || key === '__proto__') throw new Ec2Error('InvalidParameterValue', `Tag keys starting with 'aws:' are reserved for internal use ('${shortened(key)}')`);
  return key;
}

function hasControl(text: string): boolean {
  // oxlint-disable-next-line no-control-regex -- finding control characters is the point
  return /[\u0000-\u001f\u007f]/.test(text);
}
