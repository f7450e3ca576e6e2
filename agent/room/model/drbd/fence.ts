/**
 * Who says that the lost peer may no longer count? The kernel's calls into user space, and what their answers do.
 *
 * Source: conn_try_outdate_peer of drbd_nl.c; exit codes as measured (DRBD.md B4). The handler may take for ever, may
 * run several times at once, and its answer is ignored when the connection came back meanwhile (connect_cnt).
 */
import { setFact, setWish } from './engine.ts';
import { completeLost } from './requests.ts';
import type { Resource } from './resource.ts';
import { CONN, DISK, isSuspended } from './states.ts';

/** Exit codes of the fence-peer handler (drbd_nl.c, enum drbd_peer_state). */
const ANSWER = { inconsistent: 3, outdated: 4, down: 5, primary: 6, fenced: 7 } as const;

/** Calls a helper program as the kernel does; without a handler in the configuration it answers 0 at once. */
export async function callHelper(resource: Resource, helper: string, perDevice: boolean): Promise<number> {
  const { context } = resource;
  context.notify(resource, { kind: 'helperCalled', helper, perDevice });
  resource.say(`helper command: /sbin/drbdadm ${helper}${perDevice ? ` minor-${resource.minor}` : ''}`);
  const hasHandler = resource.handlers.has(helper);
  const status = await new Promise<number>((resolve) => {
    resource.after(context.timings.helperStartMs, () => {
      if (!hasHandler) resolve(0);
      // A helper that could not be run at all looks to the kernel like one that was killed: exit code 0.
      else context.callHelper(resource.node, helper, resource.name).then(resolve, () => resolve(0));
    });
  });
  if (!resource.isAlive) return status;
  context.notify(resource, { kind: 'helperAnswered', helper, perDevice, status });
  resource.say(`helper command: /sbin/drbdadm ${helper} exit code ${status} (0x${(status << 8).toString(16)})`);
  return status;
}

/** Tries to have the peer outdated. True when the peer's disk counts as Outdated or less afterwards. */
export async function outdatePeer(resource: Resource): Promise<boolean> {
  if (resource.state.conn >= CONN.wfReportParams) return false;
  if (resource.state.disk < DISK.consistent) {
    resource.say("Not fencing peer, I'm not even Consistent myself.");
    setFact(resource, { suspFen: false });
    if (!isSuspended(resource.state)) completeLost(resource);
    return false;
  }
  if (resource.fencing === 'dont-care') return true;
  const connectCount = resource.connectCount;
  const status = await callHelper(resource, 'fence-peer', false);
  if (!resource.isAlive) return false;
  const isAnswer = applyAnswer(resource, status, connectCount);
  return isAnswer && resource.state.pdsk <= DISK.outdated;
}

/** What an exit code changes. False when it is no answer at all. */
function applyAnswer(resource: Resource, status: number, connectCount: number): boolean {
  const change = changeFor(resource, status);
  if (change === null) {
    resource.say(`fence-peer helper broken, returned ${status}`);
    return false;
  }
  resource.say(`fence-peer helper returned ${status} (${change.meaning})`);
  if (resource.state.conn >= CONN.wfReportParams || resource.isStateSent) return true;
  if (resource.connectCount !== connectCount) resource.say('Ignoring fence-peer exit code');
  else setWish(resource, change.change);
  return true;
}

function changeFor(resource: Resource, status: number): { readonly meaning: string; readonly change: Parameters<typeof setWish>[1] } | null {
  switch (status) {
    case ANSWER.inconsistent: return { meaning: 'peer is inconsistent or worse', change: { pdsk: DISK.inconsistent } };
    case ANSWER.outdated: return { meaning: 'peer was fenced', change: { pdsk: DISK.outdated } };
    case ANSWER.down:
      return resource.state.disk === DISK.upToDate
        ? { meaning: 'peer is unreachable, assumed to be dead', change: { pdsk: DISK.outdated } }
        : { meaning: 'peer unreachable, doing nothing since disk != UpToDate', change: {} };
    case ANSWER.primary:
      resource.say('Peer is primary, outdating myself.');
      return { meaning: 'peer is active', change: { disk: DISK.outdated } };
    case ANSWER.fenced: return { meaning: 'peer was stonithed', change: { pdsk: DISK.outdated } };
    default: return null;
  }
}
