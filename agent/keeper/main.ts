/**
 * How does a keeper start, and end? Wires keeper.ts to the node: `node agent/keeper/main.ts --config FILE`.
 *
 * Imports are few on purpose: this process must stay small and must not pause.
 */
import { readFileSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { join } from 'node:path';
import { openDatagrams } from '../../shared/net/datagrams.ts';
import { createSealerFrom } from '../../shared/net/lease-seal.ts';
import { serveLines } from '../../shared/net/lines.ts';
import type { LineConnection } from '../../shared/net/lines.ts';
import { openProcessLog } from '../../shared/process/process-log.ts';
import { clock, createWorld, timers } from '../../shared/process/process-world.ts';
import { describeError } from '../../shared/errors.ts';
import { readCell, writeCell } from './cell-file.ts';
import { parseKeeperConfig } from './config.ts';
import type { KeeperConfig } from './config.ts';
import { Keeper } from './keeper.ts';
import { openMachine } from './machine.ts';

async function main(): Promise<void> {
  const config = readConfig();
  const { node, clusterUuid } = config;
  const log = openProcessLog(clock, { who: { process: 'keeper', node }, path: config.logFile });
  const world = createWorld(log);
  const machine = await openMachine(config.machine, node);
  const cellFile = join(config.dataDirectory, 'keeper-cell.json');
  const colon = config.leaseListen.lastIndexOf(':');
  const socket = await openDatagrams({ host: config.leaseListen.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(config.leaseListen.slice(colon + 1)) });

  const agents = new Set<LineConnection>();
  const keeper = new Keeper(
    {
      world, wallMs: () => Date.parse(world.clock.wallTime()), node, clusterUuid, bootId: machine.bootId, machine, watchdog: machine.watchdog, datagrams: machine.plug(socket),
      sealerFor: (voters) => createSealerFrom(node, new Map(voters.map((voter) => [voter.id, voter]))),
      tellAgents: (message) => {
        for (const agent of agents) agent.send(message);
      },
      saveCell: (known) => writeCell(cellFile, known, (cause) => log.write({ event: 'cellNotSaved', level: 'warning', error: describeError(cause) })),
    },
    config.profile,
    readCell(cellFile, clusterUuid),
  );
  await serveLines(config.keeperSocket, (agent) => {
    agents.add(agent);
    agent.onMessage((value) => keeper.hear(value));
    agent.onClose(() => {
      agents.delete(agent);
      keeper.agentGone();
    });
    agent.send(keeper.lease());
  }, { timers });
  // Reading TypeScript costs this process 35 MB once and for all, reading the compile cache none: leave one behind, also when killed.
  flushCompileCache();
  log.write({ event: 'keeperStarted', bootId: machine.bootId, pid: process.pid });

  const end = (): void => {
    // What fails here is told, and the watchdog decides.
    void keeper.stop().catch((thrown: unknown) => log.write({ event: 'keeperNotStopped', level: 'alarm', error: describeError(thrown) }))
      .then(() => log.close()).then(() => process.exit(0));
  };
  process.once('SIGTERM', end);
  process.once('SIGINT', end);
}

function readConfig(): KeeperConfig {
  const at = process.argv.indexOf('--config');
  const path = at < 0 ? undefined : process.argv[at + 1];
  if (path === undefined) throw new Error('usage: node agent/keeper/main.ts --config FILE');
  return parseKeeperConfig(readFileSync(path, 'utf8'));
}

// Whoever warms the compile cache only imports this.
if (import.meta.main) {
  try {
    await main();
  } catch (thrown) {
    process.stderr.write(`keeper: ${describeError(thrown)}\n`);
    process.exit(1);
  }
}
