/**
 * Does a checkout set itself up once, safely, and then hand over to the program?
 *
 * Runs the real setup.mjs in scratch checkouts with a stand-in for npm, which notes each install in `installs` and puts the
 * Node of this test where the packages' Node would be.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../../support/tree.ts';

const NPM = `
import fs from 'node:fs';
fs.appendFileSync('installs', process.argv.slice(2).join(' ') + '\\n');
if (fs.existsSync('registry-is-down')) { console.error('npm error network: no answer'); process.exit(1); }
fs.rmSync('node_modules', { recursive: true, force: true });
fs.mkdirSync('node_modules/.bin', { recursive: true });
fs.symlinkSync(process.execPath, 'node_modules/.bin/node');
`;

interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** A stand-in for cc, which notes each program that it makes in `compiles`; what fails is said in files, as above. */
const CC = `#!${process.execPath}
const fs = require('node:fs');
const words = process.argv.slice(2);
if (fs.existsSync('no-headers')) process.exit(1);
const output = words[words.indexOf('-o') + 1];
if (output === '/dev/null') process.exit(0);
if (fs.existsSync('faulty-source')) { console.error('main.c:1: error: no such thing'); process.exit(1); }
fs.appendFileSync('compiles', words.join(' ') + '\\n');
fs.writeFileSync(output, 'keeper', { mode: 0o755 });
`;

/** A scratch checkout: the real setup.mjs, a lockfile, and programs to run. */
class Checkout {
  readonly folder = mkdtempSync(join(tmpdir(), 'ves-setup-'));
  compiler = 'cc.cjs';

  constructor() {
    mkdirSync(join(this.folder, 'provisioning'));
    for (const file of ['setup.mjs', 'build-keeper.mjs']) cpSync(join(ROOT, 'provisioning', file), join(this.folder, 'provisioning', file));
    mkdirSync(join(this.folder, 'agent/keeper/native'), { recursive: true });
    this.write('agent/keeper/native/main.c', 'int main(void) { return 0; }\n');
    this.write('package.json', JSON.stringify({ type: 'module', bin: { ves: 'ves.mjs' } }));
    this.write('package-lock.json', '{}');
    this.write('.npmrc', '');
    this.write('ves.mjs', '');
    this.write('npm.js', NPM);
    this.write('cc.cjs', CC);
    chmodSync(join(this.folder, 'cc.cjs'), 0o755);
    this.write('echo.ts', `const args: string[] = process.argv.slice(2);\nconsole.log(JSON.stringify(args));\nprocess.exitCode = 7;\n`);
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.folder, name), text);
  }

  start(args: string[]): ChildProcess {
    const env = { ...process.env, npm_execpath: join(this.folder, 'npm.js'), npm_node_execpath: process.execPath, CC: join(this.folder, this.compiler) };
    return spawn(process.execPath, ['provisioning/setup.mjs', ...args], { cwd: this.folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
  }

  async run(...args: string[]): Promise<Outcome> {
    return await outcomeOf(this.start(args));
  }

  installCount(): number {
    return this.#lineCount('installs');
  }

  compileCount(): number {
    return this.#lineCount('compiles');
  }

  #lineCount(name: string): number {
    const path = join(this.folder, name);
    return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n').length : 0;
  }

  keepers(): string[] {
    const cache = join(this.folder, 'node_modules/.cache/ves-keeper');
    return existsSync(cache) ? readdirSync(cache, { recursive: true }).map(String).filter((name) => name.includes('/')) : [];
  }

  locks(): string[] {
    return readdirSync(this.folder).filter((name) => name.startsWith('.setup-lock'));
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function outcomeOf(child: ChildProcess): Promise<Outcome> {
  const outcome: Outcome = { code: null, stdout: '', stderr: '' };
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (outcome.stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (outcome.stderr += text));
  [outcome.code] = await once(child, 'close');
  return outcome;
}

const setup = suite<{ checkout: Checkout }>('the set-up', { checkout: undefined as unknown as Checkout });

setup.before.each((context) => {
  context.checkout = new Checkout();
});
setup.after.each(({ checkout }) => checkout.remove());

setup('installs once, then is silent, and installs again when the lockfile changed', async ({ checkout }) => {
  assert.match((await checkout.run()).stderr, 'installing packages');
  assert.is(readFileSync(join(checkout.folder, 'installs'), 'utf8').slice(0, 3), 'ci ');
  assert.equal(await checkout.run(), { code: 0, stdout: '', stderr: '' });
  assert.is(checkout.installCount(), 1);
  checkout.write('package-lock.json', '{ "changed": true }');
  await checkout.run();
  assert.is(checkout.installCount(), 2);
});

setup('compiles the keeper once, and again when a source of it changed', async ({ checkout }) => {
  await checkout.run();
  await checkout.run();
  assert.is(checkout.compileCount(), 1);
  assert.match(readFileSync(join(checkout.folder, 'compiles'), 'utf8'), /-Werror .*-static .*main\.c/);
  checkout.write('agent/keeper/native/main.c', 'int main(void) { return 1; }\n');
  await checkout.run();
  assert.is(checkout.compileCount(), 2);
  assert.is(checkout.keepers().length, 2, 'and leaves no draft');
});

setup('goes on without a compiler, or without its headers, and says each time what that means', async ({ checkout }) => {
  checkout.compiler = 'not-there';
  await checkout.run();
  const { code, stderr } = await checkout.run('echo.ts');
  assert.is(code, 7);
  assert.match(stderr, /no C compiler.*run on Node.js.*apt-get install gcc libc6-dev/);
  checkout.compiler = 'cc.cjs';
  checkout.write('no-headers', '');
  assert.match((await checkout.run()).stderr, 'no C compiler');
  rmSync(join(checkout.folder, 'no-headers'));
  assert.is((await checkout.run()).stderr, '');
  assert.is(checkout.keepers().length, 1);
});

setup('does not start anything with a keeper that does not compile', async ({ checkout }) => {
  await checkout.run();
  checkout.write('faulty-source', '');
  checkout.write('agent/keeper/native/other.c', 'no such thing');
  const { code, stdout, stderr } = await checkout.run('echo.ts');
  assert.is(code, 1);
  assert.is(stdout, '');
  assert.match(stderr, /keeper cannot be compiled:\n {2}main.c:1: error: no such thing/);
  assert.is(checkout.keepers().length, 1);
});

setup('links the command of the checkout itself, which npm does not', async ({ checkout }) => {
  await checkout.run();
  assert.ok(existsSync(join(checkout.folder, 'node_modules/.bin/ves')));
});

setup('installs once when several start at once, and leaves no lock', async ({ checkout }) => {
  const outcomes = await Promise.all([1, 2, 3, 4].map(async () => await checkout.run('echo.ts')));
  assert.equal(
    outcomes.map((outcome) => outcome.code),
    [7, 7, 7, 7],
  );
  assert.is(checkout.installCount(), 1);
  assert.equal(checkout.locks(), []);
});

setup('is not stopped by the lock of a process that died', async ({ checkout }) => {
  const dead = spawn(process.execPath, ['-e', '0']);
  await once(dead, 'close');
  checkout.write('.setup-lock', `${dead.pid}\n`);
  assert.is((await checkout.run()).code, 0);
  assert.is(checkout.installCount(), 1);
  assert.equal(checkout.locks(), []);
});

setup('waits for the lock of a process that lives', async ({ checkout }) => {
  checkout.write('.setup-lock', `${process.pid}\n`);
  const child = checkout.start([]);
  const waiting = await once(child.stderr ?? child, 'data');
  assert.match(String(waiting[0]), 'waiting for another set-up');
  assert.is(checkout.installCount(), 0);
  rmSync(join(checkout.folder, '.setup-lock'));
  assert.is((await outcomeOf(child)).code, 0);
  assert.is(checkout.installCount(), 1);
});

setup('says what to do when the registry cannot be reached, and tries again the next time', async ({ checkout }) => {
  checkout.write('registry-is-down', '');
  const failed = await checkout.run('echo.ts');
  assert.is(failed.code, 1);
  assert.match(failed.stderr, /npm ci failed with exit code 1.*Check that the npm registry can be reached[^]*network: no answer/);
  assert.is(failed.stdout, '');
  assert.equal(checkout.locks(), []);
  rmSync(join(checkout.folder, 'registry-is-down'));
  assert.is((await checkout.run('echo.ts')).code, 7);
});

setup('says that a checkout without its lockfile is incomplete', async ({ checkout }) => {
  rmSync(join(checkout.folder, 'package-lock.json'));
  const failed = await checkout.run();
  assert.is(failed.code, 1);
  assert.match(failed.stderr, 'package-lock.json cannot be read');
});

setup('hands arguments and the exit code through', async ({ checkout }) => {
  const outcome = await checkout.run('echo.ts', '--nodes', '5', 'a b', '');
  assert.is(outcome.stdout, `["--nodes","5","a b",""]\n`);
  assert.is(outcome.code, 7);
});

setup('names a program that is not there', async ({ checkout }) => {
  const outcome = await checkout.run('nowhere.ts');
  assert.is(outcome.code, 1);
  assert.match(outcome.stderr, 'setup: nowhere.ts is not in this checkout');
});

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  setup(`passes ${signal} on and ends as the program does`, async ({ checkout }) => {
    checkout.write(
      'wait.ts',
      `const timer = setInterval(() => undefined, 1000);\nprocess.on('${signal}', () => { clearInterval(timer); console.log('ended in good order'); process.exitCode = 5; });\nconsole.log('ready');\n`,
    );
    const child = checkout.start(['wait.ts']);
    const outcome = outcomeOf(child);
    await once(child.stdout ?? child, 'data');
    child.kill(signal);
    assert.equal(await outcome, { code: 5, stdout: 'ready\nended in good order\n', stderr: (await outcome).stderr });
  });
}

setup('reports a program that was killed as a shell would', async ({ checkout }) => {
  checkout.write('die.ts', `process.kill(process.pid, 'SIGKILL');\n`);
  assert.is((await checkout.run('die.ts')).code, 137);
});

setup.run();
