/** How long does a leader wait for a BMC? */
import { ClusterError } from '../../shared/errors.ts';
import { SECOND_MS } from '../../shared/units.ts';
import type { World } from '../../shared/world.ts';

/** For one order or question. */
export const POWER_TIMEOUT_MS = 5 * SECOND_MS;

/** What `work` gives, or ClusterError `PowerTimeout`. */
export async function withinPowerTimeout<Value>(world: World, work: Promise<Value>, what: string): Promise<Value> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = world.timers.after(POWER_TIMEOUT_MS, () => reject(new ClusterError('PowerTimeout', `could not ${what} within ${POWER_TIMEOUT_MS} ms`, { retryable: true })));
  try {
    return await Promise.race([work, promise]);
  } finally {
    timer.cancel();
  }
}
