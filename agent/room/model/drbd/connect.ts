/**
 * How do two resources find each other, and what is left when a connection ends?
 *
 *     Unconnected -> WFConnection --both wait, link up--> (authentication) -> WFReportParams --handshake--> Connected ...
 *     any connected state --lost, refused or closed--> cleaned up --> Unconnected -> WFConnection, or StandAlone
 *
 * Source: conn_connect, conn_disconnect and receive_protocol of drbd_receiver.c.
 */
import { sendState, sendUuids } from './after-state.ts';
import { setFact, setWish } from './engine.ts';
import { outdatePeer } from './fence.ts';
import { completeLost, retryPeerReads, startHeld } from './requests.ts';
import { receive } from './receive.ts';
import type { Resource } from './resource.ts';
import { stopResync } from './resync.ts';
import { CONN, DISK, ROLE, SS, isSuspended } from './states.ts';
import { Wire } from './wire.ts';

/** How long a handshake waits for a promotion that is under way: looks again after this. */
const ROLE_CHANGE_POLL_MS = 100;

/** Both ends are in WFConnection and the link is up: they meet after a random time. */
export function meetLater(a: Resource, b: Resource): void {
  const { handshakeMinMs, handshakeMaxMs } = a.context.timings;
  const delayMs = handshakeMinMs + a.context.chance.next() * (handshakeMaxMs - handshakeMinMs);
  const try_ = (): void => {
    if (!canMeet(a, b)) return;
    // A handshake waits for the state mutex, which a promotion holds while its helper runs.
    if (a.isRoleChanging || b.isRoleChanging) a.context.timers.after(ROLE_CHANGE_POLL_MS, try_);
    else meet(a, b);
  };
  a.context.timers.after(delayMs, try_);
}

/**
 * Whether two resources wait, and one of them calls the other over a link that works. Whoever listens takes a connection from any address
 * (drbd-8.4 drbd_wait_for_connect accepts and compares none): that it is the peer's only the shared secret says.
 */
export function canMeet(a: Resource, b: Resource): boolean {
  return a.isAlive && b.isAlive && a.net !== null && b.net !== null
    && a.state.conn === CONN.wfConnection && b.state.conn === CONN.wfConnection
    && (a.net.local === b.net.peer || b.net.local === a.net.peer) && a.context.linkUp(a.node, b.node);
}

function meet(a: Resource, b: Resource): void {
  const refusal = refusalToTalk(a, b);
  for (const end of [a, b]) {
    setFact(end, { conn: CONN.wfReportParams });
    if (refusal === null) continue;
    end.say(refusal);
    setFact(end, { conn: CONN.disconnecting });
  }
  if (refusal !== null) return;
  const wire = new Wire(a, b, receive, (end) => {
    end.say('PingAck did not arrive in time.');
    setFact(end, { conn: CONN.networkFailure });
  });
  for (const end of [a, b]) {
    end.wire = wire;
    end.isStateSent = true;
    end.peerFacts = null;
  }
  for (const end of [a, b]) {
    end.say('Handshake successful: Agreed network protocol version 101');
    sendUuids(end);
    sendState(end);
  }
}

/** Settings that both ends must have alike (receive_protocol), after the shared secret. Null: they may talk. */
function refusalToTalk(a: Resource, b: Resource): string | null {
  const differs = (name: string, fallback: string): boolean => a.netOption(name, fallback) !== b.netOption(name, fallback);
  if (differs('cram-hmac-alg', '') || differs('shared-secret', '')) return 'Authentication of peer failed';
  for (const [name, fallback] of MUST_MATCH) if (differs(name, fallback)) return `incompatible ${name} settings`;
  if (a.net?.discardMyData === true && b.net?.discardMyData === true) return "both sides have the 'discard_my_data' flag set";
  return null;
}

const MUST_MATCH: readonly (readonly [string, string])[] = [
  ['protocol', 'C'], ['after-sb-0pri', 'disconnect'], ['after-sb-1pri', 'disconnect'], ['after-sb-2pri', 'disconnect'], ['allow-two-primaries', 'no'],
];

/** The receiver's clean-up after the end of a connection, whatever ended it. */
export function connectionEnded(resource: Resource): void {
  const { conn } = resource.state;
  if (conn === CONN.standAlone || conn === CONN.unconnected || conn === CONN.wfConnection) return;
  resource.wire?.close(resource);
  resource.wire = null;
  resource.receiver.clear();
  stopResync(resource);
  resource.peerFacts = null;
  resource.isStateSent = false;
  for (const answer of resource.questions.values()) answer('lost');
  resource.questions.clear();
  resource.wakeStateWaiters();
  if (!isSuspended(resource.state)) completeLost(resource);
  resource.koTimer?.cancel();
  resource.koTimer = null;
  retryPeerReads(resource);
  resource.say('Connection closed');
  // A thread of its own, as in the kernel: it waits for the helper, whose failure is its exit code.
  if (resource.state.role === ROLE.primary && resource.state.pdsk >= DISK.unknown) void outdatePeer(resource);
  if (conn === CONN.disconnecting) finishDisconnect(resource);
  else beginConnecting(resource);
  startHeld(resource);
}

/** StandAlone after a disconnect: the network configuration is forgotten with it. */
export function finishDisconnect(resource: Resource): void {
  setFact(resource, { conn: CONN.standAlone });
  resource.worker.push(() => {
    if (resource.state.conn !== CONN.standAlone || resource.net === null) return;
    resource.context.notify(resource, { kind: 'connectionDestroyed' });
    resource.net = null;
    resource.wakeStateWaiters();
  });
}

/** Begins (again) to wait for the peer. */
export function beginConnecting(resource: Resource): void {
  setFact(resource, { conn: CONN.unconnected });
  if (setWish(resource, { conn: CONN.wfConnection }) < SS.success) setFact(resource, { conn: CONN.wfConnection });
}
