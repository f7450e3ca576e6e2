/**
 * How does `fence_ipmilan` answer, and what does a BMC do? Power from outside, over the fence agents' protocol.
 *
 * Options come on standard input, one `name=value` a line. Texts and exit codes: ClusterLabs/fence-agents, lib/fencing.py.py
 * (`status` exits 2 for off; every failure logs one line and exits 1).
 */
import type { RunResult } from '../../../shared/world.ts';
import type { BmcSpec } from './config.ts';
import { failed, succeeded } from './program.ts';

/** How a BMC behaves. */
export interface BmcFaults {
  /** False: nothing answers at its address. */
  readonly isReachable: boolean;
  /** True: it says that it switched, and does not. */
  readonly lies: boolean;
  /** True: asked to switch off, it switches off and on again, as some do that know only a reset. */
  readonly reboots?: boolean;
}

/** A BMC with the machine behind it. */
export interface Bmc {
  readonly spec: BmcSpec;
  readonly faults: BmcFaults;
  isOn(): boolean;
  powerOff(): void;
  powerOn(): void;
}

/** What the agent may wait for. */
export interface FenceWorld {
  find(address: string): Bmc | null;
  sleep(delayMs: number): Promise<void>;
  wallTime(): string;
  readonly bmcMs: number;
  readonly bmcTimeoutMs: number;
}

const KNOWN = new Set(['action', 'option', 'ip', 'ipaddr', 'username', 'login', 'password', 'passwd', 'lanplus', 'power_timeout', 'power_wait', 'login_timeout', 'shell_timeout', 'method', 'privlvl', 'cipher', 'ipport', 'timeout', 'verbose', 'quiet', 'delay', 'retry_on', 'plug', 'port', 'nodename']);

/** Runs the fence agent. `argv` holds no options: whoever gives some on the command line would show the password to everyone. */
export async function runFence(world: FenceWorld, argv: readonly string[], stdin: string): Promise<RunResult> {
  const log = (text: string): RunResult => failed(1, `${world.wallTime().replace('T', ' ').replace('.', ',').replace('Z', '')} ERROR: ${text}\n\n`);
  if (argv.length > 1) return log('Failed: the simulated room takes options on standard input only');
  const options = new Map<string, string>();
  for (const line of stdin.split('\n').map((text) => text.trim())) {
    if (line === '' || line.startsWith('#')) continue;
    const equals = line.indexOf('=');
    const name = equals < 0 ? line : line.slice(0, equals);
    // As the real one: an unknown option is only warned of.
    if (KNOWN.has(name)) options.set(name, equals < 0 ? '1' : line.slice(equals + 1));
  }
  const action = (options.get('action') ?? options.get('option') ?? 'reboot').toLowerCase();
  const address = options.get('ip') ?? options.get('ipaddr');
  if (!['on', 'off', 'reboot', 'status', 'monitor'].includes(action)) return log(`Failed: Unrecognised action '${action}'\n\nPlease use '-h' for usage`);
  if (address === undefined) return log("Failed: You have to enter fence address\n\nPlease use '-h' for usage");
  const bmc = world.find(address);
  if (bmc === null || !bmc.faults.isReachable) {
    await world.sleep(Math.min(world.bmcTimeoutMs, Number(options.get('power_timeout') ?? Infinity) * 1000 || world.bmcTimeoutMs));
    return log('Connection timed out');
  }
  await world.sleep(world.bmcMs);
  const isAllowed = (options.get('username') ?? options.get('login')) === bmc.spec.username && (options.get('password') ?? options.get('passwd')) === bmc.spec.password;
  if (!isAllowed) return log('Failed: Unable to obtain correct plug status or plug is not available');
  return perform(bmc, action);
}

function perform(bmc: Bmc, action: string): RunResult {
  const isOn = bmc.isOn() && !bmc.faults.lies;
  switch (action) {
    case 'monitor': return succeeded();
    case 'status': return isOn ? succeeded('Status: ON\n') : { exitCode: 2, stdout: 'Status: OFF\n', stderr: '' };
    case 'on':
      if (isOn) return succeeded('Success: Already ON\n');
      bmc.powerOn();
      return succeeded('Success: Powered ON\n');
    case 'off':
      if (!bmc.isOn()) return succeeded('Success: Already OFF\n');
      if (!bmc.faults.lies) bmc.powerOff();
      if (bmc.faults.reboots === true) bmc.powerOn();
      return succeeded('Success: Powered OFF\n');
    default:
      if (!bmc.faults.lies) {
        bmc.powerOff();
        bmc.powerOn();
      }
      return succeeded('Success: Rebooted\n');
  }
}
