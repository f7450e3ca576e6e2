/**
 * How does a coordinator's process start, and end? `node coordinator/main.ts --config FILE`.
 *
 * Exit codes: 0 after SIGTERM or SIGINT, 1 when it could not start or had to stop, 2 for a wrong command line.
 */
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { ClusterError, describeError } from '../shared/errors.ts';
import { openProcessLog } from '../shared/process/process-log.ts';
import { clock, createWorld } from '../shared/process/process-world.ts';
import { parseCoordinatorConfig } from './config.ts';
import type { CoordinatorConfig } from './config.ts';
import { startCoordinator } from './coordinator.ts';

const USAGE = 'usage: node coordinator/main.ts --config FILE\n';
/** An orderly end that takes longer than this is cut short. */
const STOP_MS_MAX = 8_000;

async function readConfig(path: string): Promise<CoordinatorConfig> {
  try {
    return parseCoordinatorConfig(await readFile(path, 'utf8'));
  } catch (cause) {
    if (cause instanceof ClusterError) throw new ClusterError(cause.code, `${path}: ${cause.message}`, { retryable: false });
    throw new ClusterError('ConfigUnreadable', `cannot read the configuration ${path}`, { retryable: false, cause });
  }
}

async function main(path: string): Promise<void> {
  const config = await readConfig(path);
  const log = openProcessLog(clock, { who: { process: 'coordinator', coordinator: config.member }, path: config.logFile });
  const leave = async (code: number): Promise<never> => {
    await log.close();
    process.exit(code);
  };
  process.on('uncaughtException', (error) => {
    log.write({ event: 'coordinatorCrashed', level: 'alarm', reason: describeError(error), stack: error.stack });
    process.stderr.write(`coordinator: ${describeError(error)}\n`);
    void leave(1); // Ends the process whatever happens.
  });
  const fatal = (error: unknown): void => {
    log.write({ event: 'ledgerStoreFailed', level: 'alarm', reason: describeError(error) });
    process.stderr.write(`coordinator: the ledger's store failed, so this process ends: ${describeError(error)}\n`);
    void leave(1); // As above.
  };
  const coordinator = await startCoordinator(config, createWorld(log), fatal);
  log.write({ event: 'coordinatorStarted', pid: process.pid, host: config.http.host, port: coordinator.httpPort, mesh: coordinator.meshAddresses });

  const end = (signal: string): void => {
    log.write({ event: 'coordinatorStopping', signal });
    setTimeout(() => process.exit(1), STOP_MS_MAX).unref();
    void coordinator.stop().then(async () => {
      log.write({ event: 'coordinatorStopped' });
      await leave(0);
    }).catch(async (error: unknown) => {
      log.write({ event: 'coordinatorNotStopped', level: 'warning', reason: describeError(error) });
      await leave(1);
    });
  };
  process.once('SIGTERM', end);
  process.once('SIGINT', end);
}

function configPath(): string {
  try {
    const { values } = parseArgs({ options: { config: { type: 'string' } }, strict: true });
    if (values.config !== undefined) return values.config;
  } catch (error) {
    process.stderr.write(`coordinator: ${describeError(error)}\n`);
  }
  process.stderr.write(USAGE);
  process.exit(2);
}

// Whoever warms the compile cache only imports this.
if (import.meta.main) {
  const path = configPath();
  try {
    await main(path);
  } catch (thrown) {
    process.stderr.write(`coordinator: ${describeError(thrown)}\n`);
    process.exit(1);
  }
}
