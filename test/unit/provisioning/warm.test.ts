/**
 * Is a warmed program started without stripping its types again?
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../../support/tree.ts';

const folder = mkdtempSync(join(tmpdir(), 'ves-warm-'));
const program = join(folder, 'program.ts');

function node(args: string[], cache: string | undefined): { status: number | null; stderr: string } {
  const { NODE_COMPILE_CACHE: _ours, ...env } = process.env;
  const own = cache === undefined ? env : { ...env, NODE_COMPILE_CACHE: cache };
  return spawnSync(process.execPath, args, { env: { ...own, NODE_DEBUG_NATIVE: 'COMPILE_CACHE' }, encoding: 'utf8' });
}

/** Whether Node says that it took the stripped program from the cache. */
function isFromCache(stderr: string): boolean {
  return new RegExp(`${program}.*accept`).test(stderr.replaceAll('file://', ''));
}

const warming = suite('warming a program');

warming.before(() => {
  writeFileSync(join(folder, 'part.ts'), `export const part: string = 'part';\n`);
  writeFileSync(program, `import { part } from './part.ts';\nif (import.meta.main) process.exit(part.length);\nexport const x: number = 1;\n`);
});

warming.after(() => rmSync(folder, { recursive: true, force: true }));

warming('makes its first start find the stripped text', () => {
  const cache = join(folder, 'cache');
  assert.is(node([join(ROOT, 'provisioning/warm.ts'), program], cache).status, 0);
  const started = node([program], cache);
  assert.is(started.status, 4);
  assert.ok(isFromCache(started.stderr), started.stderr);
});

warming('is needed: without it the first start does not find it', () => {
  const started = node([program], join(folder, 'cold'));
  assert.is(started.status, 4);
  assert.not(isFromCache(started.stderr), started.stderr);
});

warming('says with its exit code that there is no cache', () => {
  assert.is(node([join(ROOT, 'provisioning/warm.ts'), program], undefined).status, 3);
});

warming.run();
