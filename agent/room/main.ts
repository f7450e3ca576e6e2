/**
 * How does the process of the simulated machine room start, and end?
 *
 *     node agent/room/main.ts --config FILE
 *
 * Prints one line of JSON when it serves (`{"event": "roomReady", "socket": ...}`), ends cleanly on SIGTERM and SIGINT,
 * and says in one sentence on standard error why it cannot start (exit code 1). For the file see room-config.ts.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { ClusterError, describeError } from '../../shared/errors.ts';
import { DrbdRoom } from './model/drbd/room.ts';
import { parseRoomConfig } from './room-config.ts';
import { startRoom } from './start.ts';

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { config: { type: 'string' } } });
  if (values.config === undefined) throw new ClusterError('InvalidConfig', 'give the room its configuration: --config FILE', { retryable: false });
  const config = parseRoomConfig(readConfig(values.config));
  const running = await startRoom(config, ({ clock, timers, chance }, hooks) => new DrbdRoom(clock, timers, chance, hooks));
  let isEnding = false;
  const end = (): void => {
    if (isEnding) return;
    isEnding = true;
    running.close().then(() => process.exit(0), fail);
  };
  process.on('SIGTERM', end);
  process.on('SIGINT', end);
  // The supervisor waits for this line.
  process.stdout.write(`${JSON.stringify({ event: 'roomReady', socket: running.socketPath, nodes: config.room.nodes.map(({ id }) => id) })}\n`);
}

function readConfig(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new ClusterError('InvalidConfig', `could not read the room's configuration ${path}`, { retryable: false, cause });
  }
}

function fail(thrown: unknown): void {
  process.stderr.write(`machine room: ${describeError(thrown)}\n`);
  process.exit(1);
}

// Whoever warms the compile cache only imports this.
if (import.meta.main) {
  process.on('uncaughtException', fail);
  main().catch(fail);
}
