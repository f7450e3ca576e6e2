/** Does the keeper in C arm only a watchdog that keeps its word, and never disarm one that others may need? With stand-ins for the kernel's files and calls. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compileNative, keeperParts, noCompiler } from './native-check.ts';

const BOOT = '21111111-2222-4333-8444-555555555555';

/** A machine made of files. */
class Machine {
  readonly directory = mkdtempSync(join(tmpdir(), 'keeper-device-'));

  constructor() {
    for (const folder of ['proc/sys/kernel/random', 'proc/self', 'sys/watchdog0']) mkdirSync(join(this.directory, folder), { recursive: true });
    this.write('proc/sys/kernel/random/boot_id', `${BOOT}\n`);
    for (const file of ['proc/self/oom_score_adj', 'proc/sys/kernel/sysrq', 'proc/sysrq-trigger', 'watchdog0']) this.write(file, '');
    this.write('sys/watchdog0/state', 'inactive\n');
    this.write('sys/watchdog0/nowayout', '0\n');
    compileNative(join(this.directory, 'check'), [join(import.meta.dirname, 'device-check.c'), ...keeperParts().filter((file) => /\/(device|config|cell|json|lease-holder|scribe)\.c$/.test(file))], 'with sanitizers', [
      `-DVES_PROC="${this.directory}/proc"`, `-DVES_SYS_WATCHDOG="${this.directory}/sys"`, '-Dioctl=stand_in_ioctl', '-Dmlockall=stand_in_mlockall', '-Dsched_setscheduler=stand_in_setscheduler',
    ]);
  }

  write(file: string, text: string): void {
    writeFileSync(join(this.directory, file), text);
  }

  read(file: string): string {
    return readFileSync(join(this.directory, file), 'utf8');
  }

  /** What it said, and what was written into the device since. */
  run(keepsSeconds: number, closing: 'magic' | 'plain', ...orders: readonly string[]): { readonly said: readonly string[]; readonly written: string } {
    this.write('watchdog0', '');
    const ran = spawnSync(join(this.directory, 'check'), [join(this.directory, 'watchdog0'), String(keepsSeconds), closing, ...orders], { encoding: 'utf8' });
    if (ran.status !== 0) throw new Error(`${ran.signal ?? ran.status}: ${ran.stdout}${ran.stderr}`);
    const [boot, ...said] = ran.stdout.trim().split('\n');
    assert.is(boot, `boot ${BOOT}`);
    return { said, written: this.read('watchdog0') };
  }
}

const device = suite<{ machine: Machine }>('the watchdog of the machine itself, to the keeper in C,');
const prove = noCompiler === null ? device : device.skip;

device.before((context) => {
  if (noCompiler === null) context.machine = new Machine();
});
device.after(({ machine }) => {
  if (noCompiler === null) rmSync(machine.directory, { recursive: true, force: true });
});

prove('is armed with whole seconds, petted, and disarmed with a V', ({ machine }) => {
  assert.equal(machine.run(0, 'magic', 'arm', '4000', 'pet', 'pet', 'disarm'), { said: ['armed', 'disarmed'], written: '\0\0\0V' });
  assert.is(machine.run(0, 'magic', 'arm', '4000', 'arm', '4000', 'pet').written, '\0\0\0', 'armed twice is petted; a process that ends leaves it armed');
  assert.is(machine.read('proc/self/oom_score_adj'), '-1000');
});

prove('is not armed when it keeps another time, and then given back only if nobody had armed it before', ({ machine }) => {
  assert.equal(machine.run(60, 'magic', 'arm', '4000'), { said: ['could not arm the watchdog with 4 s: it keeps 60 s'], written: 'V' });
  machine.write('sys/watchdog0/state', 'active\n');
  assert.equal(machine.run(60, 'magic', 'arm', '4000'), { said: ['could not arm the watchdog with 4 s: it keeps 60 s'], written: '' });
  assert.equal(machine.run(4, 'magic', 'arm', '4000'), { said: ['armed'], written: '\0' }, 'one that an earlier keeper armed is taken over');
  machine.write('sys/watchdog0/state', 'inactive\n');
});

prove('is not armed when the end of this process would disarm it', ({ machine }) => {
  assert.equal(machine.run(0, 'plain', 'arm', '2000'), { said: ['could not arm the watchdog with 2 s: the death of this process would disarm it'], written: 'V' });
  machine.write('sys/watchdog0/nowayout', '1\n');
  assert.equal(machine.run(0, 'plain', 'arm', '2000').said, ['armed']);
  machine.write('sys/watchdog0/nowayout', '0\n');
});

prove('is not touched before it is armed, and the machine is reset by the kernel itself', ({ machine }) => {
  assert.equal(machine.run(0, 'magic', 'pet', 'disarm', 'reset'), { said: ['disarmed'], written: '' });
  assert.is(machine.read('proc/sys/kernel/sysrq'), '1');
  assert.is(machine.read('proc/sysrq-trigger'), 'b');
});

device.run();
