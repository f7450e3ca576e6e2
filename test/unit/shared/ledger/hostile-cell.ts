/**
 * What can happen to a cell? A random life of nodes, links, disks and clients, with the truth about every disk beside it.
 *
 * The truth is what the ledger cannot see: which write each replica holds, and which was the last that a guest was told
 * is safe. A holder writes through both replicas while they are connected, and alone only after its shrink was applied in
 * this very outage (that is what DRBD's freeze enforces). So "every replica in sync holds every acknowledged write" can
 * be checked after each command, and a guard that is missing loses a write here.
 */
import { apply } from '../../../../shared/ledger/apply.ts';
import type { Applied } from '../../../../shared/ledger/apply.ts';
import type { Actor, Command, Placement } from '../../../../shared/ledger/commands.ts';
import type { NodeId, VolumeId } from '../../../../shared/ids.ts';
import type { CellState } from '../../../../shared/model/cell.ts';
import { isWaiting } from '../../../../shared/model/instance.ts';
import { isFenced } from '../../../../shared/model/node.ts';
import type { VolumeRecord } from '../../../../shared/model/volume.ts';
import { seededChance } from '../../../../shared/random.ts';
import type { Chance } from '../../../../shared/world.ts';
import { broken } from './invariants.ts';
import { bootIdOf, bootOf, creation, instanceIdOf, leaseProof, LEADER, nodeIdOf, placementOn, readyCell, storeUuidOf } from './test-cell.ts';

const NODES = 4;
const INSTANCES_AT_ONCE = 8;

/** What is really on the disks of one volume. */
interface Truth {
  readonly content: Map<NodeId, number>;
  acknowledged: number;
  isConnected: boolean;
  /** The holder's shrink was applied since the link went down. */
  mayWriteAlone: boolean;
  /** The last copy was lost with its disk: nobody can promise anything any more. */
  isLost: boolean;
}

export type Apply = (state: CellState, entry: Parameters<typeof apply>[1]) => Applied;

export class HostileCell {
  state: CellState;
  index: number;
  readonly faults: string[] = [];
  readonly applied = new Map<string, number>();
  readonly commands: Command[] = [];
  readonly #chance: Chance;
  readonly #apply: Apply;
  readonly #truth = new Map<VolumeId, Truth>();
  /** Expansions that were seen and may arrive late, twice or never. */
  readonly #late: Command[] = [];
  #created = 0;
  readonly #boots = new Map<number, number>();
  readonly #stores = new Map<number, number>();

  constructor(seed: number, withApply: Apply = apply) {
    const cell = readyCell(NODES);
    this.state = cell.state;
    this.index = cell.index;
    this.#chance = seededChance(seed);
    this.#apply = withApply;
    for (let node = 1; node <= NODES; node += 1) this.#boots.set(node, 1);
  }

  /** One random thing happens. */
  step(): void {
    const act = this.#pick([
      () => this.#create(), () => this.#create(), () => this.#owner(), () => this.#report(), () => this.#report(), () => this.#report(),
      () => this.#place(), () => this.#place(), () => this.#place(), () => this.#link(), () => this.#link(), () => this.#write(), () => this.#write(), () => this.#write(),
      () => this.#shrink(), () => this.#seeInSync(), () => this.#seeInSync(), () => this.#deliver(), () => this.#deliver(),
      () => this.#node(), () => this.#ready(), () => this.#ready(), () => this.#ready(), () => this.#replica(), () => this.#replica(), () => this.#upkeep(), () => this.#upkeep(),
    ]);
    act?.();
  }

  do(command: Command): boolean {
    const before = this.state;
    this.index += 1;
    this.commands.push(command);
    const { state, result } = this.#apply(before, { index: this.index, term: 1, data: { command, at: `${this.index}`, by: LEADER } });
    this.state = state;
    this.faults.push(...broken({ before, after: state, command, result }).map((fault) => `${fault} (${command.kind}, entry ${this.index})`));
    if (result.kind === 'applied') this.applied.set(command.kind, (this.applied.get(command.kind) ?? 0) + 1);
    this.#checkTruth(command);
    return result.kind === 'applied';
  }

  #checkTruth(command: Command): void {
    for (const volume of this.state.volumes.values()) {
      const truth = this.#truth.get(volume.id);
      if (truth === undefined || truth.isLost || !volume.formatted || volume.deleting) continue;
      for (const node of volume.inSync) {
        if ((truth.content.get(node) ?? 0) < truth.acknowledged) this.faults.push(`S2: ${node} is in sync without the newest write of ${volume.id} (${command.kind}, entry ${this.index})`);
      }
    }
  }

  #roll(sides: number): number {
    return Math.floor(this.#chance.next() * sides);
  }

  #pick<Item>(items: readonly Item[]): Item | undefined {
    return items[this.#roll(items.length)];
  }

  #volume(): VolumeRecord | undefined {
    return this.#pick([...this.state.volumes.values()]);
  }

  #current(node: NodeId): Actor | null {
    const bootId = this.state.nodes.get(node)?.bootId ?? null;
    return bootId === null ? null : { node, bootId };
  }

  #placement(candidates: readonly NodeId[]): Placement | null {
    const node = this.#pick(candidates);
    const actor = node === undefined ? null : this.#current(node);
    if (actor === null) return null;
    const standby = this.#roll(3) === 0 ? null : (this.#pick(candidates.filter((each) => each !== actor.node)) ?? null);
    return { ...actor, standby, refused: [] };
  }

  #create(): void {
    if ([...this.state.instances.values()].filter((instance) => instance.phase !== 'terminated').length >= INSTANCES_AT_ONCE) return;
    const node = 1 + this.#roll(NODES);
    const standby = this.#roll(4) === 0 ? null : 1 + this.#roll(NODES);
    const count = 1 + this.#roll(3);
    const first = this.#created + 1;
    const token = this.#roll(2) === 0 ? `token-${this.#roll(20)}` : null;
    if (!this.do(creation(first, placementOn(node, standby, this.#boots.get(node)), { count, token }))) return;
    this.#created += count;
    for (let each = first; each < first + count; each += 1) {
      const volume = this.state.instances.get(instanceIdOf(each))?.volumes[0];
      if (volume !== undefined) this.#truth.set(volume, { content: new Map(), acknowledged: 0, isConnected: true, mayWriteAlone: false, isLost: false });
    }
  }

  #owner(): void {
    const instance = this.#pick([...this.state.instances.values()]);
    if (instance === undefined) return;
    const desired = this.#pick(['running', 'running', 'running', 'stopped', 'stopped', 'terminated'] as const) ?? 'running';
    if (this.#roll(4) === 0) this.do({ kind: 'restartInstances', instances: [instance.id] });
    else this.do({ kind: 'setDesired', instances: [instance.id], desired, force: this.#roll(2) === 0 });
  }

  #report(): void {
    const instance = this.#pick([...this.state.instances.values()].filter((each) => each.holderBootId !== null));
    if (instance?.holder === null || instance?.holder === undefined || instance.holderBootId === null) return;
    const stranger = this.#roll(10) === 0 ? this.#current(this.#pick([...this.state.nodes.keys()]) ?? instance.holder) : null;
    const actor = stranger ?? { node: instance.holder, bootId: instance.holderBootId };
    const [volume] = instance.volumes;
    const cause = this.#pick(['asked', 'guestStopped', 'domainLost', 'startFailed'] as const) ?? 'asked';
    if (instance.phase === 'starting' && volume !== undefined && this.state.volumes.get(volume)?.formatted === false) {
      this.do({ kind: 'volumeFormatted', actor, volume, generation: instance.generation });
    } else if (instance.phase === 'starting' && this.#roll(4) === 0) this.do({ kind: 'reportDelayed', actor, instance: instance.id, generation: instance.generation, message: `reason ${this.#roll(2)}` });
    else if (instance.phase === 'starting' && this.#roll(4) > 0) this.do({ kind: 'reportStarted', actor, instance: instance.id, generation: instance.generation });
    else if (instance.desired !== 'running' || this.#roll(5) === 0) this.do({ kind: 'reportStopped', actor, instance: instance.id, generation: instance.generation - (this.#roll(20) === 0 ? 1 : 0), cause, detail: '' });
  }

  #place(): void {
    const wanted = [...this.state.instances.values()].filter((each) => each.desired === 'running');
    const instance = this.#roll(8) === 0 ? this.#pick(wanted) : this.#pick(wanted.filter(isWaiting));
    if (instance === undefined) return;
    const volume = this.state.volumes.get(instance.volumes[0] as VolumeId);
    const placement = this.#placement(this.#roll(5) === 0 ? [...this.state.nodes.keys()] : (volume?.replicas ?? []));
    if (placement === null) return;
    const isConfused = this.#roll(10) === 0;
    if (instance.holder !== null && instance.holderBootId !== null && !isConfused) {
      this.do({ kind: 'takeOver', instance: instance.id, expectGeneration: instance.generation, from: { node: instance.holder, bootId: instance.holderBootId }, placement });
    } else this.do({ kind: 'placeInstance', instance: instance.id, expectGeneration: instance.generation, placement });
  }

  /** A link goes down, or comes up and the newer side is copied to the other one. */
  #link(): void {
    const volume = this.#volume();
    const truth = volume === undefined ? undefined : this.#truth.get(volume.id);
    if (volume === undefined || truth === undefined) return;
    if (truth.isConnected) {
      this.#disconnect(truth);
      return;
    }
    const source = this.#sourceOf(volume);
    if (source === null || volume.tainted.includes(source) || volume.replicas.some((node) => !this.#isUp(node))) return;
    for (const node of this.#goodReplicas(volume)) truth.content.set(node, truth.content.get(source) ?? 0);
    truth.isConnected = true;
    truth.mayWriteAlone = false;
  }

  /** DRBD copies from the primary; with two secondaries from the one that may be trusted, as the agents see to it. */
  #sourceOf(volume: VolumeRecord): NodeId | null {
    const { holder, holderBootId } = volume;
    if (holder !== null && holderBootId !== null && !isFenced(this.state.nodes.get(holder), holderBootId)) return volume.replicas.includes(holder) ? holder : null;
    return volume.inSync[0] ?? null;
  }

  /** Nothing is written to a disk that failed, and nothing comes back from it. */
  #goodReplicas(volume: VolumeRecord): readonly NodeId[] {
    return volume.replicas.filter((node) => !volume.tainted.includes(node));
  }

  #disconnect(truth: Truth): void {
    truth.isConnected = false;
    truth.mayWriteAlone = false;
  }

  #isUp(node: NodeId): boolean {
    const record = this.state.nodes.get(node);
    return record !== undefined && record.phase !== 'fenced' && record.phase !== 'removed';
  }

  /** The guest writes, and is told that it is safe only where DRBD would say so. */
  #write(): void {
    const volume = this.#volume();
    const truth = volume === undefined ? undefined : this.#truth.get(volume.id);
    if (volume === undefined || truth === undefined || !volume.formatted || volume.holder === null || volume.holderBootId === null) return;
    if (isFenced(this.state.nodes.get(volume.holder), volume.holderBootId)) return;
    const isLone = volume.replicas.length === 1;
    if (!truth.isConnected && !truth.mayWriteAlone && !isLone) return;
    const good = this.#goodReplicas(volume).filter((node) => truth.isConnected || node === volume.holder);
    if (good.length === 0) return;
    truth.acknowledged += 1;
    for (const node of good) truth.content.set(node, truth.acknowledged);
  }

  #shrink(): void {
    const volume = this.#volume();
    if (volume?.holder === null || volume?.holder === undefined || volume.holderBootId === null) return;
    const actor = { node: volume.holder, bootId: volume.holderBootId };
    const isApplied = this.do({ kind: 'shrink', actor, volume: volume.id, generation: volume.generation - (this.#roll(20) === 0 ? 1 : 0), reason: 'link' });
    const truth = this.#truth.get(volume.id);
    if (isApplied && truth !== undefined && !truth.isConnected) truth.mayWriteAlone = true;
  }

  /** Both ends see that they are equal: the holder will say so, now or much later. */
  #seeInSync(): void {
    const volume = this.#volume();
    const truth = volume === undefined ? undefined : this.#truth.get(volume.id);
    if (volume === undefined || truth === undefined || !truth.isConnected) return;
    const speaker = this.#roll(6) === 0 ? this.#pick(volume.replicas) : (volume.holder ?? volume.inSync[0]);
    const actor = speaker === undefined ? null : this.#current(speaker);
    const replica = volume.replicas.find((node) => node !== speaker);
    if (actor === null || replica === undefined) return;
    this.#late.push({ kind: 'expand', actor, volume: volume.id, generation: volume.generation, expectVersion: volume.version, replica });
    if (this.#late.length > 30) this.#late.shift();
  }

  #deliver(): void {
    const command = this.#pick(this.#late);
    if (command !== undefined) this.do(command);
  }

  #node(): void {
    const number = 1 + this.#roll(NODES);
    const node = nodeIdOf(number);
    const boot = this.#boots.get(number) ?? 1;
    const bootId = bootIdOf(number, boot);
    switch (this.#roll(9)) {
      case 0: this.do({ kind: 'intendFence', node, bootId, byPower: this.#roll(2) === 0, atMs: this.index * 20_000, reason: 'silent' }); break;
      case 1: {
        const claimed = Math.max(1, boot - (this.#roll(4) === 0 ? 1 : 0));
        if (this.do(leaseProof(number, claimed)) && claimed === boot) this.#lostPower(node);
        break;
      }
      case 2: case 3: this.#reboot(number); break;
      case 4: case 5: this.do({ kind: 'readyNode', actor: { node, bootId } }); break;
      case 6: this.do({ kind: 'cordonNode', node, cordoned: this.#roll(4) === 0 }); break;
      case 7: if (this.#roll(12) === 0 && ![...this.state.nodes.values()].some((each) => each.phase === 'removed')) this.do({ kind: 'removeNode', node }); break;
      default: this.do(bootOf(number, Math.max(1, boot - this.#roll(2)), { storeUuid: storeUuidOf(number, this.#stores.get(number) ?? 1) })); break;
    }
  }

  /** Somebody who is there again gets ready, after a fence by starting again. */
  #ready(): void {
    const record = this.#pick([...this.state.nodes.values()].filter((each) => each.phase !== 'active' && each.phase !== 'removed'));
    if (record?.bootId === null || record?.bootId === undefined) return;
    if (record.phase === 'joining') this.do({ kind: 'readyNode', actor: { node: record.id, bootId: record.bootId } });
    else if (record.phase === 'fenced' || record.phase === 'fencing') this.#reboot(Number(record.id.slice('node-'.length)));
    else this.do({ kind: 'cordonNode', node: record.id, cordoned: false });
  }

  #lostPower(node: NodeId): void {
    for (const volume of this.state.volumes.values()) {
      const truth = this.#truth.get(volume.id);
      if (truth !== undefined && volume.replicas.includes(node)) this.#disconnect(truth);
    }
  }

  #reboot(number: number): void {
    const node = nodeIdOf(number);
    const boot = (this.#boots.get(number) ?? 1) + 1;
    const isNewDisk = this.#roll(8) === 0;
    this.#lostPower(node);
    const store = (this.#stores.get(number) ?? 1) + (isNewDisk ? 1 : 0);
    if (isNewDisk) this.#loseDisk(node);
    this.#boots.set(number, boot);
    this.#stores.set(number, store);
    this.do(bootOf(number, boot, { storeUuid: storeUuidOf(number, store) }));
  }

  /** The disk of a node is empty now. Where it was the last copy there is nothing left to promise. */
  #loseDisk(node: NodeId): void {
    for (const volume of this.state.volumes.values()) {
      const truth = this.#truth.get(volume.id);
      if (truth === undefined || !volume.replicas.includes(node)) continue;
      truth.content.set(node, 0);
      // Until its boot is recorded the ledger cannot know, so the truth is lifted for the volumes that lose a copy with it.
      const others = volume.inSync.filter((each) => each !== node && !volume.tainted.includes(each));
      if (volume.inSync.includes(node) && others.length === 0) truth.isLost = true;
    }
  }

  #replica(): void {
    const volume = this.#volume();
    if (volume === undefined) return;
    const anywhere = this.#pick([...this.state.nodes.keys()]) ?? nodeIdOf(1);
    const actor = this.#current(this.#pick([...volume.replicas, ...volume.retired]) ?? anywhere);
    switch (this.#roll(4)) {
      case 0:
        if (actor !== null && this.#roll(3) === 0 && this.do({ kind: 'replicaTainted', actor, volume: volume.id })) this.#losesWrites(volume, actor.node);
        break;
      case 1: {
        const wiped = this.#pick([...this.state.volumes.values()].filter((each) => each.retired.length > 0)) ?? volume;
        const wiper = this.#roll(3) === 0 ? actor : this.#current(wiped.retired[0] ?? anywhere);
        if (wiper !== null) this.do({ kind: 'replicaWiped', actor: wiper, volume: wiped.id });
        break;
      }
      default: {
        const replaces = volume.replicas.length < 2 ? null : (this.#pick(volume.replicas) ?? null);
        if (!this.do({ kind: 'replaceReplica', volume: volume.id, expectEpoch: volume.epoch, node: this.#roll(6) === 0 && replaces !== null ? replaces : anywhere, replaces })) break;
        const truth = this.#truth.get(volume.id);
        if (truth === undefined) break;
        this.#disconnect(truth);
        for (const node of truth.content.keys()) if (this.state.volumes.get(volume.id)?.replicas.includes(node) !== true) truth.content.delete(node);
        break;
      }
    }
  }

  /** A failed disk holds nothing that one could trust; a primary on it goes on through its peer, if there is one. */
  #losesWrites(volume: VolumeRecord, node: NodeId): void {
    const truth = this.#truth.get(volume.id);
    if (truth === undefined) return;
    truth.content.set(node, -1);
    const now = this.state.volumes.get(volume.id);
    if (now?.inSync.length === 1 && now.inSync[0] === node) truth.isLost = true;
  }

  #upkeep(): void {
    const instance = this.#pick([...this.state.instances.values()]);
    if (instance === undefined) return;
    const expectGeneration = instance.generation;
    switch (this.#roll(4)) {
      case 0: this.do({ kind: 'setStandby', instance: instance.id, expectGeneration, standby: this.#pick([...this.state.nodes.keys()]) ?? null }); break;
      case 1: this.do({ kind: 'setUnavailable', instance: instance.id, expectGeneration, phase: 'unavailableData', message: 'no replica' }); break;
      case 2: this.do({ kind: 'forgetInstances', instances: [instance.id] }); break;
      default: {
        const failed = this.#pick([...this.state.instances.values()].filter((each) => each.failures > 0 && each.phase === 'running')) ?? instance;
        this.do({ kind: 'clearFailures', instance: failed.id, expectGeneration: failed.generation });
        break;
      }
    }
  }
}
