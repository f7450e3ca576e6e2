/**
 * Who sees to it that members are connected? This loop: libp2p dials nobody by itself, and gives up for good (P2P.md).
 *
 *     apart --wait (dial-plan.ts)--> dialling --failed--> apart, with a longer wait
 *                                    dialling --connected, or the other side got through--> connected
 *     connected --lost--> apart
 */
import { ClusterError, describeError } from '../errors.ts';
import type { MemberId } from '../ids.ts';
import type { World } from '../world.ts';
import { dialsFirst, redialDelayMs } from './dial-plan.ts';
import type { PeerLink } from './peer-link.ts';

/** A connection that lived shorter counts as a failed dial: the other side may not admit us (yet). */
const PROVEN_MS = 5_000;

/** The loop for all members. */
export interface Dialer {
  /** Sees to it that the link is dialled when its time comes, if it is wanted and apart. */
  schedule(link: PeerLink): void;
  /** Dials now, or joins a dial under way. Rejects with ClusterError `PeerUnreachable`. */
  dialNow(link: PeerLink, deadlineMs: number): Promise<void>;
  /** The link's connection has ended. */
  lost(link: PeerLink): void;
  /** Stops dialling this link. */
  cancel(link: PeerLink, reason: string): void;
}

/** What the loop needs. `dial` resolves when the connection is attached to the link. */
export interface DialerOptions {
  readonly self: MemberId;
  readonly world: World;
  readonly dialMs: number;
  readonly isWanted: (link: PeerLink) => boolean;
  readonly dial: (link: PeerLink, signal: AbortSignal) => Promise<void>;
}

/** A loop that dials nobody yet. */
export function createDialer(options: DialerOptions): Dialer {
  const { self, world } = options;

  async function dial(link: PeerLink, controller: AbortController): Promise<void> {
    const timer = world.timers.after(options.dialMs, () => controller.abort(new Error(`no connection within ${options.dialMs} ms`)));
    try {
      await options.dial(link, controller.signal);
    } catch (error) {
      if (link.connection !== null) return; // The other side got through.
      const cause: unknown = controller.signal.aborted ? controller.signal.reason : error;
      link.failures += 1;
      if (link.failures === 1) world.log.write({ event: 'meshPeerUnreachable', peer: link.member.id, address: link.member.address, reason: describeError(cause) });
      throw new ClusterError('PeerUnreachable', `could not connect to ${link.member.id} at ${link.member.address}`, { retryable: true, cause });
    } finally {
      timer.cancel();
      link.dialing = null;
      schedule(link);
    }
  }

  function start(link: PeerLink): Promise<void> {
    if (link.dialing !== null) return link.dialing.done;
    link.redial?.cancel();
    const controller = new AbortController();
    const done = dial(link, controller);
    done.catch(() => undefined); // The loop goes on by `schedule`; only `dialNow` passes the failure on.
    link.dialing = { done, abort: (reason) => controller.abort(reason) };
    return done;
  }

  function schedule(link: PeerLink): void {
    link.redial?.cancel();
    link.redial = null;
    if (link.connection !== null || link.dialing !== null || !options.isWanted(link)) return;
    const delayMs = redialDelayMs(dialsFirst(self, link.member.id), link.failures, world.chance.next());
    link.redial = world.timers.after(delayMs, () => void start(link));
  }

  return {
    schedule,
    async dialNow(link, deadlineMs) {
      const { promise, reject } = Promise.withResolvers<never>();
      const timer = world.timers.after(deadlineMs, () => reject(new ClusterError('PeerTimeout', `no connection to ${link.member.id} within ${deadlineMs} ms`, { retryable: true })));
      try {
        await Promise.race([start(link), promise]);
      } finally {
        timer.cancel();
      }
    },
    lost(link) {
      link.failures = world.clock.nowMs() - link.connectedAtMs >= PROVEN_MS ? 0 : link.failures + 1;
      schedule(link);
    },
    cancel(link, reason) {
      link.redial?.cancel();
      link.redial = null;
      link.dialing?.abort(new Error(reason));
    },
  };
}
