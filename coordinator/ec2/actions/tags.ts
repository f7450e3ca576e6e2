/** How are instances labelled? CreateTags, DeleteTags, DescribeTags. */
import type { InstanceRecord } from '../../../shared/model/instance.ts';
import type { CellState } from '../../../shared/model/cell.ts';
import { defineAction, stopIfDryRun } from '../action.ts';
import { Ec2Error, rejectionError, shortened } from '../errors.ts';
import { compileFilters } from '../filters.ts';
import type { FilterFields } from '../filters.ts';
import { findInstances, ownInstances } from '../own-instances.ts';
import { cutPage } from '../pages.ts';
import { checkTagKey, checkTags } from '../tag-rules.ts';

/** Bounds of MaxResults: EC2 API reference, DescribeTags. */
const RULES = { list: 'tags', resultsMin: 5, resultsMax: 1000 };
/** Tags that one command may remove: shared/ledger/command-schema.ts. */
const REMOVALS_MAX = 200;

export const createTags = defineAction('CreateTags', { effect: 'changes' }, async (input, { ports, account }) => {
  const set = checkTags(input.Tags);
  const instances = findTagged(await ports.cell.fresh(), account.environment, input.Resources);
  stopIfDryRun(input);
  const { result } = await ports.cell.propose({ kind: 'setTags', instances: instances.map((instance) => instance.id), set, remove: [] });
  if (result.kind === 'rejected') throw rejectionError(result);
  return {};
});

export const deleteTags = defineAction('DeleteTags', { effect: 'changes' }, async (input, { ports, account }) => {
  const state = await ports.cell.fresh();
  const instances = findTagged(state, account.environment, input.Resources);
  // A key alone removes the tag whatever its value; with a value, also an empty one, only that tag; no tags at all: every tag.
  const remove = input.Tags === undefined
    ? [...new Set(instances.flatMap((instance) => Object.keys(instance.tags)))].map((key) => ({ key, value: null }))
    : input.Tags.map((tag) => ({ key: checkTagKey(tag.Key), value: tag.Value ?? null }));
  if (remove.length > REMOVALS_MAX) throw new Ec2Error('InvalidParameterValue', `A request can delete at most ${REMOVALS_MAX} different tags`);
  stopIfDryRun(input);
  const { result } = await ports.cell.propose({ kind: 'setTags', instances: instances.map((instance) => instance.id), set: {}, remove });
  if (result.kind === 'rejected') throw rejectionError(result);
  return {};
});

interface TagRecord {
  readonly instance: InstanceRecord;
  readonly key: string;
  readonly value: string;
}

const FIELDS: FilterFields<TagRecord> = {
  'key': (tag) => tag.key,
  'value': (tag) => tag.value,
  'resource-id': (tag) => tag.instance.id,
  'resource-type': () => 'instance',
};

export const describeTags = defineAction('DescribeTags', { effect: 'reads' }, async (input, { ports, account }) => {
  const isWanted = compileFilters(input.Filters, FIELDS, (tag) => ({ [tag.key]: tag.value }));
  const state = await ports.cell.fresh();
  const tags = ownInstances(state, account.environment).instances
    .flatMap((instance) => Object.entries(instance.tags).map(([key, value]) => ({ instance, key, value })))
    .filter(isWanted)
    .toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  const page = cutPage(tags, keyOf, input, RULES);
  return { Tags: page.records.map((tag) => ({ Key: tag.key, ResourceId: tag.instance.id, ResourceType: 'instance', Value: tag.value })), NextToken: page.nextToken };
});

function keyOf(tag: TagRecord): string {
  return `${tag.instance.id}/${tag.key}`;
}

/** Only instances can have tags so far; another id is refused by name. */
function findTagged(state: CellState, environment: string, ids: readonly string[]): readonly InstanceRecord[] {
  const other = ids.find((id) => !id.startsWith('i-'));
  if (other !== undefined) throw new Ec2Error('InvalidID', `The ID '${shortened(other)}' is not valid: only instances can be tagged here`);
  return findInstances(state, environment, ids);
}
