/**
 * How does a DRBD device change its state? Every change goes through here: implications, refusals, the metadata that
 * records it, and the work that it sets off.
 *
 * Facts (`setFact`) cannot be refused except where they are impossible; wishes (`setWish`) obey the rules; requests of
 * an administrator (`requestState`) may need the peer's agreement first.
 */
import type { MetadataFlags } from './metadata.ts';
import { storeMetadata } from './metadata.ts';
import type { Resource } from './resource.ts';
import { impossible, mirrored, needsPeer, refusalOfRequest, refusalOfState, sanitize } from './state-rules.ts';
import type { Change, RuleContext } from './state-rules.ts';
import { CONN, DISK, ROLE, SS, connName, diskName, isSuspended, roleName, stateErrorText } from './states.ts';
import type { State, StateRv } from './states.ts';

/** Whether the local disk may be used (get_ldev): it is attached and not failed. */
export function hasLocalDisk(resource: Resource): boolean {
  return resource.disk !== null && resource.metadata !== null && resource.state.disk >= DISK.inconsistent;
}

function ruleContext(resource: Resource): RuleContext {
  const { net, negotiating, metadata } = resource;
  return {
    fencing: resource.state.disk >= DISK.inconsistent ? resource.fencing : 'dont-care',
    onNoDataSuspends: resource.options.get('on-no-data-accessible') === 'suspend-io',
    openCount: resource.openCount,
    net: net === null ? null : { twoPrimaries: net.options.get('allow-two-primaries') === 'yes', hasVerifyAlgorithm: (net.options.get('verify-alg') ?? '') !== '' },
    isStateSent: resource.isStateSent,
    negotiating: negotiating === null || metadata === null ? null
      : { ...negotiating, isExposedData: resource.exposedUuid === metadata.uuids[0] },
  };
}

function isSame(a: State, b: State): boolean {
  return (Object.keys(a) as (keyof State)[]).every((key) => a[key] === b[key]);
}

/** Something that happened: refused only when it is impossible. */
export function setFact(resource: Resource, change: Change): StateRv {
  return apply(resource, change, true, false);
}

/** Something that shall be: refused when a rule forbids it. `isLoud`: a refusal goes to the kernel log. */
export function setWish(resource: Resource, change: Change, isLoud = true): StateRv {
  return apply(resource, change, false, isLoud);
}

function softRefusal(os: State, ns: State, context: RuleContext): StateRv {
  const refusal = refusalOfState(ns, context);
  // If the old state was illegal in the same way, the change is judged by its transition alone.
  if (refusal < SS.success && refusalOfState(os, context) !== refusal) return refusal;
  return refusalOfRequest(os, ns, context);
}

function apply(resource: Resource, change: Change, isFact: boolean, isLoud: boolean): StateRv {
  const context = ruleContext(resource);
  const os = resource.state;
  const ns = sanitize(os, { ...os, ...change }, context);
  if (isSame(os, ns)) return SS.nothingToDo;
  let rv: StateRv = impossible(os, ns);
  if (rv >= SS.success && !isFact) rv = softRefusal(os, ns, context);
  if (rv < SS.success) {
    if (isLoud) resource.say(`State change failed: ${stateErrorText(rv)}`);
    return rv;
  }
  commit(resource, os, ns);
  return rv;
}

function commit(resource: Resource, os: State, ns: State): void {
  logChange(resource, os, ns);
  resource.state = ns;
  if (os.conn === CONN.wfReportParams && ns.conn !== CONN.wfReportParams) resource.isStateSent = false;
  recordInMetadata(resource, os, ns);
  const peerForced = os.disk === DISK.inconsistent && os.pdsk === DISK.inconsistent && os.peer === ROLE.secondary && ns.peer === ROLE.primary;
  if (peerForced) resource.considerResync = true;
  if (os.conn < CONN.connected && ns.conn >= CONN.connected) resource.connectCount += 1;
  resource.worker.push(() => resource.context.afterState(resource, os, ns));
  const isBroken = ns.conn >= CONN.timeout && ns.conn <= CONN.tearDown && os.conn > CONN.wfConnection;
  if (isBroken || (os.conn !== CONN.disconnecting && ns.conn === CONN.disconnecting)) {
    resource.after(0, () => {
      resource.context.connectionEnded(resource);
    });
  }
  if (os.conn !== CONN.wfConnection && ns.conn === CONN.wfConnection) resource.context.awaitsPeer(resource);
  resource.wakeStateWaiters();
}

function logChange(resource: Resource, os: State, ns: State): void {
  const parts: string[] = [];
  if (os.role !== ns.role) parts.push(`role( ${roleName(os.role)} -> ${roleName(ns.role)} )`);
  if (os.peer !== ns.peer) parts.push(`peer( ${roleName(os.peer)} -> ${roleName(ns.peer)} )`);
  if (os.conn !== ns.conn) parts.push(`conn( ${connName(os.conn)} -> ${connName(ns.conn)} )`);
  if (os.disk !== ns.disk) parts.push(`disk( ${diskName(os.disk)} -> ${diskName(ns.disk)} )`);
  if (os.pdsk !== ns.pdsk) parts.push(`pdsk( ${diskName(os.pdsk)} -> ${diskName(ns.pdsk)} )`);
  if (isSuspended(os) !== isSuspended(ns)) parts.push(`susp( ${Number(isSuspended(os))} -> ${Number(isSuspended(ns))} )`);
  if (parts.length > 0) resource.say(parts.join(' '));
}

/** The flags that a state leaves in metadata (_drbd_set_state). Only while the disk can be written. */
function recordInMetadata(resource: Resource, os: State, ns: State): void {
  const { metadata } = resource;
  if (metadata === null || ns.disk < DISK.inconsistent) return;
  const flags: MetadataFlags = {
    ...metadata.flags,
    crashedPrimary: resource.isCrashedPrimary,
    primaryIndicator: ns.role === ROLE.primary || (ns.pdsk < DISK.inconsistent && ns.peer === ROLE.primary),
    connectedIndicator: ns.conn > CONN.wfReportParams,
    consistent: ns.disk > DISK.inconsistent,
    wasUpToDate: ns.disk > DISK.outdated,
    peerOutdated: ns.pdsk <= DISK.outdated && ns.pdsk >= DISK.inconsistent,
    activityLogClean: false,
  };
  metadata.flags = flags;
  saveMetadata(resource);
  if (os.disk < DISK.consistent && ns.disk >= DISK.consistent) resource.exposedUuid = metadata.uuids[0];
}

/** Writes metadata and bitmap to the disk. A disk that fails here fails like on any other access: by the next I/O. */
export function saveMetadata(resource: Resource): void {
  const { disk, metadata } = resource;
  if (disk === null || metadata === null || disk.failed) return;
  metadata.bitmap = resource.outOfSync.clone();
  disk.setMetadata(storeMetadata(metadata));
}

/** A change that an administrator (or a handshake) asks for; the peer is asked where it has a say. */
export async function requestState(resource: Resource, change: Change, isConnection = false, isLoud = true): Promise<StateRv> {
  for (;;) {
    const rv = await tryRequest(resource, change, isConnection, isLoud);
    if (rv !== SS.inTransientState) return rv;
    await resource.stateChanged();
  }
}

async function tryRequest(resource: Resource, change: Change, isConnection: boolean, isLoud: boolean): Promise<StateRv> {
  const context = ruleContext(resource);
  const os = resource.state;
  const ns = sanitize(os, { ...os, ...change }, context);
  const hard = impossible(os, ns);
  if (hard < SS.success) return hard;
  if (!needsPeer(os, ns)) return apply(resource, change, false, isLoud);
  const refusal = softRefusal(os, ns, context);
  if (refusal < SS.success) return refusal;
  const answer = await askPeer(resource, change, isConnection);
  if (answer === 'refused') {
    if (isLoud) resource.say(`State change failed: ${stateErrorText(SS.cwFailedByPeer)}`);
    return SS.cwFailedByPeer;
  }
  // The connection may have gone meanwhile: then nobody needs to agree, and the rules decide alone.
  return apply(resource, change, false, isLoud);
}

function askPeer(resource: Resource, change: Change, isConnection: boolean): Promise<'agreed' | 'refused' | 'lost'> {
  const { wire } = resource;
  if (wire === null) return Promise.resolve('lost');
  const id = resource.nextRequestId;
  resource.nextRequestId += 1;
  return new Promise((resolve) => {
    resource.questions.set(id, resolve);
    wire.send(resource, { kind: 'ask', id, change: mirrored(change), isConnection });
  });
}

/** The peer asks for a change: true when we agreed and made it. */
export function answerPeer(resource: Resource, change: Change, isConnection: boolean): boolean {
  const rv = setWish(resource, change);
  if (rv >= SS.success) return true;
  if (!isConnection || rv !== SS.lowerThanOutdated) return false;
  // A disk that is less than outdated already need not be outdated for a disconnect (CS_IGN_OUTD_FAIL).
  const { disk: _ignored, ...rest } = change;
  return setWish(resource, rest) >= SS.success;
}
