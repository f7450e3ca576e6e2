/**
 * What is known of instances and volumes that EC2 has no word for?
 */
import { isInstanceId } from '../../shared/ids.ts';
import type { CellState } from '../../shared/model/cell.ts';
import type { InstanceRecord } from '../../shared/model/instance.ts';
import { instanceAnswer, instancesAnswer, volumesAnswer, whyAnswer } from '../../shared/wire/rest.ts';
import type { InstancesAnswer, WhyAnswer } from '../../shared/wire/rest.ts';
import { notFound } from './errors.ts';
import { instanceView, visibleInstances, volumeView } from './instance-view.ts';
import { defineRoute } from './route.ts';
import type { Caller, Route } from './route.ts';
import { whyView } from './why-view.ts';

export const INSTANCE_ROUTES: readonly Route[] = [
  defineRoute({
    method: 'GET', path: '/instances', operation: 'listInstances', tag: 'instances', access: 'user',
    summary: 'Instances in the order they were launched: those of the own environment, for operators all.',
    answer: instancesAnswer,
    handle: async ({ ports, caller }): Promise<InstancesAnswer> => {
      const state = await ports.cell.fresh();
      return { instances: visibleInstances(state, (instance) => sees(caller, instance)).map((instance) => instanceView(instance)), asOf: ports.fleet.asOf() };
    },
  }),
  defineRoute({
    method: 'GET', path: '/instances/{instance}', operation: 'getInstance', tag: 'instances', access: 'user',
    summary: 'One instance.',
    answer: instanceAnswer,
    handle: async ({ ports, path, caller }) => ({ instance: instanceView(find(await ports.cell.fresh(), path, caller)), asOf: ports.fleet.asOf() }),
  }),
  defineRoute({
    method: 'GET', path: '/instances/{instance}/why', operation: 'explainInstance', tag: 'instances', access: 'user',
    summary: 'Why it is where it is: every change of holder with the evidence that it was safe, and why other nodes were not chosen.',
    answer: whyAnswer,
    handle: async ({ ports, path, caller }): Promise<WhyAnswer> => {
      const state = await ports.cell.fresh();
      return whyView(find(state, path, caller), state, ports.fleet.health(), ports.fleet.asOf());
    },
  }),
  defineRoute({
    method: 'GET', path: '/volumes', operation: 'listVolumes', tag: 'instances', access: 'user',
    summary: 'Volumes with their replicas and in-sync sets: those of the own environment, for operators all.',
    answer: volumesAnswer,
    handle: async ({ ports, caller }) => {
      const state = await ports.cell.fresh();
      const visible = state.volumes.values().filter((volume) => {
        const owner = volume.instance === null ? undefined : state.instances.get(volume.instance);
        return owner === undefined ? caller?.isOperator === true : sees(caller, owner);
      });
      const health = ports.fleet.health();
      return { volumes: visible.map((volume) => volumeView(volume, health)), asOf: ports.fleet.asOf() };
    },
  }),
];

/** Whether the caller may know of it. What belongs to others does not exist for a user. */
export function sees(caller: Caller | null, instance: Pick<InstanceRecord, 'environment'>): boolean {
  return caller !== null && (caller.isOperator || instance.environment === caller.account.environment);
}

function find(state: CellState, path: Readonly<Record<string, string>>, caller: Caller | null): InstanceRecord {
  const id = path['instance'] ?? '';
  const instance = isInstanceId(id) ? state.instances.get(id) : undefined;
  if (instance === undefined || !sees(caller, instance)) throw notFound(`instance ${id}`);
  return instance;
}
