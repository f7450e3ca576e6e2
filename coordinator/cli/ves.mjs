#!/usr/bin/env node
/**
 * How does `npx ves` reach the TypeScript CLI when the user's own Node may be too old to run it?
 *
 * It starts main.ts on the Node that the checkout's packages brought along, and is otherwise invisible: same
 * arguments, same streams, same exit code. A checkout that is not set up yet is set up first.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, realpathSync } from 'node:fs';
import { constants } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = resolve(realpathSync(fileURLToPath(import.meta.url)), '../../..');
const STAMP = join(ROOT, 'node_modules/.setup-stamp');
const MAIN = join(ROOT, 'coordinator/cli/main.ts');

if (!existsSync(STAMP)) {
  const setup = spawnSync(process.execPath, [join(ROOT, 'provisioning/setup.mjs')], { stdio: ['ignore', 'inherit', 'inherit'] });
  if (setup.status !== 0) process.exit(setup.status ?? 1);
}

const packaged = join(ROOT, 'node_modules/.bin/node');
const child = spawn(existsSync(packaged) ? packaged : process.execPath, [MAIN, ...process.argv.slice(2)], {
  env: { ...process.env, NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? join(ROOT, 'node_modules/.cache/compile') },
  stdio: 'inherit',
});
// A terminal delivers Ctrl-C to the child as well; other signals come to us alone and are passed on.
process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'));
for (const signal of /** @type {const} */ (['SIGTERM', 'SIGHUP', 'SIGQUIT'])) process.on(signal, () => child.kill(signal));
const [code, signal] = await once(child, 'close');
process.exitCode = code ?? 128 + (constants.signals[/** @type {NodeJS.Signals} */ (signal)] ?? 0);
