/**
 * Is this checkout ready to run, and if not, what makes it so?
 *
 *     node provisioning/setup.mjs                     installs what is missing, and ends
 *     node provisioning/setup.mjs FILE.ts [ARG ...]   the same, then runs FILE.ts on Node 24
 *
 * Every npm script starts here, so that a fresh clone needs no command before the one its user wants.
 * Plain JavaScript without dependencies: it runs before anything is installed, on whatever Node (18 or
 * later) the machine has. When the installed packages match the lockfile it only compares two hashes; and when the keeper's
 * sources did not change since it was compiled, it only looks whether the program is there.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildKeeper } from './build-keeper.mjs';

const ROOT = resolve(fileURLToPath(import.meta.url), '../..');
const MODULES = join(ROOT, 'node_modules');
const STAMP = join(MODULES, '.setup-stamp');
const LOCK = join(ROOT, '.setup-lock');

/** Native type stripping without a flag, `using` and the compile cache for TypeScript: all there since Node 24. */
const NODE_MAJOR_MIN = 24;

/** How long one set-up waits for another that installs in the same checkout; an install takes about 30 s. */
const LOCK_WAIT_MS = 10 * 60_000;

/** A failure that its reader can do something about: printed as one sentence, without a stack. */
class SetupError extends Error {}

/** What the installed packages depend on. A different hash means: install again. */
function wantedStamp() {
  const hash = createHash('sha256');
  for (const name of ['package.json', 'package-lock.json', '.npmrc']) {
    try {
      hash.update(name).update(readFileSync(join(ROOT, name)));
    } catch (cause) {
      throw new SetupError(`${name} cannot be read (${reasonOf(cause)}): the checkout is incomplete; restore it with git.`);
    }
  }
  return `${hash.digest('hex')} ${process.platform} ${process.arch}\n`;
}

function isInstalled() {
  return existsSync(STAMP) && readFileSync(STAMP, 'utf8') === wantedStamp();
}

/** @param {unknown} error */
function reasonOf(error) {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return reasonOf(error) === 'EPERM';
  }
}

/** Reads the owner of a lock file; 0 when there is none. @param {string} path */
function lockOwner(path) {
  try {
    return Number(readFileSync(path, 'utf8')) || 0;
  } catch {
    return 0;
  }
}

/**
 * Takes the lock if it is free or its owner is dead. A lock file is linked into place complete, so it is
 * never seen empty; a dead owner's file is renamed away first and looked at again, because another set-up
 * may have replaced it in between.
 */
function tryLock() {
  const mine = `${LOCK}.${process.pid}`;
  writeFileSync(mine, `${process.pid}\n`);
  try {
    linkSync(mine, LOCK);
    return true;
  } catch (error) {
    if (reasonOf(error) !== 'EEXIST') throw error;
  } finally {
    unlinkSync(mine);
  }
  if (isAlive(lockOwner(LOCK) || process.pid)) return false;
  const stale = `${LOCK}.stale.${process.pid}`;
  try {
    renameSync(LOCK, stale);
  } catch (error) {
    if (reasonOf(error) === 'ENOENT') return false;
    throw error;
  }
  try {
    if (isAlive(lockOwner(stale))) linkSync(stale, LOCK);
  } finally {
    unlinkSync(stale);
  }
  return false;
}

async function lock() {
  const startedMs = Date.now();
  for (let tries = 0; !tryLock(); tries++) {
    if (tries === 20) process.stderr.write('setup: waiting for another set-up of this checkout\n');
    if (Date.now() - startedMs > LOCK_WAIT_MS) {
      throw new SetupError(`another set-up (process ${lockOwner(LOCK)}) has held ${LOCK} for 10 minutes; end it, or delete that file.`);
    }
    await new Promise((done) => setTimeout(done, 50));
  }
}

/**
 * The npm that started us, or the one on the PATH. Never run by a Node from node_modules, which `npm ci` deletes
 * before it installs.
 */
function npmCommand() {
  const script = process.env['npm_execpath'];
  const node = process.env['npm_node_execpath'];
  if (script?.endsWith('.js') && node && !node.startsWith(MODULES) && existsSync(script)) return [node, script];
  return ['npm'];
}

function pathWithoutModules() {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders.filter((folder) => !folder.startsWith(MODULES)).join(delimiter);
}

function install() {
  process.stderr.write('setup: installing packages (once per change of the lockfile, about 30 s)\n');
  const [command = 'npm', ...first] = npmCommand();
  const result = spawnSync(command, [...first, 'ci', '--no-progress', '--loglevel=error'], {
    cwd: ROOT,
    env: { ...process.env, PATH: pathWithoutModules() },
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (result.error) {
    throw new SetupError(`npm could not be started (${reasonOf(result.error)}): install npm 9 or later.`);
  }
  if (result.status !== 0) {
    const lines = `${result.stderr}\n${result.stdout}`.trim().split('\n').slice(0, 15);
    const how = result.signal ? `was ended by ${result.signal}` : `failed with exit code ${result.status}`;
    throw new SetupError(
      `npm ci ${how}, so nothing can run yet. Check that the npm registry can be reached, then try again. npm said:\n  ${lines.join('\n  ')}`,
    );
  }
}

/** npm links the commands of dependencies, not the checkout's own: without this `npx ves` would not be found. */
function linkOwnCommands() {
  /** @type {{ bin?: Record<string, string> }} */
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  mkdirSync(join(MODULES, '.bin'), { recursive: true });
  for (const [name, target] of Object.entries(manifest.bin ?? {})) {
    const link = join(MODULES, '.bin', name);
    rmSync(link, { force: true });
    symlinkSync(join('../..', target), link);
  }
}

/** Installs what the lockfile names unless that is done already. Safe to call from several processes at once. */
async function ensureInstalled() {
  if (isInstalled()) return;
  await lock();
  try {
    if (isInstalled()) return; // another set-up did it while we waited
    install();
    linkOwnCommands();
    writeFileSync(STAMP, wantedStamp());
  } finally {
    rmSync(LOCK, { force: true });
  }
}

/** Compiles the keeper unless that is done already. Without a compiler there is another keeper; a program that does not compile is a fault. */
function ensureKeeper() {
  const outcome = buildKeeper(ROOT);
  if (outcome.kind === 'failed') throw new SetupError(outcome.words);
  if (outcome.kind === 'noCompiler') process.stderr.write(`setup: ${outcome.words}\n`);
}

/** The Node that came with the packages; the user's own where there is no package for this platform and it is new enough. */
function findNode() {
  const installed = join(MODULES, '.bin/node');
  if (existsSync(installed)) return installed;
  if (Number(process.versions.node.split('.')[0]) >= NODE_MAJOR_MIN) return process.execPath;
  throw new SetupError(
    `there is no packaged Node ${NODE_MAJOR_MIN} for ${process.platform} ${process.arch}, and this is Node ${process.versions.node}: install Node ${NODE_MAJOR_MIN} or later.`,
  );
}

/**
 * Runs a program on Node 24 in this process's place: its exit code, and the signals sent to us, are the program's.
 *
 * @param {string} file
 * @param {string[]} args
 */
async function run(file, args) {
  const node = findNode();
  if (!existsSync(join(ROOT, file))) throw new SetupError(`${file} is not in this checkout.`);
  const env = {
    ...process.env,
    // Types are then stripped once per change of a file, not at every start of every process.
    NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? join(MODULES, '.cache/compile'),
    PATH: `${join(MODULES, '.bin')}${delimiter}${pathWithoutModules()}`,
  };
  const argv = [join(ROOT, file), ...args];
  const child = spawn(node, argv, { env, stdio: 'inherit' });
  // On a terminal Ctrl-C reaches the whole process group by itself; a second SIGINT would look like impatience.
  process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'));
  for (const signal of /** @type {const} */ (['SIGTERM', 'SIGHUP', 'SIGQUIT'])) process.on(signal, () => child.kill(signal));
  const [code, signal] = await once(child, 'close');
  process.exitCode = code ?? 128 + (constants.signals[/** @type {NodeJS.Signals} */ (signal)] ?? 0);
}

try {
  await ensureInstalled();
  ensureKeeper();
  const [file, ...args] = process.argv.slice(2);
  if (file !== undefined) await run(file, args);
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  process.stderr.write(`setup: ${error.message}\n`);
  process.exitCode = 1;
}
