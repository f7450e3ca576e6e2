/**
 * Which records did the client ask for? EC2's filters: values of one filter are alternatives, all filters must match.
 */
import { Ec2Error, missingParameter, shortened } from './errors.ts';
import { compileGlob } from './glob.ts';
import type { Filter } from './model/shapes.ts';

/** What a filter looks at: one text, several, or nothing (then it matches no value). */
export type FilterField<T> = (record: T) => string | readonly string[] | undefined;
/** The filters of one action, by EC2's name. */
export type FilterFields<T> = Readonly<Record<string, FilterField<T>>>;

/** As in EC2 (error FilterLimitExceeded). */
const FILTERS_MAX = 50;
const VALUES_MAX = 200;
/** Longest value that anything we hold can match. */
const VALUE_LENGTH_MAX = 1_024;

/**
 * Compiles the filters of a request. `tagsOf` gives the tags of a record where it can have some (`tag:KEY`, `tag-key`). Throws Ec2Error
 * `InvalidParameterValue` for a filter that the action does not have: ignoring it would show what nobody asked for.
 */
export function compileFilters<T>(filters: readonly Filter[] | undefined, fields: FilterFields<T>, tagsOf?: (record: T) => Readonly<Record<string, string>>): (record: T) => boolean {
  if (filters === undefined || filters.length === 0) return () => true;
  const valueCount = filters.reduce((sum, filter) => sum + (filter.Values?.length ?? 0), 0);
  if (filters.length > FILTERS_MAX || valueCount > VALUES_MAX) {
    throw new Ec2Error('FilterLimitExceeded', `The request uses too many filters or filter values (at most ${FILTERS_MAX} and ${VALUES_MAX})`);
  }
  const tests = filters.map((filter) => compileFilter(filter, fields, tagsOf));
  return (record) => tests.every((test) => test(record));
}

function compileFilter<T>(filter: Filter, fields: FilterFields<T>, tagsOf: ((record: T) => Readonly<Record<string, string>>) | undefined): (record: T) => boolean {
  const name = filter.Name;
  if (name === undefined) throw missingParameter('Filter.Name');
  const field = Object.hasOwn(fields, name) ? fields[name] : tagsOf === undefined ? undefined : tagField(name, tagsOf);
  if (field === undefined) throw new Ec2Error('InvalidParameterValue', `The filter '${shortened(name)}' is invalid`);
  if (filter.Values === undefined) throw new Ec2Error('InvalidParameterValue', `The filter '${shortened(name)}' has no values`);
  if (filter.Values.some((value) => value.length > VALUE_LENGTH_MAX)) throw new Ec2Error('InvalidParameterValue', `A value of the filter '${shortened(name)}' is too long`);
  const globs = filter.Values.map(compileGlob);
  const isWanted = (text: string): boolean => globs.some((glob) => glob(text));
  return (record) => {
    const found = field(record);
    if (found === undefined) return false;
    return typeof found === 'string' ? isWanted(found) : found.some(isWanted);
  };
}

function tagField<T>(name: string, tagsOf: (record: T) => Readonly<Record<string, string>>): FilterField<T> | undefined {
  if (name === 'tag-key') return (record) => Object.keys(tagsOf(record));
  if (name === 'tag-value') return (record) => Object.values(tagsOf(record));
  if (!name.startsWith('tag:') || name.length === 4) return undefined;
  const key = name.slice(4);
  return (record) => {
    const tags = tagsOf(record);
    return Object.hasOwn(tags, key) ? tags[key] : undefined;
  };
}
