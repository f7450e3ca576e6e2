/**
 * Does the DRBD model stand any order of commands and faults? It never throws, always answers, and two replicas that
 * call each other UpToDate hold the same data.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { seededChance } from '../../../../../../shared/random.ts';
import { Lab, NODES } from './lab.ts';
import type { NodeName } from './lab.ts';

const SEEDS = 80;
const STEPS = 45;

/** Every order of the model but those that are known to make replicas differ (DRBD.md B15) and create-md. */
const ORDERS: readonly (readonly string[])[] = [
  ['up'], ['up'], ['down'], ['attach'], ['detach'], ['detach', '--force'], ['connect'], ['connect'], ['connect', '--discard-my-data'], ['disconnect'], ['disconnect', '--force'],
  ['primary'], ['primary'], ['primary', '--force'], ['secondary'], ['secondary'], ['outdate'], ['invalidate'], ['verify'], ['pause-sync'], ['resume-sync'], ['resume-sync'],
  ['suspend-io'], ['resume-io'], ['adjust'], ['adjust'], ['role'], ['dstate'], ['show-gi'],
];

class Fuzz {
  readonly lab: Lab;
  readonly chance;
  readonly trace: string[] = [];
  readonly off = new Set<NodeName>();
  sequence = 0;

  constructor(seed: number) {
    this.chance = seededChance(seed + 500);
    this.lab = new Lab({ seed });
    this.lab.policy = (_node, event) => {
      if (event !== 'fence-peer') return 0;
      const answer = [7, 7, 4, 5, 1, 6, null][this.draw(7)];
      return answer ?? null;
    };
  }

  draw(count: number): number {
    return Math.floor(this.chance.next() * count);
  }

  write(node: NodeName): void {
    const device = this.lab.room.device(node, '/dev/drbd0');
    if (device === null) return;
    this.sequence += 1;
    device.write(this.draw(2_000), `${this.sequence}`).catch(() => undefined);
  }

  async fault(node: NodeName): Promise<void> {
    const faults: readonly (readonly [string, () => void | Promise<void>])[] = [
      ['cut', () => this.lab.cut()], ['heal', () => this.lab.heal()], ['heal', () => this.lab.heal()], ['kill', () => this.kill(node)], ['disk error', () => this.failDisk(node)],
      ['disk repaired', () => this.lab.disk(node).repair()], ['disk slow', () => this.lab.disk(node).fail('slow')], ['disk repaired', () => this.lab.disk(node).repair()],
      ['helper answers', () => this.lab.helpers.shift()?.answer(7)],
    ];
    const [name, run] = faults[this.draw(faults.length)] ?? ['', () => undefined];
    this.trace.push(`${node} ${name}`);
    await run();
  }

  kill(node: NodeName): void {
    this.lab.kill(node);
  }

  failDisk(node: NodeName): void {
    this.lab.disk(node).fail('error');
    this.lab.room.diskFailed(node, '/dev/mapper/b0');
  }

  async step(): Promise<void> {
    const node = NODES[this.draw(2)] ?? 'node1';
    if (this.draw(4) === 0) await this.fault(node);
    else {
      const order = ORDERS[this.draw(ORDERS.length)] ?? ['role'];
      this.trace.push(`${node} ${order.join(' ')}`);
      // May hang, as the real one may: a demotion waits for frozen writes, a detach for a stuck disk.
      await this.lab.tryRun(node, ['drbdadm', '--config-file=/etc/r0.res', ...order, 'r0'], 2_000);
    }
    for (const writer of NODES) this.write(writer);
    await this.lab.time.pass(this.draw(3) === 0 ? this.draw(5_000) : this.draw(300));
  }

  /** Whether both ends agree that both are good and equal. */
  isSettled(): boolean {
    const facts = this.lab.room.facts();
    return facts.length === 2 && facts.every((fact) => fact.connection === 'Connected' && fact.disk === 'UpToDate' && fact.peerDisk === 'UpToDate' && fact.outOfSyncBlocks === 0 && !fact.isFrozen);
  }

  differences(): readonly string[] {
    const [a, b] = [this.lab.disk('node1'), this.lab.disk('node2')];
    const blocks = new Set([...a.writtenBlocks(), ...b.writtenBlocks()]);
    return [...blocks].filter((block) => a.read(block) !== b.read(block)).map((block) => `block ${block}: ${a.read(block) ?? 'nothing'} against ${b.read(block) ?? 'nothing'}`);
  }
}

const fuzz = suite('the DRBD model under random orders');

fuzz('never throws, always answers, and never calls different data equal', async () => {
  let settled = 0;
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const run = new Fuzz(seed);
    await run.lab.synced();
    const story = (): string => `seed ${seed}:\n${run.trace.join('\n')}\n${run.lab.kernelLog.slice(-30).join('\n')}`;
    for (let step = 0; step < STEPS; step += 1) {
      await run.step();
      await run.lab.time.pass(20);
      if (run.lab.isLinkUp && run.isSettled() && ![...run.lab.disks.values()].some((disk) => disk.failed || disk.slow)) {
        // What is in flight arrives.
        await run.lab.time.pass(100);
        if (!run.isSettled()) continue;
        settled += 1;
        assert.equal(run.differences(), [], story());
      }
    }
    for (const node of NODES) {
      assert.ok((await run.lab.tryRun(node, ['cat', '/proc/drbd'])) !== null, story());
      assert.ok((await run.lab.tryRun(node, ['drbdsetup', 'status'])) !== null, story());
    }
  }
  assert.ok(settled > 100, `replicas were equal only ${settled} times`);
});

fuzz.run();
