// deadline: 240 s
/** What happens when a process is killed, or a cable is pulled? What SAFETY.md 5.5 says, and never an instance twice. */
import * as assert from 'uvu/assert';
import { fleetSuite } from './support/fleet-suite.ts';
import { until } from './support/playground.ts';
import type { Fleet } from './support/playground.ts';

const { test, run } = fleetSuite('a fleet that loses processes', { nodes: 3 });

let id = '';
const holderOf = async (fleet: Fleet): Promise<string> => (await fleet.instance(id)).holder ?? '';

/** Kills a process and waits until the supervisor started it again. */
async function killAndAwait(fleet: Fleet, name: string): Promise<void> {
  const before = fleet.pid(name);
  fleet.signal(name, 'SIGKILL');
  await until(`${name} runs again`, () => Promise.resolve(fleet.pid(name) !== null && fleet.pid(name) !== before ? true : null), 10_000);
}

/** The guest writes on, under the same domain that ran before. */
async function writesOn(fleet: Fleet, executions: number): Promise<void> {
  const { lastAckedRecord } = await fleet.observed(id);
  await until('the guest writes on', async () => (((await fleet.observed(id)).lastAckedRecord ?? 0) > (lastAckedRecord ?? 0) + 2 ? true : null), 10_000);
  assert.is((await fleet.observed(id)).executions.length, executions, 'the same domain runs on');
}

test('keeps a domain running through the death of its agent, which adopts it', async (fleet) => {
  id = (await fleet.runInstance()).id;
  const holder = await holderOf(fleet);
  await killAndAwait(fleet, `${holder}.agent`);
  await writesOn(fleet, 1);
  // The new agent has adopted it: it can be asked to restart it, and does.
  await fleet.allActive(3);
  const { generation } = await fleet.instance(id);
  await fleet.aws('stop-instances', '--instance-ids', id);
  await until('the adopted domain was stopped', async () => ((await fleet.instance(id)).phase === 'stopped' ? true : null), 20_000);
  await fleet.aws('start-instances', '--instance-ids', id);
  assert.ok((await fleet.settled(id)).generation > generation);
});

test('keeps a domain running through the death of its keeper, which comes back in time', async (fleet) => {
  const holder = await holderOf(fleet);
  const { executions } = await fleet.observed(id);
  await killAndAwait(fleet, `${holder}.keeper`);
  await writesOn(fleet, executions.length);
  assert.is(await holderOf(fleet), holder);
});

test('goes on through the death of the ledger’s leader', async (fleet) => {
  const { leader } = await fleet.ledger();
  const { executions } = await fleet.observed(id);
  fleet.signal(`${leader}.agent`, 'SIGKILL');
  await writesOn(fleet, executions.length);
  const other = await fleet.runInstance();
  await fleet.aws('terminate-instances', '--instance-ids', other.id);
});

test('heals without a coordinator, which tells the truth once it is back', async (fleet) => {
  const before = await fleet.settled(id);
  // Stopped, it is as gone as can be: killed, it would be started again at once.
  fleet.signal('coordinator', 'SIGSTOP');
  await fleet.room('powerOff', { node: before.holder });
  const node = await until('it runs elsewhere', async () => {
    const [running] = (await fleet.observed(id)).running;
    return running !== undefined && running.node !== before.holder ? running.node : null;
  }, 20_000);
  await killAndAwait(fleet, 'coordinator');
  const after = await fleet.moved(before);
  assert.is(after.holder, node);
  const views = await fleet.nodes();
  assert.is(views.find((view) => view.id === before.holder)?.phase, 'fenced');
  assert.equal((await fleet.report()).violations, []);
  await fleet.room('powerOn', { node: before.holder });
  await fleet.allActive(3);
});

test('has a node reset itself that is cut from the mesh but not from storage', async (fleet) => {
  const before = await fleet.settled(id);
  const holder = before.holder ?? '';
  const bootId = (await fleet.report()).nodes.find(({ node }) => node === holder)?.bootId;
  await fleet.room('cut', { node: holder, what: 'mesh' });
  const after = await fleet.moved(before);
  assert.is.not(after.holder, holder);
  const { executions, running } = await fleet.observed(id);
  assert.is(running.length, 1);
  const [lost, next] = executions.slice(-2);
  assert.ok(lost !== undefined && next !== undefined && (lost.toMs ?? Infinity) < next.fromMs, 'the cut domain had ended before the next one began');
  const now = (await fleet.report()).nodes.find(({ node }) => node === holder);
  assert.is.not(now?.bootId, bootId, 'it reset itself');
  assert.equal((await fleet.report()).violations, []);
  await fleet.room('heal', { node: holder, what: 'all' });
  await fleet.allActive(3);
});

run();
