/** The runner of real programs: no shell, fixed directories, limits on time and output. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createRunner } from '../../../../agent/drivers/runner.ts';

const runner = suite('the runner');

const real = createRunner();
const options = { timeoutMs: 10_000 };
const directory = mkdtempSync(join(tmpdir(), 'ves-runner-'));
const code = async (promise: Promise<unknown>): Promise<string | undefined> => await promise.then(() => undefined, (thrown: { code?: string }) => thrown.code);

runner.after(() => rmSync(directory, { recursive: true, force: true }));

runner('gives exit code, output and errors as they are', async () => {
  assert.equal(await real.run(['sh', '-c', 'echo out; echo err >&2; exit 7'], options), { exitCode: 7, stdout: 'out\n', stderr: 'err\n' });
});

runner('hands arguments over as they are, never to a shell', async () => {
  assert.is((await real.run(['printf', '%s|', '$HOME', '`id`', 'a b', ''], options)).stdout, '$HOME|`id`|a b||');
});

runner('hands over standard input, and closes it', async () => {
  assert.is((await real.run(['cat'], { ...options, stdin: 'a secret' })).stdout, 'a secret');
  assert.is((await real.run(['cat'], options)).stdout, '');
});

runner('runs in the C locale, with nothing else of its environment', async () => {
  const { stdout } = await real.run(['env'], options);
  assert.match(stdout, /^LC_ALL=C$/m);
  assert.not.match(stdout, /NODE|USER/);
});

runner('finds programs in its own directories only', async () => {
  writeFileSync(join(directory, 'mine'), '#!/bin/sh\necho mine\n', { mode: 0o700 });
  assert.is(await code(real.run(['mine'], options)), 'ProgramNotStarted');
  assert.is((await createRunner([directory]).run(['mine'], options)).stdout, 'mine\n');
  for (const name of ['../bin/true', '', 'no-such-program']) assert.is(await code(real.run([name], options)), 'ProgramNotStarted', name);
});

runner('ends the whole process group at the deadline', async () => {
  const pidFile = join(directory, 'pid');
  assert.is(await code(real.run(['sh', '-c', `sleep 60 & echo $! > ${pidFile}; wait`], { timeoutMs: 300 })), 'ProgramTimeout');
  const pid = Number(readFileSync(pidFile, 'utf8'));
  for (let tries = 0; tries < 1000; tries += 1) {
    // A killed orphan may stay a zombie until someone reaps it: that is dead enough.
    const state = (() => {
      try {
        return /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1];
      } catch {
        return 'gone';
      }
    })();
    if (state === 'gone' || state === 'Z') return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.unreachable('the child still runs');
});

runner('stops a program that prints without end', async () => {
  assert.is(await code(real.run(['yes'], options)), 'ProgramOutputTooLarge');
});

runner('gives the lines of a stream, and its end once', async () => {
  const lines: string[] = [];
  const ends: string[] = [];
  await new Promise<void>((resolve) => {
    real.stream(['sh', '-c', 'echo one; echo two; exit 3'], {
      onLine: (line) => void lines.push(line),
      onEnd: (reason) => {
        ends.push(reason);
        resolve();
      },
    });
  });
  assert.equal(lines, ['one', 'two']);
  assert.equal(ends, ['exit 3']);
});

runner('ends a stream that is stopped, or that never began', async () => {
  const ended = (argv: readonly string[], stopAtOnce: boolean): Promise<string> => new Promise((resolve) => {
    const stream = real.stream(argv, {
      onLine: () => stream.stop(),
      onEnd: resolve,
    });
    if (stopAtOnce) stream.stop();
  });
  assert.is(await ended(['sh', '-c', 'echo go; sleep 60'], false), 'ended by SIGKILL');
  assert.is(await ended(['sleep', '60'], true), 'ended by SIGKILL');
  assert.match(await ended(['no-such-program'], false), 'no such program');
});

runner.run();
