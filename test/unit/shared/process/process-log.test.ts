/** The log of a process: a JSON line for each fact, whatever is in it. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openProcessLog } from '../../../../shared/process/process-log.ts';

const logs = suite('the process log');

const directory = mkdtempSync(join(tmpdir(), 'ves-log-'));
const clock = { nowMs: () => 0, wallTime: () => '2026-01-01T00:00:00.000Z' };
logs.after(() => rmSync(directory, { recursive: true, force: true }));

logs('writes time, speaker, event and values, and appends', async () => {
  const path = join(directory, 'log');
  for (const event of ['started', 'ended']) {
    const log = openProcessLog(clock, { who: { node: 'node-1' }, path });
    log.write({ event, atMs: 5, nested: { list: [1] } });
    await log.close();
  }
  const lines = readFileSync(path, 'utf8').trim().split('\n').map((line) => JSON.parse(line) as unknown);
  assert.equal(lines, ['started', 'ended'].map((event) => ({ at: clock.wallTime(), node: 'node-1', event, atMs: 5, nested: { list: [1] } })));
});

logs('does not end a process over a value that is no plain data', async () => {
  const path = join(directory, 'odd');
  const log = openProcessLog(clock, { who: {}, path });
  const cycle: Record<string, unknown> = {};
  cycle['self'] = cycle;
  log.write({ event: 'big', value: 12n });
  log.write({ event: 'cycle', cycle });
  await log.close();
  const [big, cyclic] = readFileSync(path, 'utf8').trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.is(big?.['value'], '12');
  assert.is(cyclic?.['event'], 'cycle');
});

logs('never grows beyond its bound: the file before is kept, the one before that is not', async () => {
  const path = join(directory, 'small');
  const bytesMax = 2_000;
  for (let round = 1; round <= 20; round += 1) {
    // A round writes less than the bound, and is on the disk when `close` resolves.
    const log = openProcessLog(clock, { who: {}, path, bytesMax });
    for (let fact = 0; fact < 10; fact += 1) log.write({ event: 'written', round, fact });
    await log.close();
  }
  const sizes = readdirSync(directory).filter((name) => name.startsWith('small')).toSorted().map((name) => statSync(join(directory, name)).size);
  assert.is(sizes.length, 2);
  for (const size of sizes) assert.ok(size <= 2 * bytesMax, `${size} bytes`);
  const facts = readFileSync(path, 'utf8').trim().split('\n').map((line) => JSON.parse(line) as { round: number });
  assert.is(facts.at(-1)?.round, 20);
});

logs('says which file it cannot write', () => {
  writeFileSync(join(directory, 'occupied'), '');
  assert.throws(() => openProcessLog(clock, { who: {}, path: join(directory, 'occupied', 'log') }), (thrown: { code?: string; message?: string }) => thrown.code === 'LogUnwritable' && thrown.message?.includes('occupied') === true);
});

logs.run();
