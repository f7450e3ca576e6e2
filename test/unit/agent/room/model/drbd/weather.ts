/**
 * Two nodes, one volume, a guest that writes, a ledger in one variable, and random weather: how the in-sync protocol of
 * SAFETY.md 2.3 fares on the DRBD model. Each rule of the discipline can be switched off, to see what it was for.
 */
import { seededChance } from '../../../../../../shared/random.ts';
import { Lab, NODES } from './lab.ts';
import type { NodeName } from './lab.ts';

export interface Discipline {
  /** `fencing` of the resource. */
  readonly fencing: 'resource-and-stonith' | 'dont-care';
  /** The frozen primary's helper answers only after the ledger shrank the in-sync set. */
  readonly shrinksBeforeAck: boolean;
  /** Only a replica of the in-sync set is promoted. */
  readonly promotesInSyncOnly: boolean;
  /** A rebooted replica of the in-sync set connects only when no other living node holds the volume as primary. */
  readonly connectsAfterShrink: boolean;
}

export const FULL_DISCIPLINE: Discipline = { fencing: 'resource-and-stonith', shrinksBeforeAck: true, promotesInSyncOnly: true, connectsAfterShrink: true };

export interface WeatherReport {
  readonly lost: readonly string[];
  readonly splitBrains: number;
  readonly twoWriters: number;
  readonly acked: number;
  readonly takeovers: number;
  readonly isCalmAtEnd: boolean;
  readonly trace: readonly string[];
}

const BLOCKS = 40;
const other = (node: NodeName): NodeName => (node === 'node1' ? 'node2' : 'node1');

class Weather {
  readonly lab: Lab;
  readonly discipline: Discipline;
  readonly chance;
  readonly trace: string[] = [];
  readonly lost: string[] = [];
  readonly alive = new Set<NodeName>(NODES);
  holder: NodeName = 'node1';
  inSync = new Set<NodeName>(NODES);
  version = 1;
  /** The guest runs on the holder and may write. */
  isRunning = false;
  /** Nodes that are up but must not connect yet. */
  readonly waiting = new Set<NodeName>();
  readonly ackedBy = new Map<number, number>();
  next = 1;
  acked = 0;
  takeovers = 0;
  twoWriters = 0;

  constructor(seed: number, discipline: Discipline) {
    this.chance = seededChance(seed * 7 + 1);
    this.discipline = discipline;
    this.lab = new Lab({ seed, disk: discipline.fencing === 'dont-care' ? 'fencing dont-care;' : '' });
    this.lab.policy = (node, event) => (event === 'fence-peer' ? this.fencePeer(node as NodeName) : 0);
  }

  note(text: string): void {
    this.trace.push(`${Math.round(this.lab.time.nowMs())} ${text}`);
  }

  draw(count: number): number {
    return Math.floor(this.chance.next() * count);
  }

  /** The agent behind the helper: asks the ledger, which may take its time. */
  fencePeer(node: NodeName): Promise<number> {
    return new Promise((resolve) => {
      if (!this.discipline.shrinksBeforeAck) {
        resolve(7);
        return;
      }
      this.lab.time.after(50 + this.draw(3_000), () => {
        // Answered only while this node still holds the volume in this boot; else it stays frozen for ever.
        if (this.holder !== node || !this.alive.has(node)) return;
        this.shrink(node);
        resolve(7);
      });
    });
  }

  shrink(node: NodeName): void {
    this.inSync = new Set([node]);
    this.version += 1;
    this.note(`ledger: only ${node} is in sync`);
  }

  write(): void {
    if (!this.isRunning) return;
    for (let count = 1 + this.draw(4); count > 0; count -= 1) {
      const sequence = this.next;
      this.next += 1;
      const block = (sequence * 7) % BLOCKS;
      this.lab.device(this.holder).write(block, String(sequence)).then(() => {
        this.acked += 1;
        this.ackedBy.set(block, Math.max(this.ackedBy.get(block) ?? 0, sequence));
      }, () => undefined);
    }
  }

  /** Every acknowledged write (or a later one to the same block) must be readable where the guest runs now. */
  async check(where: string): Promise<void> {
    const due = new Map(this.ackedBy);
    for (const [block, sequence] of due) {
      const content = await this.lab.read(this.holder, block, 5);
      if (content === 'hangs' || content === 'failed') return;
      if (Number(content ?? '0') < sequence) this.lost.push(`${where}: block ${block} holds ${content ?? 'nothing'}, but ${sequence} was acknowledged`);
    }
  }

  kill(node: NodeName): void {
    if (!this.alive.has(node)) return;
    this.note(`kill ${node}`);
    this.alive.delete(node);
    this.waiting.delete(node);
    if (this.holder === node) this.isRunning = false;
    this.lab.kill(node);
  }

  async boot(node: NodeName): Promise<void> {
    if (this.alive.has(node)) return;
    this.note(`boot ${node}`);
    this.alive.add(node);
    if (this.mayConnect(node)) await this.lab.ok(node, 'up');
    else this.waiting.add(node);
  }

  mayConnect(node: NodeName): boolean {
    if (!this.discipline.connectsAfterShrink) return true;
    return !(this.isRunning && this.holder !== node && this.inSync.has(node));
  }

  /** What agents do without being asked: connect what waited, expand, start the guest, reconnect what stands alone. */
  async tend(): Promise<void> {
    for (const node of Array.from(this.waiting)) {
      if (!this.alive.has(node) || !this.mayConnect(node)) continue;
      this.waiting.delete(node);
      this.note(`${node} connects`);
      await this.lab.ok(node, 'up');
    }
    this.expand();
    if (!this.isRunning) await this.start();
    for (const node of this.alive) {
      const fact = this.fact(node);
      if (fact?.connection === 'StandAlone' && !fact.isFrozen) await this.lab.adm(node, 'connect');
    }
  }

  fact(node: NodeName): ReturnType<Lab['room']['facts']>[number] | undefined {
    return this.lab.room.facts().find((fact) => fact.node === node);
  }

  expand(): void {
    const isGood = NODES.every((node) => {
      const fact = this.fact(node);
      return fact?.connection === 'Connected' && fact.disk === 'UpToDate' && fact.peerDisk === 'UpToDate' && fact.outOfSyncBlocks === 0;
    });
    if (!isGood || !this.isRunning || this.inSync.size === 2) return;
    const { version } = this;
    this.lab.time.after(this.draw(1_000), () => {
      if (this.version !== version || !this.isRunning) return;
      this.inSync = new Set(NODES);
      this.version += 1;
      this.note('ledger: both are in sync');
    });
  }

  /** Takes the guest over, or starts it again where it was. The old holder is dead here: the execution fence. */
  async start(): Promise<void> {
    const candidates = [...this.alive].filter((node) => !this.waiting.has(node) && (!this.discipline.promotesInSyncOnly || this.inSync.has(node)));
    const target = candidates.includes(other(this.holder)) ? other(this.holder) : candidates[0];
    if (target === undefined) return;
    const fact = this.fact(target);
    if (fact === undefined || !(fact.disk === 'UpToDate' || fact.disk === 'Consistent')) return;
    this.holder = target;
    this.takeovers += 1;
    const isConnected = fact.connection === 'Connected' && fact.peerDisk === 'UpToDate' && this.alive.has(other(target));
    this.note(`take over on ${target}${isConnected ? ', connected' : ''}`);
    if (!isConnected) {
      await this.lab.adm(target, 'disconnect', '--force');
      this.shrink(target);
    }
    const result = await this.lab.tryRun(target, ['drbdadm', '--config-file=/etc/r0.res', 'primary', 'r0'], 30_000);
    if (result?.exitCode !== 0 || this.fact(target)?.role !== 'Primary') return;
    this.isRunning = true;
    this.lab.device(target).open();
    await this.check(`on ${target}`);
  }

  look(): void {
    const writers = this.lab.room.facts().filter((fact) => fact.role === 'Primary' && !fact.isFrozen).length;
    if (writers > 1) this.twoWriters += 1;
  }

  async step(): Promise<void> {
    switch (this.draw(9)) {
      case 0:
        this.note('cut');
        this.lab.cut();
        break;
      case 1:
      case 2:
        this.note('heal');
        this.lab.heal();
        break;
      case 3:
        this.kill(this.draw(2) === 0 ? 'node1' : 'node2');
        break;
      case 4:
      case 5:
        await this.boot(this.draw(2) === 0 ? 'node1' : 'node2');
        break;
      default:
        this.write();
    }
    this.write();
    await this.lab.time.pass(this.draw(3) === 0 ? this.draw(6_000) : this.draw(400));
    if (this.draw(2) === 0) await this.tend();
    this.look();
  }

  async calm(): Promise<void> {
    this.lab.heal();
    for (const node of NODES) await this.boot(node);
    for (let round = 0; round < 20; round += 1) {
      await this.lab.time.pass(3_000);
      await this.tend();
    }
    if (this.isRunning) await this.check('at the end');
  }
}

/** One run of random weather. */
export async function runWeather(seed: number, steps: number, discipline: Discipline): Promise<WeatherReport> {
  const weather = new Weather(seed, discipline);
  await weather.lab.synced();
  weather.lab.device('node1').open();
  weather.isRunning = true;
  for (let step = 0; step < steps; step += 1) await weather.step();
  await weather.calm();
  return {
    lost: weather.lost, splitBrains: weather.lab.room.splitBrains, twoWriters: weather.twoWriters, acked: weather.acked,
    takeovers: weather.takeovers, isCalmAtEnd: weather.inSync.size === 2 && weather.isRunning, trace: weather.trace,
  };
}
