/**
 * Which words run LVM's programs? Machine-readable, in bytes, never asking back.
 */

const REPORT = ['--reportformat', 'json', '--units', 'b', '--nosuffix'] as const;

/** All volumes of a group. */
export const buildListVolumes = (group: string): readonly string[] => ['lvs', ...REPORT, '-o', 'lv_name,vg_name,lv_size,lv_attr,lv_uuid,lv_tags,origin', group];
export const buildShowGroup = (group: string): readonly string[] => ['vgs', ...REPORT, '-o', 'vg_name,vg_size,vg_free,vg_extent_size', group];
/** No questions, no signatures wiped, no zeroing: DRBD's metadata and a full sync decide what is on it. */
export const buildCreateVolume = (group: string, name: string, sizeBytes: number, tags: readonly string[]): readonly string[] =>
  ['lvcreate', '-y', '-Wn', '-Zn', '-n', name, '-L', `${sizeBytes}b`, ...tags.flatMap((tag) => ['--addtag', tag]), group];
export const buildRemoveVolume = (group: string, name: string): readonly string[] => ['lvremove', '-y', `${group}/${name}`];
export const buildChangeTags = (group: string, name: string, change: { readonly add?: readonly string[]; readonly remove?: readonly string[] }): readonly string[] =>
  ['lvchange', ...(change.add ?? []).flatMap((tag) => ['--addtag', tag]), ...(change.remove ?? []).flatMap((tag) => ['--deltag', tag]), `${group}/${name}`];

/** The device of a volume. */
export const volumePath = (group: string, name: string): string => `/dev/${group}/${name}`;
