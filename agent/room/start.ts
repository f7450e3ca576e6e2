/**
 * How does the room come to life? Socket first (it is the lock), then the journal, then power.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { ClusterError } from '../../shared/errors.ts';
import { chance, clock, timers } from '../../shared/process/process-world.ts';
import { callHelper } from './helper.ts';
import { Journal } from './journal.ts';
import { Room } from './model/room.ts';
import type { DrbdHooks } from './model/drbd/room.ts';
import type { DrbdPort, RoomEvent, RoomRecord, RoomWorld } from './model/ports.ts';
import { NodeFiles } from './node-files.ts';
import type { RoomProcessConfig } from './room-config.ts';
import { RoomServer } from './server.ts';

/** A running room. */
export interface RunningRoom {
  readonly room: Room;
  readonly socketPath: string;
  /** Pulls the plug of the whole room: everything not on a disk is gone. */
  close(): Promise<void>;
}

/** Path of the socket below a playground's directory. */
function roomSocketPath(directory: string): string {
  return join(directory, 'room.sock');
}

/**
 * Starts a room. `onEvent` hears what happens, beside the control connections.
 *
 * @throws ClusterError `RoomAlreadyRuns`, `RoomSocketUnusable`, or what {@link Journal.open} throws; nothing is written then.
 */
export async function startRoom(config: RoomProcessConfig, createDrbd: (world: RoomWorld, hooks: DrbdHooks) => DrbdPort, onEvent: (event: RoomEvent) => void = () => undefined): Promise<RunningRoom> {
  const socketPath = roomSocketPath(config.directory);
  const files = new NodeFiles(config.directories);
  const world: RoomWorld = { clock, timers, chance };
  const edges: { journal: Journal<RoomRecord> | null; server: RoomServer | null } = { journal: null, server: null };
  const room = new Room(world, config.room, {
    readFile: (node, path) => files.read(node, path),
    digestOf: (node, path) => files.digestOf(node, path),
    callHelper: (node, bootId, event, resource) =>
      callHelper({ socketPath: config.helperSockets.get(node) ?? '', event, resource, isAlive: () => room.nodeReport(node).bootId === bootId }),
    persist: (record) => edges.journal?.append(record),
    onEvent: (event) => {
      edges.server?.onEvent(event);
      onEvent(event);
    },
  }, (hooks) => createDrbd(world, hooks));
  const server = new RoomServer(room);
  await takeSocket(server, config.directory, socketPath);
  try {
    const { journal, entries } = Journal.open<RoomRecord>(join(config.directory, 'room'), () => room.entries());
    room.restore(entries);
    edges.journal = journal;
    edges.server = server;
    room.start();
    journal.rewrite();
  } catch (thrown) {
    room.stop();
    await server.close();
    throw thrown;
  }
  return {
    room, socketPath,
    close: async () => {
      // No goodbye: what the disks have is what stays.
      room.stop();
      edges.journal?.close();
      edges.journal = null;
      await server.close();
    },
  };
}

async function takeSocket(server: RoomServer, directory: string, socketPath: string): Promise<void> {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new ClusterError('RoomSocketUnusable', `could not make the directory ${directory}`, { retryable: false, cause });
  }
  if (await answers(socketPath)) throw new ClusterError('RoomAlreadyRuns', `a machine room runs already in ${directory}: end it first, or give another directory`, { retryable: false });
  // Nobody answers: what lies there was left by a killed room.
  rmSync(socketPath, { force: true });
  await server.listen(socketPath);
}

function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(socketPath);
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
