/**
 * How does a test get instances to work with?
 */
import * as assert from 'uvu/assert';
import { call } from './client.ts';
import type { Bench, CallOptions } from './client.ts';
import { IMAGE } from './fake-cell.ts';

export const RUN = { ImageId: IMAGE, InstanceType: 't1.micro', MinCount: '1', MaxCount: '1' };

/** Runs instances that are up when it resolves; their ids in launch order. */
export async function launch(on: Bench, parameters: Readonly<Record<string, string>> = {}, options: CallOptions = {}): Promise<[string, ...string[]]> {
  const ran = await call(on, 'RunInstances', { ...RUN, ...parameters }, options);
  assert.is(ran.status, 200, ran.xml);
  on.cell.settle();
  return ran.body.instancesSet.item.map((instance: { instanceId: string }) => instance.instanceId);
}

/** The ids of all instances that a DescribeInstances answer shows, in its order. */
export function shownIds(body: { reservationSet: '' | { item: { instancesSet: { item: { instanceId: string }[] } }[] } }): string[] {
  return body.reservationSet === '' ? [] : body.reservationSet.item.flatMap((reservation) => reservation.instancesSet.item.map((instance) => instance.instanceId));
}
