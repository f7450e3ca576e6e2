// deadline: 120 s
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { CellPort } from '../../../coordinator/ports.ts';
import type { InstanceId, MemberId } from '../../../shared/ids.ts';
import type { Command } from '../../../shared/ledger/commands.ts';
import type { WorkKind } from '../../support/event-loops.ts';
import { VirtualCell } from '../../support/virtual-cell.ts';

/**
 * A machine several times slower than the one that the benchmarks run on: RunInstances costs a leader some 3 ms there, most of it when
 * the entry is applied and answered.
 */
const COST_MS: Readonly<Record<WorkKind, number>> = { request: 0.5, message: 0.2, answer: 0.2, datagram: 0.1, timer: 0.05 };
const ENTRY_COST_MS = 10;
/** As many requests as a coordinator lets in at once, and as many of REST (coordinator/ec2/endpoint.ts, coordinator/rest/rest-app.ts). */
const CLIENTS = 512 + 256;
const FLOOD_MS = 20_000;

interface Flood {
  readonly cell: VirtualCell;
  readonly ids: readonly InstanceId[];
  readonly port: CellPort;
}

/** A cell of slow processes; its clients ask again as soon as they have an answer, for {@link FLOOD_MS}. Nobody may lose a node by it. */
async function survives(ask: (flood: Flood, client: number) => Promise<unknown>, meanwhile: (flood: Flood) => void, answersMin: number): Promise<{ readonly refused: number }> {
  const slow = new Set<MemberId>();
  const cell: VirtualCell = new VirtualCell({
    nodes: 3,
    onLedger: (member, ledger) => {
      ledger.subscribe((entry) => {
        if (entry !== null && slow.has(member)) cell.loops.charge(member, ENTRY_COST_MS);
      });
    },
  });
  try {
    await cell.ready();
    const ids = [...(await cell.run(2)), ...(await cell.run(2))];
    for (const id of ids) await cell.untilPhase(id, 'running', 60_000);
    await cell.world.advance(5_000);
    const before = bootsOf(cell);
    for (const node of cell.nodeIds) slow.add(node);
    cell.loops.costOf = (process, kind) => (process.startsWith('coordinator') ? 0 : COST_MS[kind]);
    const { answered, refused } = await flood({ cell, ids, port: cell.coordinatorPort() }, ask, meanwhile);
    // Long enough for whoever lost its lease to reset itself, and for its proof.
    await cell.world.advance(15_000);
    assert.equal(bootsOf(cell), before, 'every node has the boot that it had, and is active');
    assert.ok(answered >= answersMin, `${answered} requests were answered`);
    assert.equal(cell.room.report().violations, []);
    return { refused };
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${cell.tail(60)}`, { cause: error });
  }
}

async function flood(flood: Flood, ask: (flood: Flood, client: number) => Promise<unknown>, meanwhile: (flood: Flood) => void): Promise<{ readonly answered: number; readonly refused: number }> {
  let answered = 0;
  let refused = 0;
  let isOver = false;
  const client = (number: number): void => {
    if (isOver) return;
    // A refused request is asked again, like an answered one.
    ask(flood, number).then(() => void (answered += 1), () => void (refused += 1)).finally(() => client(number));
  };
  for (let number = 0; number < CLIENTS; number += 1) client(number);
  meanwhile(flood);
  await flood.cell.world.advance(FLOOD_MS);
  isOver = true;
  return { answered, refused };
}

function bootsOf(cell: VirtualCell): readonly string[] {
  return [...cell.state().nodes.values()].map((node) => `${node.id} ${node.bootId} ${node.phase}`);
}

function tag(ids: readonly InstanceId[], client: number): Command {
  const id = ids[client % ids.length];
  return { kind: 'setTags', instances: id === undefined ? [] : [id], set: { client: `${client}` }, remove: [] };
}

/** What users ask for through a coordinator: mostly tags, and whether an instance could be placed. */
async function asUsersDo({ cell, ids, port }: Flood, client: number): Promise<unknown> {
  return client % 4 === 0 ? await port.runInstances(cell.intentToRun(1, true)) : await port.propose(tag(ids, client));
}

const overload = suite('an overloaded leader');

overload('keeps every lease while as many users ask as a coordinator lets in, and answers as many as it can', async () => {
  const { refused } = await survives(asUsersDo, () => undefined, 1_200);
  assert.is(refused, 0, 'who waits at the coordinator gets an answer in time');
});

overload('keeps every lease though a coordinator does not hold its users back', async () => {
  await survives(async ({ cell, ids }, client) => await cell.ask(tag(ids, client)), () => undefined, 600);
});

overload('keeps every lease though its machine, and everybody else\'s, stands still for half a second every two', async () => {
  await survives(asUsersDo, ({ cell }) => {
    const stall = (): void => {
      for (const node of cell.nodeIds) cell.loops.charge(node, 500);
      cell.world.timers.after(2_000, stall);
    };
    stall();
  }, 500);
});

overload.run();
