/**
 * Does the linter really find the mistakes that its configuration bans?
 *
 * Plants each mistake in a scratch checkout that has this one's configuration, and expects the rule to speak up.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ROOT } from '../../support/tree.ts';

/** [file, code, rule that must report it; undefined where nothing may be reported] */
const PLANTED: [path: string, code: string, rule: string | undefined][] = [
  ['shared/model/clock.ts', 'export const at = Date.now();', 'no-restricted-globals'],
  ['shared/ledger/raft/timer.ts', 'export const timer = setTimeout(() => undefined, 1);', 'no-restricted-globals'],
  ['shared/wire/way-round.ts', 'export const clock = globalThis;', 'no-restricted-globals'],
  ['shared/chance.ts', 'export const draw = Math.random();', 'no-restricted-properties'],
  ['agent/machines/files.ts', `import { readFileSync } from 'node:fs';\nexport const read = readFileSync;`, 'no-restricted-imports'],
  ['agent/runtime/env.ts', 'export const env = process.env;', 'no-restricted-globals'],
  ['agent/drivers/drbd/parse-status.ts', 'export const size = Buffer.alloc(1);', 'no-restricted-globals'],
  ['agent/drivers/drbd/drbd.ts', 'export const at = Date.now();', undefined],
  ['agent/room/model/disk.ts', 'export const at = performance.now();', 'no-restricted-globals'],
  ['agent/room/main.ts', 'export const at = performance.now();', undefined],
  ['agent/floating.ts', 'async function f(): Promise<void> {}\nexport function g(): void {\n  f();\n}', 'no-floating-promises'],
  ['agent/misused.ts', 'async function f(): Promise<boolean> {\n  return await Promise.resolve(true);\n}\nexport const g = (): number => (f() ? 1 : 2);', 'no-misused-promises'],
  ['agent/callback.ts', `[1].forEach(async () => {\n  await Promise.resolve();\n});\nexport const x = 1;`, 'no-misused-promises'],
  ['agent/thenable.ts', 'export async function g(): Promise<void> {\n  await 1;\n}', 'await-thenable'],
  ['agent/unsafe.ts', `const parsed = JSON.parse('1');\nexport const x = parsed.y;`, 'no-unsafe-assignment'],
  ['agent/parsed.ts', `export const parsed: unknown = JSON.parse('1');`, undefined],
  ['agent/thrown.ts', `export function f(): never {\n  throw 'text';\n}`, 'only-throw-error'],
  ['agent/log.ts', `console.log('x');\nexport const x = 1;`, 'no-console'],
  ['agent/fallback.ts', 'export default 1;', 'no-default-export'],
  ['agent/machines/partial.ts', `export function f(event: 'a' | 'b'): number {\n  switch (event) {\n    case 'a':\n      return 1;\n    default:\n      return 0;\n  }\n}`, 'switch-exhaustiveness-check'],
];

/** Lints all plants in one go; answers `file: rule` for each report. */
function lintPlants(): Set<string> {
  const folder = mkdtempSync(join(tmpdir(), 'ves-lint-'));
  try {
    for (const name of ['.oxlintrc.json', 'tsconfig.json', 'package.json']) cpSync(join(ROOT, name), join(folder, name));
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    for (const [path, code] of PLANTED) {
      mkdirSync(join(folder, dirname(path)), { recursive: true });
      writeFileSync(join(folder, path), `${code}\n`);
    }
    const script = join(ROOT, 'node_modules/oxlint/bin/oxlint');
    const run = spawnSync(process.execPath, [script, '--type-aware', '--format', 'json'], { cwd: folder, encoding: 'utf8' });
    const report: { diagnostics: { code: string; filename: string }[] } = JSON.parse(run.stdout);
    return new Set(report.diagnostics.map(({ code, filename }) => `${filename}: ${/\(([^)]+)\)/.exec(code)?.[1] ?? code}`));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const reports = lintPlants();
const linter = suite('the linter');

for (const [path, , rule] of PLANTED) {
  linter(rule === undefined ? `accepts ${path}` : `finds ${rule} in ${path}`, () => {
    const found = [...reports].filter((report) => report.startsWith(`${path}: `));
    if (rule === undefined) assert.equal(found, []);
    else assert.ok(found.includes(`${path}: ${rule}`), `reported: ${found.join(', ') || 'nothing'}`);
  });
}

linter.run();
