/**
 * How is the node's watchdog device held? /dev/watchdog of the kernel (i6300esb, iTCO, xen_wdt, softdog), opened once.
 *
 * The kernel arms it when the device is opened, and disarms it only after the letter `V` (magic close); a process that
 * dies with it open leaves it armed: that is the point.
 */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { basename } from 'node:path';
import { ClusterError } from '../../../shared/errors.ts';
import type { Runner, Watchdog } from '../../../shared/world.ts';

const WDCTL_TIMEOUT_MS = 5_000;

/**
 * The watchdog behind a device. `sysDirectory` is where the kernel shows its attributes (they are read-only there: the
 * timeout is set by util-linux's wdctl, which knows the ioctl).
 */
export function createDeviceWatchdog(runner: Runner, device = '/dev/watchdog0', sysDirectory = '/sys/class/watchdog'): Watchdog {
  let file: number | null = null;
  const attribute = (name: string): string => `${sysDirectory}/${basename(device)}/${name}`;
  const pet = (): void => {
    if (file !== null) writeSync(file, '\0');
  };
  return {
    pet,
    arm: async (timeoutMs) => {
      const seconds = Math.ceil(timeoutMs / 1000);
      try {
        if (file !== null) {
          pet();
          return;
        }
        // The driver must really keep this timeout: the fence proof stands on it. So it is set first and read back.
        const set = await runner.run(['wdctl', '--settimeout', String(seconds), device], { timeoutMs: WDCTL_TIMEOUT_MS });
        if (set.exitCode !== 0) throw new Error(`wdctl: exit ${set.exitCode}: ${set.stderr.trim().slice(0, 200)}`);
        const kept = Number(readFileSync(attribute('timeout'), 'utf8').trim());
        if (kept !== seconds) throw new Error(`it keeps ${kept} s instead of ${seconds} s`);
        file = openSync(device, 'w');
        pet();
      } catch (cause) {
        throw new ClusterError('WatchdogNotArmed', `could not arm ${device} with ${seconds} s`, { retryable: true, cause });
      }
    },
    disarm: async () => {
      if (file === null) return;
      try {
        writeSync(file, 'V');
        closeSync(file);
        file = null;
      } catch (cause) {
        throw new ClusterError('WatchdogNotDisarmed', `could not disarm ${device}`, { retryable: true, cause });
      }
      await Promise.resolve();
    },
  };
}
