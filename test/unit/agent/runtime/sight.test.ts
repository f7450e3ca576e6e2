/** Is what was seen last what was looked at last, also when a look takes longer than those after it? */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { DomainPort, ReplicaPort } from '../../../../agent/runtime/ports.ts';
import { Sight } from '../../../../agent/runtime/sight.ts';
import { parseBootId, parseInstanceId, parseVolumeId } from '../../../../shared/ids.ts';
import type { InstanceId, VolumeId } from '../../../../shared/ids.ts';
import type { ObservedDomain } from '../../../../shared/model/domain.ts';
import type { ObservedReplica } from '../../../../agent/machines/observed.ts';

const I = parseInstanceId('i-00000000000000001');
const V = parseVolumeId('vol-00000000000000001');
const BOOT = parseBootId('00000000-0000-4000-8000-000000000001');
const domain = (domainId: number, state: ObservedDomain['state'], generation: number | null): ObservedDomain => ({ instance: I, domainId, state, generation, bootId: generation === null ? null : BOOT });

/** Programs that end when the test says so. */
class Programs<Row> {
  readonly running: { readonly end: (rows: readonly Row[]) => void; readonly fail: () => void }[] = [];

  start(): Promise<readonly Row[]> {
    return new Promise((resolve, reject) => {
      this.running.push({ end: resolve, fail: () => reject(new Error('it did not end in time')) });
    });
  }
}

function watched(): { readonly sight: Sight; readonly lists: Programs<ObservedDomain>; readonly volumes: Programs<VolumeId>; readonly changed: InstanceId[] } {
  const lists = new Programs<ObservedDomain>();
  const volumes = new Programs<VolumeId>();
  const changed: InstanceId[] = [];
  const domains = { list: async () => new Map((await lists.start()).map((each) => [each.instance, each])) };
  const replicas = { listReplicas: async () => new Map((await volumes.start()).map((id) => [id, {} as ObservedReplica])), resources: () => new Map() };
  return { sight: new Sight({ replicas: replicas as unknown as ReplicaPort, domains: domains as unknown as DomainPort, onDomainChange: (id) => changed.push(id) }), lists, volumes, changed };
}

const sight = suite('what a node shows of itself');

sight('is what the look showed that began last, not the one that ended last', async () => {
  const { sight: seen, lists, changed } = watched();
  const slow = seen.lookAtDomains();
  const quick = seen.lookAtDomains();
  lists.running[1]?.end([domain(3, 'running', 4)]);
  await quick;
  // Its list was read while the former domain was going: that one had no tag any more.
  lists.running[0]?.end([domain(2, 'shutdown', null)]);
  await slow;
  assert.equal([...seen.domains().values()], [domain(3, 'running', 4)]);
  assert.not.ok(seen.endedAs.has(I), 'nor is it remembered as ended');
  assert.equal(changed, [I]);
});

sight('is updated by each look, while they end in the order in which they began', async () => {
  const { sight: seen, lists } = watched();
  const first = seen.lookAtDomains();
  const second = seen.lookAtDomains();
  lists.running[0]?.end([domain(2, 'running', 3)]);
  await first;
  assert.is(seen.domains().get(I)?.domainId, 2);
  lists.running[1]?.end([]);
  await second;
  assert.is(seen.domains().size, 0);
});

sight('is what an earlier look shows when a later one fails', async () => {
  const { sight: seen, lists } = watched();
  const slow = seen.lookAtDomains();
  const quick = seen.lookAtDomains();
  lists.running[1]?.fail();
  await quick.then(() => assert.unreachable(), () => undefined);
  lists.running[0]?.end([domain(2, 'running', 3)]);
  await slow;
  assert.is(seen.domains().get(I)?.domainId, 2);
});

sight('is so for replicas, too', async () => {
  const { sight: seen, volumes } = watched();
  const slow = seen.lookAtReplicas();
  const quick = seen.lookAtReplicas();
  volumes.running[1]?.end([V]);
  await quick;
  volumes.running[0]?.end([]);
  await slow;
  assert.equal([...seen.observed().replicas.keys()], [V]);
});

sight.run();
