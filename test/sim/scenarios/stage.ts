/**
 * Where does a story happen? On one cell in virtual time, with names for its nodes and instances, watched all the while.
 */
import type { RoomEvent } from '../../../agent/room/model/ports.ts';
import { parseMemberId, parseNodeId } from '../../../shared/ids.ts';
import type { InstanceId, MemberId, NodeId, VolumeId } from '../../../shared/ids.ts';
import type { LedgerNode } from '../../../shared/ledger/node/ledger-node.ts';
import type { InstanceRecord } from '../../../shared/model/instance.ts';
import type { VolumeRecord } from '../../../shared/model/volume.ts';
import { CellWitness } from '../../support/cell-witness.ts';
import { VirtualCell } from '../../support/virtual-cell.ts';
import type { VirtualCellOptions } from '../../support/virtual-cell.ts';
import { ProgramFaults } from './program-faults.ts';
import { Recorder } from './recorder.ts';

/** How often it is looked whether what is waited for has come, and at what only shows to whoever looks. */
const LOOK_MS = 20;
/**
 * Commands begin a quarter of a renewal interval after renewals were due, so that no fault meets one by a hair: what comes of it
 * would hang on a millisecond. 500 ms is the interval of the profile `standard`.
 */
const BEAT_MS = 500;
const BEAT_PHASE_MS = 250;

/** One story's cell. */
export class Stage {
  readonly cell: VirtualCell;
  readonly witness = new CellWitness();
  readonly recorder = new Recorder((text) => this.named(text));
  readonly programs: ProgramFaults;
  readonly ledgers = new Map<MemberId, LedgerNode>();
  readonly instances = new Map<string, InstanceId>();
  /** What the last request of a user was answered, under `last`. */
  readonly answers = new Map<string, string>();
  /** Client tokens that were used. */
  readonly tokens = new Set<string>();
  /** Broken promises that the story's own hand brings about. Each must come true. */
  readonly expected: RegExp[] = [];
  readonly #nodes = new Map<string, NodeId>();
  /** Names of the volumes that instances had. */
  readonly #volumes = new Map<VolumeId, string>();
  #deaths: NodeId[] = [];
  readonly #starts = new Map<string, number>();
  /** What an instance's generation was when the story began. */
  #generations = new Map<InstanceId, number>();

  constructor(options: VirtualCellOptions) {
    this.cell = new VirtualCell({
      ...options,
      onLedger: (member, ledger) => {
        this.ledgers.set(member, ledger);
        this.witness.onLedger(member, ledger);
        this.recorder.onLedger(member, ledger);
      },
      onRoomEvent: (event) => {
        this.recorder.onRoomEvent(event);
        this.#count(event);
      },
    });
    this.programs = new ProgramFaults(this.cell);
    this.witness.watch(this.cell);
    this.recorder.watch(this.cell);
  }

  /** The story begins: what was prepared is not counted. */
  begin(): void {
    this.#deaths = [];
    this.#starts.clear();
    for (const instance of this.cell.state().instances.values()) this.#generations.set(instance.id, instance.generation);
  }

  /** Nodes that died since the story began, in that order. */
  deaths(): readonly NodeId[] {
    return this.#deaths;
  }

  /** How often a domain of the instance began to execute since the story began. */
  starts(id: InstanceId): number {
    return this.#starts.get(id) ?? 0;
  }

  generationBefore(id: InstanceId): number {
    return this.#generations.get(id) ?? 0;
  }

  // ---------------------------------------------------------------- time

  async pass(durationMs: number): Promise<void> {
    const { world } = this.cell;
    const untilMs = world.clock.nowMs() + durationMs;
    while (world.clock.nowMs() < untilMs) {
      await world.advance(Math.min(LOOK_MS, untilMs - world.clock.nowMs()));
      this.recorder.look();
      this.witness.look(false);
    }
  }

  /** Passes time until `isTrue`; false when that took too long. */
  async until(isTrue: () => boolean, limitMs: number): Promise<boolean> {
    const untilMs = this.cell.world.clock.nowMs() + limitMs;
    while (!isTrue()) {
      if (this.cell.world.clock.nowMs() >= untilMs) return false;
      await this.pass(LOOK_MS);
    }
    return true;
  }

  /** Passes time to the next moment at which commands begin. */
  async align(): Promise<void> {
    const restMs = (this.cell.world.clock.nowMs() - BEAT_PHASE_MS) % BEAT_MS;
    await this.pass(restMs === 0 ? 0 : BEAT_MS - restMs);
  }

  async finish<Value>(promise: Promise<Value>): Promise<Value> {
    let isDone = false;
    const watched = promise.finally(() => {
      isDone = true;
    });
    watched.catch(() => undefined);
    if (!(await this.until(() => isDone, 60_000))) throw new Error('nobody answered within 60 s');
    return await watched;
  }

  // ---------------------------------------------------------------- names

  call(name: string, node: NodeId): void {
    const taken = [...this.#nodes].find(([, other]) => other === node);
    if (taken !== undefined) throw new Error(`${name} would be ${node}, which is ${taken[0]} already`);
    this.#nodes.set(name, node);
  }

  /** The nodes that have no name yet. */
  unnamed(): readonly NodeId[] {
    const named = new Set(this.#nodes.values());
    return this.cell.nodeIds.filter((node) => !named.has(node));
  }

  /** One node: a name of the story, `node-2`, `holder web`, `mirror web`, `standby web`, `leader` or `follower`. */
  node(words: string): NodeId {
    const named = this.#nodes.get(words);
    if (named !== undefined) return named;
    const [what, of] = words.split(' ');
    if (what === 'holder' && of !== undefined) return must(this.instance(of).holder, `${of} has no holder`);
    if (what === 'mirror' && of !== undefined) return this.#mirror(of);
    if (what === 'standby' && of !== undefined) return must(this.instance(of).standby, `${of} has no standby`);
    if (words === 'leader') return must(this.cell.nodeIds.find((node) => node === this.cell.leader()), 'no node leads');
    if (words === 'follower') return must(this.cell.nodeIds.find((node) => node !== this.cell.leader() && this.cell.voters().some((voter) => voter.startsWith(`${node}.`))), 'no node follows');
    if (this.cell.nodeIds.some((node) => node === words)) return parseNodeId(words);
    throw new Error(`there is no node called "${words}"`);
  }

  /** `all`, or nodes between commas. */
  nodeList(words: string): readonly NodeId[] {
    return words === 'all' ? this.cell.nodeIds : words.split(',').map((each) => this.node(each.trim()));
  }

  /** As `nodeList`, and `coordinator` may be among them. */
  members(words: string): readonly MemberId[] {
    if (words === 'all') return this.cell.nodeIds;
    return words.split(',').map((each) => (each.trim() === 'coordinator' ? parseMemberId('coordinator-1') : this.node(each.trim())));
  }

  instanceId(name: string): InstanceId {
    return must(this.instances.get(name), `there is no instance called "${name}"`);
  }

  instance(name: string): InstanceRecord {
    return this.cell.instance(this.instanceId(name));
  }

  /** `web-disk`: the volume of `web`. */
  volumeId(words: string): VolumeId {
    const name = /^(.+)-disk$/.exec(words)?.[1];
    return must(name === undefined ? undefined : this.instance(name).volumes[0], `"${words}" is no volume: that of an instance "web" is "web-disk"`);
  }

  volume(words: string): VolumeRecord {
    return must(this.cell.state().volumes.get(this.volumeId(words)), `${words} is gone`);
  }

  /** The names of nodes, instances and volumes in the place of their ids; other ids are left out. */
  named(text: string): string {
    let result = text;
    for (const [name, id] of this.instances) {
      result = result.replaceAll(id, name);
      for (const volume of this.cell.state().instances.get(id)?.volumes ?? []) if (!this.#volumes.has(volume)) this.#volumes.set(volume, `${name}-disk`);
    }
    for (const [volume, name] of this.#volumes) result = result.replaceAll(volume, name);
    for (const [name, node] of this.#nodes) result = result.replaceAll(new RegExp(`\\b${node}\\b`, 'g'), name);
    return result.replaceAll(/\b(?:i|vol)-[0-9a-f]{17}\b/g, 'another').replaceAll(/\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, '...').replaceAll('coordinator-1', 'coordinator');
  }

  /** The other way: ids in the place of the story's names, for programs. */
  unnamedText(text: string): string {
    return text.split(' ').map((word) => {
      const instance = this.instances.get(word);
      if (instance !== undefined) return instance;
      return word.replaceAll(/\b([A-Za-z0-9]+)-disk\b/g, (whole, name: string) => (this.instances.has(name) ? this.volumeId(whole) : whole))
        .replaceAll(/\b([A-Za-z0-9]+)\.cfg\b/g, (_whole, name: string) => `${this.instances.get(name) ?? name}.cfg`);
    }).join(' ');
  }

  #count(event: RoomEvent): void {
    if (event.kind === 'died') this.#deaths.push(event.node as NodeId);
    if (event.kind === 'domainStarted') this.#starts.set(event.name, (this.#starts.get(event.name) ?? 0) + 1);
  }

  #mirror(instance: string): NodeId {
    const { holder } = this.instance(instance);
    const volume = this.volume(`${instance}-disk`);
    return must(volume.replicas.find((node) => node !== holder), `${instance} has no second replica`);
  }
}

function must<Value>(value: Value | null | undefined, why: string): Value {
  if (value === null || value === undefined) throw new Error(why);
  return value;
}
