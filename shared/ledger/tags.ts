/**
 * Are these tags allowed? EC2's limits: 50 per resource, keys of 1 to 128 characters without `aws:`, values up to 256.
 */
import { TAGS_MAX, TAG_KEY_LENGTH_MAX, TAG_VALUE_LENGTH_MAX } from '../model/limits.ts';
import { rejected } from './change.ts';
import type { ApplyResult } from './commands.ts';

type Tags = Readonly<Record<string, string>>;

/** Null when a resource may have exactly these tags. */
export function refuseTags(tags: Tags): ApplyResult | null {
  const entries = Object.entries(tags);
  if (entries.length > TAGS_MAX) return rejected('tooManyTags', `a resource has at most ${TAGS_MAX} tags`);
  for (const [key, value] of entries) {
    if (key.length === 0 || key.length > TAG_KEY_LENGTH_MAX) return rejected('invalidParameter', `a tag key has 1 to ${TAG_KEY_LENGTH_MAX} characters`);
    if (key.toLowerCase().startsWith('aws:')) return rejected('invalidParameter', `tag keys that begin with aws: are reserved: ${key}`);
    if (value.length > TAG_VALUE_LENGTH_MAX) return rejected('invalidParameter', `a tag value has at most ${TAG_VALUE_LENGTH_MAX} characters`);
  }
  return null;
}

/** The tags after some were set and others removed; a removal with a value takes only a tag with that value. */
export function changeTags(tags: Tags, set: Tags, remove: readonly { readonly key: string; readonly value: string | null }[]): Tags {
  const next = new Map(Object.entries(tags));
  for (const { key, value } of remove) if (value === null || next.get(key) === value) next.delete(key);
  for (const [key, value] of Object.entries(set)) next.set(key, value);
  return Object.fromEntries(next);
}
