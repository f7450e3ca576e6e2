/**
 * Does every file import only what its zone allows, and would we notice if not?
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { existsSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join, posix } from 'node:path';
import { importsOf } from '../../support/imports.ts';
import { listSources, readText, ROOT } from '../../support/tree.ts';
import { packageOf, zoneFaults, zoneOf, ZONES } from '../../support/zones.ts';

interface Manifest {
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
}

const manifest: Manifest = JSON.parse(readText('package.json'));

/** What is wrong with the form of a specifier, whatever the zone; undefined if nothing. */
function formFault(path: string, specifier: string): string | undefined {
  if (specifier.startsWith('node:')) return isBuiltin(specifier) ? undefined : 'node has no such module';
  if (isBuiltin(specifier)) return 'write node: before the name of a node module';
  if (specifier.startsWith('.')) {
    if (!/\.(ts|mjs|json)$/.test(specifier)) return 'write the ending .ts';
    return existsSync(join(ROOT, posix.dirname(path), specifier)) ? undefined : 'there is no such file';
  }
  const isTest = path.startsWith('test/');
  const known = isTest ? { ...manifest.dependencies, ...manifest.devDependencies } : manifest.dependencies;
  return packageOf(specifier) in known ? undefined : 'package.json does not name this package';
}

function faultsOfTree(check: (path: string) => string[]): string {
  return listSources().flatMap(check).join('\n');
}

const imports = suite('the imports of every source file');

imports('stay within what their zone may import', () => {
  assert.is(
    faultsOfTree((path) => zoneFaults(path, importsOf(readText(path)))),
    '',
  );
});

imports('name existing files with their ending, node modules with node:, and declared packages', () => {
  const check = (path: string): string[] =>
    importsOf(readText(path)).flatMap(({ specifier, line }) => {
      const fault = formFault(path, specifier);
      return fault === undefined ? [] : [`${path}:${line} imports ${specifier}: ${fault}`];
    });
  assert.is(faultsOfTree(check), '');
});

imports.run();

/** [file, the line it contains, part of the fault; undefined where it is allowed] */
const PLANTED: [path: string, code: string, fault: string | undefined][] = [
  ['shared/model/node.ts', `import { readFileSync } from 'node:fs';`, 'may not use node modules'],
  ['shared/model/node.ts', `import type { Server } from 'node:net';`, 'may not use node modules'],
  ['shared/model/node.ts', `import * as v from 'valibot';`, undefined],
  ['shared/model/node.ts', `import { Level } from 'level';`, 'may not use this library'],
  ['shared/ids.ts', `export { x } from './net/peer.ts';`, 'may not import shared/net'],
  ['shared/ledger/raft/raft.ts', `import {\n  a,\n  b,\n} from '../../store/log.ts';`, 'raft.ts:4 imports'],
  ['shared/net/peer.ts', `import { createLibp2p } from 'libp2p';`, undefined],
  ['shared/net/peer.ts', `import { Level } from 'level';`, 'may not use this library'],
  ['shared/net/peer.ts', `import { x } from '../../agent/machines/lease.ts';`, 'may not import agent/machines'],
  ['shared/store/log.ts', `import { x } from '../net/peer.ts';`, 'may not import shared/net'],
  ['agent/drivers/runner.ts', `import { x } from '../../shared/process/files.ts';`, undefined],
  ['agent/runtime/loop.ts', `import { x } from '../../shared/process/files.ts';`, 'may not import shared/process'],
  ['shared/process/files.ts', `import { x } from '../net/peer.ts';`, 'may not import shared/net'],
  ['agent/machines/lease.ts', `const fs = await import('node:fs');`, 'may not use node modules'],
  ['agent/machines/lease.ts', `import * as v from 'valibot';`, 'may not use this library'],
  ['agent/machines/lease.ts', `import { x } from '../runtime/loop.ts';`, 'may not import agent/runtime'],
  ['agent/runtime/loop.ts', `import { x } from '../machines/lease.ts';`, undefined],
  ['agent/runtime/loop.ts', `import { x } from '../drivers/runner.ts';`, 'may not import agent/drivers'],
  ['agent/drivers/drbd/parse-status.ts', `import { x } from '../runner.ts';`, 'may not import agent/drivers'],
  ['agent/drivers/drbd/drbd.ts', `import { x } from './parse-status.ts';`, undefined],
  ['agent/drivers/drbd/drbd.ts', `import { x } from '../../machines/lease.ts';`, 'may not import agent/machines'],
  ['agent/keeper/main.ts', `import { x } from '../../shared/store/slot-file.ts';`, 'may not import shared/store'],
  ['agent/keeper/main.ts', `import { createHmac } from 'node:crypto';`, undefined],
  ['agent/room/model/drbd.ts', `import { x } from '../main.ts';`, 'may not import agent/room'],
  ['agent/room/main.ts', `import { x } from './model/drbd.ts';`, undefined],
  ['agent/main.ts', `import { connectRoom } from './room/client.ts';`, 'may not import agent/room'],
  ['agent/keeper/keeper.ts', `import { connectRoom } from '../room/client.ts';`, 'may not import agent/room'],
  ['agent/machine-access.ts', `import { connectRoom } from './room/client.ts';`, undefined],
  ['agent/main.ts', `import { x } from '../coordinator/app.ts';`, 'may not import coordinator'],
  ['agent/main.ts', `import { x } from '../shared/net/peer.ts';`, undefined],
  ['coordinator/app.ts', `import { Hono } from 'hono';`, undefined],
  ['coordinator/app.ts', `import { cors } from 'hono/cors';`, undefined],
  ['coordinator/app.ts', `import { x } from '../provisioning/boot/ipxe.ts';`, 'may not import provisioning'],
  ['coordinator/cli/main.ts', `import { x } from '../app.ts';`, 'may not import coordinator'],
  ['coordinator/cli/main.ts', `import { x } from '../../shared/net/peer.ts';`, 'may not import shared/net'],
  ['provisioning/playground/main.ts', `import { x } from '../../agent/main.ts';`, 'may not import agent'],
  ['provisioning/playground/main.ts', `import { x } from '../../test/support/tree.ts';`, 'nothing imports tests'],
  ['shared/ids.ts', ` * import { x } from 'node:fs';`, undefined],
];

const planted = suite('a planted import');

for (const [path, code, fault] of PLANTED) {
  planted(`${fault === undefined ? 'is allowed' : 'is found'}: ${path}: ${code.replaceAll('\n', ' ')}`, () => {
    const faults = zoneFaults(path, importsOf(code));
    if (fault === undefined) assert.equal(faults, []);
    else assert.ok(faults.length === 1 && faults[0]?.includes(fault), `found: ${JSON.stringify(faults)}`);
  });
}

planted('is found when it has no ending, names no file, or is not declared', () => {
  assert.is(formFault('shared/ids.ts', './errors'), 'write the ending .ts');
  assert.is(formFault('shared/ids.ts', './nowhere-to-be-found.ts'), 'there is no such file');
  assert.is(formFault('shared/ids.ts', 'fs'), 'write node: before the name of a node module');
  assert.is(formFault('shared/ids.ts', 'left-pad'), 'package.json does not name this package');
  assert.is(formFault('shared/ids.ts', 'uvu'), 'package.json does not name this package');
  assert.is(formFault('test/unit/x.test.ts', 'uvu'), undefined);
});

planted.run();

interface LintConfig {
  overrides: { files: string[]; rules: Record<string, unknown> }[];
}

const zones = suite('the zone table');

zones('names the same pure files as the linter', () => {
  const config: LintConfig = JSON.parse(readText('.oxlintrc.json').replace(/^\s*\/\/.*$/gm, ''));
  const globs = config.overrides.find((override) => 'no-restricted-globals' in override.rules)?.files ?? [];
  const paths = [...new Set([...listSources(), ...PLANTED.map(([path]) => path)])].filter((path) => !path.startsWith('test/'));
  const differs = paths.filter((path) => globs.some((glob) => posix.matchesGlob(path, glob)) !== (zoneOf(path)?.isPure ?? false));
  assert.equal(differs, []);
  assert.ok(paths.some((path) => zoneOf(path)?.isPure));
});

zones('refers only to zones that it defines', () => {
  const names = new Set(ZONES.map((zone) => zone.name));
  for (const zone of ZONES) for (const other of zone.zones) assert.ok(names.has(other), `${zone.name} → ${other}`);
});

zones('has a place for every source file outside of tests', () => {
  assert.equal(
    listSources().filter((path) => !path.startsWith('test/') && zoneOf(path) === undefined),
    [],
  );
});

zones.run();
