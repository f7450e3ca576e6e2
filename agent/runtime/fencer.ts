/**
 * Who keeps the cell's leases? Every agent runs this; only the one that leads the ledger answers, suspects and fences.
 *
 * It binds lease-grantor.ts to the socket and the log here, and (in fencer-watches.ts) suspicion.ts and fence.ts to probes,
 * power and the log. Each decision carries the term that it was made in; nothing of one term outlives it.
 */
import { unreachable } from '../../shared/errors.ts';
import type { NodeId } from '../../shared/ids.ts';
import { GATHER_MS, roundSpacingMs, TIMING_PROFILES } from '../../shared/model/timing.ts';
import { decodeLease, encodeGrant, LEASE_MAGIC } from '../../shared/wire/lease.ts';
import { grantorWakesAtMs, startGrantor, stepGrantor } from '../machines/lease-grantor.ts';
import type { GrantorEffect, GrantorEvent, GrantRules } from '../machines/lease-grantor.ts';
import type { Fencer, FencerPorts, SuspectView } from './fencer-ports.ts';
import { WakeUp } from './fencer-wake.ts';
import { Watches } from './fencer-watches.ts';
import { PowerReturns } from './power-returns.ts';
import { serveProbes } from './probes.ts';

const NOBODY = new Set<never>();

/** Starts to listen, and serves probes. */
export function startFencer(ports: FencerPorts): Fencer {
  const { world, log, socket } = ports;
  let grantor = startGrantor();
  let watches: Watches | null = null;
  let returns: PowerReturns | null = null;
  let knownNodes = log.state().nodes;
  /** What must be applied here before a grant: everything that was committed when this term's first round was confirmed. */
  let appliedFloor: number | null = null;

  const rules = (): GrantRules => {
    const cell = log.state();
    const profile = TIMING_PROFILES[cell.parameters.profile];
    return {
      cell,
      halted: watches?.halted() ?? NOBODY,
      roundSpacingMs: roundSpacingMs(profile),
      gatherMs: GATHER_MS,
      petWindowMs: profile.petWindowMs,
    };
  };

  const feed = (event: GrantorEvent): void => {
    const current = rules();
    const { state, effects } = stepGrantor(grantor, event, current);
    grantor = state;
    for (const effect of effects) perform(effect);
    wakeUp.at(grantorWakesAtMs(grantor, current));
  };
  const wakeUp = new WakeUp(world, () => feed({ kind: 'timer', atMs: world.clock.nowMs() }));

  const perform = (effect: GrantorEffect): void => {
    switch (effect.kind) {
      case 'beginRound':
        beginRound(effect.round);
        return;
      case 'answer':
        socket.send(effect.to, effect.address, encodeGrant(effect.grant));
        return;
      case 'renewalHeard':
        watches?.renewalHeard(effect.node, effect.bootId, effect.counted);
        return;
      case 'reportDrift':
        world.log.write({ event: 'clockDrift', node: effect.node, level: 'alarm', rate: effect.rate });
        return;
      case 'reportTwoBoots':
        world.log.write({ event: 'twoBootsOneNode', node: effect.node, level: 'alarm', bootIds: effect.bootIds });
        watches?.forbid(effect.node, 'two boots renew in its name');
        return;
      default:
        unreachable(effect);
    }
  };

  const beginRound = (round: number): void => {
    const term = grantor.term;
    // A round that is never answered must not hold up the next one.
    const patience = world.timers.after(rules().petWindowMs, () => feed({ kind: 'roundEnded', round, confirmed: false, atMs: world.clock.nowMs() }));
    const ended = (confirmed: boolean): void => {
      patience.cancel();
      const status = log.status();
      const isLeader = confirmed && status.role === 'leader' && status.term === term;
      if (isLeader) appliedFloor ??= status.commitIndex;
      const isApplied = appliedFloor !== null && status.appliedIndex >= appliedFloor;
      feed({ kind: 'roundEnded', round, confirmed: isLeader && isApplied, atMs: world.clock.nowMs() });
    };
    // Both ends are handled here; `ended` itself only runs machines.
    void log.confirmLeadership().then(ended, () => ended(false));
  };

  socket.onReceive(LEASE_MAGIC, (bytes, from, address) => {
    const renewal = decodeLease(bytes);
    if (renewal?.kind !== 'renewal' || renewal.node !== from) return;
    feed({ kind: 'arrived', renewal, address, atMs: world.clock.nowMs() });
  });

  /** Takes office in a new term, or leaves it. Everything of another term is forgotten first. */
  const followStatus = (): void => {
    const { role, term } = log.status();
    const leads = role === 'leader' ? term : null;
    if (leads === grantor.term) return;
    watches?.stop();
    returns?.stop();
    returns = leads === null ? null : new PowerReturns(ports, leads);
    watches = leads === null ? null : new Watches(ports, leads, (node) => grantor.heard.get(node)?.last.arrivedAtMs ?? null);
    appliedFloor = null;
    watches?.followLedger();
    returns?.followLedger();
    feed({ kind: 'leads', term: leads, atMs: world.clock.nowMs() });
  };
  const unsubscribers = [
    log.onStatus(followStatus),
    log.subscribe(() => {
      if (log.state().nodes === knownNodes) return;
      knownNodes = log.state().nodes;
      watches?.followLedger();
      returns?.followLedger();
    }),
  ];

  const heard = (node: NodeId): ReturnType<Fencer['heard']> => {
    const last = grantor.heard.get(node)?.last;
    return last === undefined ? null : { bootId: last.renewal.bootId, ageMs: world.clock.nowMs() - last.arrivedAtMs };
  };
  serveProbes(ports.mesh, { renewalAgeMs: (node) => heard(node)?.ageMs ?? null, storageReachable: ports.storageReachable });
  followStatus();

  return {
    heard,
    suspects: (): ReadonlyMap<NodeId, SuspectView> => watches?.suspects() ?? new Map<NodeId, SuspectView>(),
    flaps: (node) => watches?.flaps(node) ?? 0,
    stop: () => {
      for (const unsubscribe of unsubscribers) unsubscribe();
      watches?.stop();
      returns?.stop();
      watches = null;
      returns = null;
      wakeUp.cancel();
    },
  };
}
