import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { KeptProcess } from '../../../../provisioning/playground/kept-process.ts';
import type { ProcessHooks } from '../../../../provisioning/playground/kept-process.ts';
import { RotatedLog } from '../../../../provisioning/playground/process-output.ts';
import { errorCode } from '../../../../shared/store/durable-file.ts';
import { eventually, withDirectory } from './support.ts';

const kept = suite('a kept process');
const log = suite('the log of a process');

interface Watched {
  readonly hooks: ProcessHooks;
  readonly pids: number[];
  readonly exits: string[];
}

function watch(logs: string): Watched {
  const pids: number[] = [];
  const exits: string[] = [];
  return {
    pids, exits,
    hooks: { logs, now: () => 'now', onPid: (_, pid) => { if (pid !== null) pids.push(pid); }, onExit: (_, how, words) => void exits.push(`${how} ${words}`.trim()) },
  };
}

function program(directory: string, text: string): string {
  const file = join(directory, 'program.mjs');
  writeFileSync(file, text);
  return file;
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
};

kept('is started again however it ended, with what it said', async () => {
  await withDirectory(async (directory) => {
    const watched = watch(directory);
    const file = program(directory, 'process.stderr.write("no disk\\n"); process.exit(7)');
    const one = new KeptProcess({ name: 'one', file, args: [] }, watched.hooks);
    one.start();
    await eventually('three starts', () => watched.pids.length >= 3);
    await one.kill();
    assert.is(watched.exits[0], 'exit code 7 no disk');
    assert.match(readFileSync(join(directory, 'one.jsonl'), 'utf8'), /^{"at":"now","event":"output","text":"no disk"}\n/);
    const starts = watched.pids.length;
    await new Promise((resolve) => setImmediate(resolve));
    assert.is(one.pid, null);
    assert.is(watched.pids.length, starts);
  });
});

kept('is started again after it was killed, and never again after it was stopped', async () => {
  await withDirectory(async (directory) => {
    const watched = watch(directory);
    const one = new KeptProcess({ name: 'one', file: program(directory, 'setInterval(() => {}, 1000)'), args: [] }, watched.hooks);
    one.start();
    process.kill(watched.pids[0] ?? 0, 'SIGKILL');
    await eventually('the second start', () => watched.pids.length === 2);
    await one.stop(5_000);
    assert.equal(watched.exits, ['SIGKILL']);
    assert.not.ok(isAlive(watched.pids[1] ?? 0));
  });
});

kept('that does not listen is killed after its time of grace', async () => {
  await withDirectory(async (directory) => {
    const watched = watch(directory);
    const file = program(directory, 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1000); console.log("{}")');
    const one = new KeptProcess({ name: 'one', file, args: [] }, watched.hooks);
    one.start();
    await eventually('it runs', () => existsSync(join(directory, 'one.jsonl')));
    await one.stop(50);
    assert.not.ok(isAlive(watched.pids[0] ?? 0));
  });
});

kept('never outlives its supervisor, not even one that is killed', async () => {
  await withDirectory(async (directory) => {
    const source = join(import.meta.dirname, '../../../../provisioning/playground/kept-process.ts');
    const file = program(directory, 'process.on("SIGTERM", () => {}); process.on("SIGHUP", () => {}); setInterval(() => {}, 1000)');
    const supervisor = join(directory, 'supervisor.ts');
    writeFileSync(supervisor, `import { KeptProcess } from ${JSON.stringify(source)};
      const one = new KeptProcess({ name: 'one', file: ${JSON.stringify(file)}, args: [] },
        { logs: ${JSON.stringify(directory)}, now: () => '', onPid: (_, pid) => { if (pid !== null) process.stdout.write(pid + '\\n'); }, onExit: () => {} });
      one.start();`);
    const child = spawn(process.execPath, [supervisor], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const pid = Number(line.toString());
    assert.ok(isAlive(pid));
    child.kill('SIGKILL');
    await once(child, 'exit');
    await eventually('its process is gone', () => !isAlive(pid));
  });
});

log('is rotated before it grows beyond its limit, and keeps the newest lines', async () => {
  await withDirectory((directory) => {
    const path = join(directory, 'x.jsonl');
    const rotated = new RotatedLog(path, 100);
    for (let number = 10; number < 60; number += 1) rotated.write(`line ${number}`);
    rotated.close();
    const now = readFileSync(path, 'utf8');
    const before = readFileSync(join(directory, 'x.1.jsonl'), 'utf8');
    assert.ok(now.length <= 100 && before.length <= 100);
    assert.match(`${before}${now}`, /line 58\nline 59\n$/);
    // Another process's lines are added to, and counted.
    const next = new RotatedLog(path, 100);
    next.write('x'.repeat(99));
    next.close();
    assert.is(readFileSync(path, 'utf8').length, 100);
    return Promise.resolve();
  });
});

kept.run();
log.run();
