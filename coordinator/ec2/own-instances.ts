/**
 * Which instances may this requester see and touch? Those of its environment. The others do not exist for it.
 */
import { isInstanceId } from '../../shared/ids.ts';
import type { InstanceId } from '../../shared/ids.ts';
import type { CellState } from '../../shared/model/cell.ts';
import { INSTANCES_NAMED_MAX } from '../../shared/model/limits.ts';
import type { InstanceRecord } from '../../shared/model/instance.ts';
import { Ec2Error, shortened } from './errors.ts';

/** How many unknown ids a message names. */
const NAMED_MAX = 10;

/** What an environment has. */
export interface OwnInstances {
  /** In the order they were launched. */
  readonly instances: readonly InstanceRecord[];
  /** The place of each within its reservation (EC2's AMI launch index). */
  readonly places: ReadonlyMap<InstanceId, number>;
}

/** Tables never change, so what was found in one stays true for it: clients that wait ask far more often than anything changes. */
const found = new WeakMap<CellState['instances'], Map<string, OwnInstances>>();

/** All instances of an environment. */
export function ownInstances(state: CellState, environment: string): OwnInstances {
  const byEnvironment = found.get(state.instances) ?? new Map<string, OwnInstances>();
  found.set(state.instances, byEnvironment);
  const known = byEnvironment.get(environment);
  if (known !== undefined) return known;
  const instances = state.instances.values().filter((instance) => instance.environment === environment).toSorted(byLaunch);
  const own = { instances, places: launchPlaces(instances) };
  byEnvironment.set(environment, own);
  return own;
}

/** The instances with these ids, each once, in the order of the ids. Throws `InvalidInstanceID.Malformed` or `.NotFound`. */
export function findInstances(state: CellState, environment: string, ids: readonly string[]): readonly InstanceRecord[] {
  if (ids.length > INSTANCES_NAMED_MAX) throw new Ec2Error('InvalidParameterValue', `A request can name at most ${INSTANCES_NAMED_MAX} instances`);
  const named: InstanceRecord[] = [];
  const missing: string[] = [];
  for (const id of new Set(ids)) {
    const instance = state.instances.get(asInstanceId(id));
    if (instance === undefined || instance.environment !== environment) missing.push(id);
    else named.push(instance);
  }
  if (missing.length > 0) {
    const list = missing.slice(0, NAMED_MAX).join(', ');
    throw new Ec2Error('InvalidInstanceID.NotFound', missing.length === 1 ? `The instance ID '${list}' does not exist` : `The instance IDs '${list}' do not exist`);
  }
  return named;
}

/** One instance by id. Throws as {@link findInstances}. */
export function findInstance(state: CellState, environment: string, id: string): InstanceRecord {
  const [instance] = findInstances(state, environment, [id]);
  if (instance === undefined) throw new Ec2Error('InvalidInstanceID.NotFound', `The instance ID '${shortened(id)}' does not exist`);
  return instance;
}

function asInstanceId(id: string): InstanceId {
  if (!isInstanceId(id)) throw new Ec2Error('InvalidInstanceID.Malformed', `Invalid id: "${shortened(id)}"`);
  return id;
}

/** A key that sorts instances as they were launched. */
export function launchKey(instance: InstanceRecord): string {
  return `${String(instance.launchIndex).padStart(16, '0')}/${instance.id}`;
}

function byLaunch(a: InstanceRecord, b: InstanceRecord): number {
  return a.launchIndex - b.launchIndex || (a.id < b.id ? -1 : 1);
}

/** The place of each instance within its reservation: ids of one request are drawn in ascending order. */
export function launchPlaces(instances: readonly InstanceRecord[]): ReadonlyMap<InstanceId, number> {
  const places = new Map<InstanceId, number>();
  const counts = new Map<string, number>();
  for (const instance of instances.toSorted(byLaunch)) {
    const place = counts.get(instance.reservation) ?? 0;
    places.set(instance.id, place);
    counts.set(instance.reservation, place + 1);
  }
  return places;
}
