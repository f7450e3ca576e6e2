// deadline: 120 s
/** Is a seed's trace the same in every process? */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TRACE_VERSION } from '../../sim/trace.ts';

const MAIN = join(import.meta.dirname, '../../sim/main.ts');
const SEEDS = [30, 46];

const run = async (args: readonly string[]): Promise<readonly { readonly hash: string; readonly strikes: number }[]> => {
  const { stdout } = await promisify(execFile)(process.execPath, [MAIN, ...args, '--json']);
  return stdout.trim().split('\n').map((line) => JSON.parse(line) as { hash: string; strikes: number });
};

const determinism = suite('a trace');

for (const seed of SEEDS) {
  determinism(`of seed ${seed} is the same in two processes, whatever ran before`, async () => {
    const args = ['--hours', '0.01'];
    const [[alone], [, second]] = await Promise.all([run(['--seed', `${seed}`, ...args]), run(['--seeds', `${seed - 1}..${seed}`, ...args])]);
    assert.is(alone?.hash, second?.hash);
    assert.ok((alone?.strikes ?? 0) > 0, 'something happened');
  });
}

determinism('begins with all that a replay needs, and tells every fact with its time and who told it', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'ves-trace-'));
  try {
    const path = join(directory, 'trace.jsonl');
    const [result] = await run(['--seed', '2', '--hours', '0.02', '--trace', path]);
    const lines = readFileSync(path, 'utf8').trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
    const [head, ...facts] = lines;
    assert.is(head?.['version'], TRACE_VERSION);
    assert.is(head?.['seed'], 2);
    assert.ok(Array.isArray((head?.['plan'] as { rounds?: unknown } | undefined)?.rounds));
    assert.ok(facts.every((fact) => typeof fact['event'] === 'string' && typeof fact['atMs'] === 'number' && typeof fact['who'] === 'string'), 'each has event, atMs and who');
    assert.is(facts.filter((fact) => fact['event'] === 'strike').length, result?.strikes);
    let lastMs = 0;
    for (const { atMs } of facts) {
      assert.ok((atMs as number) >= lastMs, 'in order');
      lastMs = atMs as number;
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
});

determinism.run();
