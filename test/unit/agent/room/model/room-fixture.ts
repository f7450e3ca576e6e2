/**
 * A room in virtual time for tests, with its nodes' files in memory and, where no DRBD is meant, none.
 */
import { VirtualWorld } from '../../../../support/virtual-world.ts';
import { roomConfig } from '../../../../../agent/room/model/config.ts';
import type { RoomConfig } from '../../../../../agent/room/model/config.ts';
import { Room } from '../../../../../agent/room/model/room.ts';
import type { DrbdHooks } from '../../../../../agent/room/model/drbd/room.ts';
import type { DrbdPort, RoomEvent, RoomRecord, RoomWorld } from '../../../../../agent/room/model/ports.ts';
import type { RunResult } from '../../../../../shared/world.ts';

export const INSTANCE = 'i-0123456789abcdef0';
export const IMAGE_DIGEST = 'a'.repeat(64);
const IMAGE_BYTES = 64 * 1024 * 1024;

/** A DRBD model without any resource. */
export function noDrbd(): DrbdPort {
  return {
    run: () => Promise.resolve({ exitCode: 20, stdout: '', stderr: 'no DRBD here\n' }),
    stream: (_node, _argv, reader) => ({ stop: () => reader.onEnd('stopped') }),
    nodeDown: () => undefined, linkChanged: () => undefined, diskFailed: () => undefined,
    device: () => null, isBacking: () => false,
  };
}

export interface TestRoom {
  readonly world: VirtualWorld;
  readonly room: Room;
  readonly events: RoomEvent[];
  readonly records: RoomRecord[];
  readonly files: Map<string, string>;
  readonly helperCalls: { node: string; event: string; resource: string }[];
  bootId(node: string): string;
  /** Runs a program and moves time on until it has ended. */
  run(node: string, argv: readonly string[], stdin?: string): Promise<RunResult>;
  /** Same, and throws unless it exits 0. */
  must(node: string, argv: readonly string[], stdin?: string): Promise<string>;
}

export interface TestRoomOptions {
  readonly config?: RoomConfig;
  readonly records?: readonly RoomRecord[];
  readonly createDrbd?: (world: RoomWorld, hooks: DrbdHooks) => DrbdPort;
  readonly callHelper?: (node: string, event: string, resource: string) => Promise<number>;
  readonly seed?: number;
}

/** A room whose nodes are up. */
export async function startTestRoom(options: TestRoomOptions = {}): Promise<TestRoom> {
  const world = new VirtualWorld(options.seed ?? 1);
  const events: RoomEvent[] = [];
  const records: RoomRecord[] = [...(options.records ?? [])];
  const files = new Map<string, string>();
  const helperCalls: TestRoom['helperCalls'] = [];
  const config = options.config ?? roomConfig(2, { bmcPassword: 'secret' });
  const room = new Room(world, config, {
    readFile: (node, path) => files.get(`${node}:${path}`) ?? files.get(path) ?? null,
    digestOf: (_node, path) => Promise.resolve(path === `/images/${IMAGE_DIGEST}` ? { sizeBytes: IMAGE_BYTES, digest: IMAGE_DIGEST } : null),
    callHelper: (node, _bootId, event, resource) => {
      helperCalls.push({ node, event, resource });
      return options.callHelper?.(node, event, resource) ?? new Promise(() => undefined);
    },
    persist: (record) => void records.push(structuredClone(record)),
    onEvent: (event) => void events.push(event),
  }, (hooks) => options.createDrbd?.(world, hooks) ?? noDrbd());
  room.restore(options.records ?? []);
  room.start();
  await world.advance(config.timings.bootMs);
  const bootId = (node: string): string => {
    const id = room.nodeReport(node).bootId;
    if (id === null) throw new Error(`${node} is down`);
    return id;
  };
  const run = async (node: string, argv: readonly string[], stdin = ''): Promise<RunResult> => {
    let result: RunResult | null = null;
    let failure: Error | null = null;
    room.run(node, bootId(node), argv, stdin).then((value) => {
      result = value;
    }, (thrown: Error) => {
      failure = thrown;
    });
    await world.until(`${argv.join(' ')} on ${node}`, () => result !== null || failure !== null, 60_000);
    if (failure !== null) throw failure as Error;
    if (result === null) throw new Error('no result');
    return result;
  };
  const must = async (node: string, argv: readonly string[], stdin = ''): Promise<string> => {
    const result = await run(node, argv, stdin);
    if (result.exitCode !== 0) throw new Error(`${argv.join(' ')} on ${node}: exit ${result.exitCode}: ${result.stderr}`);
    return result.stdout;
  };
  return { world, room, events, records, files, helperCalls, bootId, run, must };
}

/** Puts a domain's configuration on a node; its disk is `device`. */
export function putDomainConfig(test: TestRoom, node: string, device: string, change: Readonly<Record<string, string>> = {}): string {
  const values = { name: `"${INSTANCE}"`, kernel: '"/boot/vmlinuz-domu"', memory: '128', vcpus: '1', disk: `[ "format=raw,vdev=xvda,access=rw,backendtype=phy,target=${device}" ]`, vif: '[ "mac=00:16:3e:00:00:01,bridge=xenbr0" ]', ...change };
  const path = `/etc/xen/${values.name.replaceAll('"', '')}.cfg`;
  test.files.set(`${node}:${path}`, Object.entries(values).map(([key, value]) => `${key} = ${value}\n`).join(''));
  return path;
}

/** A running guest on a logical volume of the node (no DRBD). */
export async function startGuest(test: TestRoom, node: string): Promise<void> {
  await test.must(node, ['lvcreate', '-y', '-Wn', '-Zn', '-n', 'root', '-L', '1g', 'vg0']);
  await test.must(node, ['dd', `if=/images/${IMAGE_DIGEST}`, 'of=/dev/vg0/root', 'bs=4M', 'conv=fsync']);
  await test.must(node, ['xl', 'create', '-q', putDomainConfig(test, node, '/dev/vg0/root')]);
}
