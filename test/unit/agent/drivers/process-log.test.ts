/** The log of a process: a JSON line for each fact, whatever is in it. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createProcessLog } from '../../../../agent/drivers/process-log.ts';

const logs = suite('the process log');

const directory = mkdtempSync(join(tmpdir(), 'ves-log-'));
const clock = { nowMs: () => 0, wallTime: () => '2026-01-01T00:00:00.000Z' };
logs.after(() => rmSync(directory, { recursive: true, force: true }));

logs('writes time, speaker, event and values, and appends', async () => {
  const path = join(directory, 'log');
  for (const event of ['started', 'ended']) {
    const log = createProcessLog(clock, { node: 'node-1' }, path);
    log.write({ event, atMs: 5, nested: { list: [1] } });
    await log.close();
  }
  const lines = readFileSync(path, 'utf8').trim().split('\n').map((line) => JSON.parse(line) as unknown);
  assert.equal(lines, ['started', 'ended'].map((event) => ({ at: clock.wallTime(), node: 'node-1', event, atMs: 5, nested: { list: [1] } })));
});

logs('does not end a process over a value that is no plain data', async () => {
  const path = join(directory, 'odd');
  const log = createProcessLog(clock, {}, path);
  const cycle: Record<string, unknown> = {};
  cycle['self'] = cycle;
  log.write({ event: 'big', value: 12n });
  log.write({ event: 'cycle', cycle });
  await log.close();
  const [big, cyclic] = readFileSync(path, 'utf8').trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.is(big?.['value'], '12');
  assert.is(cyclic?.['event'], 'cycle');
});

logs.run();
