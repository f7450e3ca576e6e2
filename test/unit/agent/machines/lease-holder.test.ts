/** Does the holder of a lease renew, pet and die by the rules of SAFETY.md 4.2? */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { holderWakesAtMs, leaseOf, startHolder, stepHolder } from '../../../../agent/machines/lease-holder.ts';
import type { HolderEffect, HolderEvent, HolderState } from '../../../../agent/machines/lease-holder.ts';
import { parseNodeId } from '../../../../shared/ids.ts';
import { renewalGapMs, TIMING_PROFILES } from '../../../../shared/model/timing.ts';

const { standard, fast, soft } = TIMING_PROFILES;
const [a, b, c] = ['node-1', 'node-2', 'node-3'].map(parseNodeId) as [ReturnType<typeof parseNodeId>, ReturnType<typeof parseNodeId>, ReturnType<typeof parseNodeId>];
const T0 = 10_000;

/** A holder in a test: its state, all effects so far, and the nonces that it sent with their times. */
class Held {
  state: HolderState;
  effects: HolderEffect[] = [];
  readonly sent: { readonly nonce: string; readonly atMs: number; readonly to: readonly string[] }[] = [];

  constructor(profile = standard) {
    this.state = startHolder(profile, [a, b, c], T0);
  }

  feed(event: HolderEvent): this {
    const step = stepHolder(this.state, event);
    this.state = step.state;
    this.effects.push(...step.effects);
    for (const effect of step.effects) if (effect.kind === 'sendRenewal') this.sent.push({ nonce: effect.nonce, atMs: event.atMs, to: effect.to });
    return this;
  }

  timer(atMs: number, wallOffsetMs = 0): this {
    return this.feed({ kind: 'timer', atMs, draw: 7, wallOffsetMs });
  }

  /** The leader answers what was sent last. */
  grantLast(atMs: number): this {
    return this.feed({ kind: 'granted', atMs, nonce: this.sent.at(-1)?.nonce ?? '', leader: a });
  }

  kinds(): string[] {
    const kinds = this.effects.map((effect) => effect.kind);
    this.effects = [];
    return kinds;
  }
}

/** Armed at T0 + 20 by a renewal that was sent at T0. */
function armed(profile = standard): Held {
  const held = new Held(profile).timer(T0).grantLast(T0 + 10).feed({ kind: 'dogArmed', atMs: T0 + 20 });
  held.effects = [];
  return held;
}

const holder = suite('the holder of a lease');

holder('touches no watchdog before a grant that echoes its own nonce', () => {
  const held = new Held().timer(T0);
  assert.equal(held.kinds(), ['sendRenewal']);
  held.feed({ kind: 'granted', atMs: T0 + 1, nonce: 'f'.repeat(24), leader: a }).timer(T0 + 5_000);
  assert.not.ok(held.kinds().some((kind) => kind === 'arm' || kind === 'pet'));
  assert.equal(leaseOf(held.state), { armed: false, validUntilMs: null });
});

holder('arms with the first grant, and the lease lasts P from the sending', () => {
  const held = new Held().timer(T0).grantLast(T0 + 700);
  assert.equal(held.effects.at(-1), { kind: 'arm', timeoutMs: standard.watchdogMs, untilMs: T0 + standard.petWindowMs });
  assert.is(leaseOf(held.state).armed, false, 'not before the watchdog says so');
  held.feed({ kind: 'dogArmed', atMs: T0 + 750 });
  assert.equal(leaseOf(held.state), { armed: true, validUntilMs: T0 + standard.petWindowMs });
});

holder('pets several times per W, and resets at P when nothing more is confirmed', () => {
  const held = armed();
  const pets: number[] = [];
  for (let wakes = 0; wakes < 100 && held.state.phase === 'armed'; wakes += 1) {
    const atMs = holderWakesAtMs(held.state) ?? Infinity;
    held.timer(atMs);
    if (held.effects.some((effect) => effect.kind === 'pet')) pets.push(atMs);
    if (held.effects.some((effect) => effect.kind === 'resetNode')) assert.is(atMs, T0 + standard.petWindowMs);
    held.effects = [];
  }
  assert.is(held.state.phase, 'expired');
  assert.ok(pets.length >= 2 && pets.every((atMs) => atMs < T0 + standard.petWindowMs), pets.join(' '));
  assert.is(holderWakesAtMs(held.state), null);
  held.grantLast(T0 + 3_100).timer(T0 + 3_200);
  assert.equal(held.kinds(), [], 'death is final');
});

holder('that was paused past P resets first, whatever woke it', () => {
  const late = T0 + standard.petWindowMs + 1;
  const wakings: ((held: Held) => void)[] = [
    (held) => held.timer(late),
    (held) => held.grantLast(late),
    (held) => held.feed({ kind: 'cellChanged', atMs: late, voters: [a], profile: standard }),
  ];
  for (const wake of wakings) {
    const held = armed().timer(T0 + 500);
    held.effects = [];
    wake(held);
    assert.equal(held.kinds(), ['resetNode', 'tellAgent']);
  }
});

holder('takes the newest confirmed sending, never an older one', () => {
  const held = armed().timer(T0 + 500).timer(T0 + 1_000);
  const [, second, third] = held.sent;
  assert.ok(second && third);
  held.feed({ kind: 'granted', atMs: T0 + 1_010, nonce: third.nonce, leader: a });
  assert.is(leaseOf(held.state).validUntilMs, third.atMs + standard.petWindowMs);
  held.feed({ kind: 'granted', atMs: T0 + 1_020, nonce: second.nonce, leader: a });
  assert.is(leaseOf(held.state).validUntilMs, third.atMs + standard.petWindowMs);
});

holder('gets nothing from a grant that comes later than P', () => {
  const held = new Held().timer(T0).grantLast(T0 + standard.petWindowMs);
  assert.is(held.state.phase, 'unarmed');
  assert.not.ok(held.kinds().includes('arm'));
});

holder('resets at once when its boot is fenced, and only then', () => {
  for (const reason of ['notAdmitted', 'wrongProfile', 'wrongCluster'] as const) {
    const held = armed().timer(T0 + 500);
    held.feed({ kind: 'refused', atMs: T0 + 510, nonce: held.sent.at(-1)?.nonce ?? '', leader: a, reason });
    assert.is(held.state.phase, 'armed');
    assert.is(leaseOf(held.state).validUntilMs, T0 + standard.petWindowMs, 'but the lease grows no longer');
  }
  for (const held of [armed().timer(T0 + 500), new Held().timer(T0)]) {
    held.feed({ kind: 'refused', atMs: T0 + 510, nonce: 'f'.repeat(24), leader: a, reason: 'fenced' });
    assert.is.not(held.state.phase, 'expired', 'a refusal of somebody else\'s renewal');
    held.effects = [];
    held.feed({ kind: 'refused', atMs: T0 + 510, nonce: held.sent.at(-1)?.nonce ?? '', leader: a, reason: 'fenced' });
    assert.equal(held.kinds(), ['resetNode', 'tellAgent']);
  }
});

holder('asks the leader that answers, and everybody at twice the pace when nobody does', () => {
  const held = new Held().timer(T0);
  assert.equal(held.sent.at(-1)?.to, [a, b, c]);
  held.grantLast(T0 + 10).feed({ kind: 'dogArmed', atMs: T0 + 11 });
  held.timer(holderWakesAtMs(held.state) ?? 0);
  while (held.sent.length < 6) held.timer(holderWakesAtMs(held.state) ?? 0);
  assert.equal(held.sent.map(({ atMs, to }) => [atMs - T0, to.length]), [[0, 3], [250, 1], [500, 1], [1_000, 3], [1_250, 3], [1_500, 3]]);
  held.grantLast(T0 + 1_510);
  held.timer(T0 + 2_000);
  assert.equal(held.sent.at(-1)?.to, [a]);
});

/** The moments at which a holder renews that is answered at once, from `fromMs` of the wall clock on, until `count` were sent. */
function renewals(profile: typeof standard, fromMs: number, count: number, wallOffsetMs: (atMs: number) => number, latenessMs = 0): number[] {
  const held = new Held(profile);
  held.state = startHolder(profile, [a, b, c], fromMs - wallOffsetMs(fromMs));
  while (held.sent.length < count) {
    const atMs = (holderWakesAtMs(held.state) ?? Number.NaN) + latenessMs;
    const before = held.sent.length;
    held.timer(atMs, wallOffsetMs(atMs));
    if (held.sent.length > before) held.grantLast(atMs + 5);
    if (held.state.phase === 'arming') held.feed({ kind: 'dogArmed', atMs: atMs + 6 });
  }
  return held.sent.map(({ atMs }) => atMs);
}

holder('renews when the wall clock shows a multiple of H, so that all nodes do at once', () => {
  const wall = 1_795_376_691_000;
  for (const profile of [fast, standard, soft]) {
    for (const [upMs, latenessMs] of [[0, 0], [123.5, 0], [3_999_999, 0.3], [77, 20]] as const) {
      const moments = renewals(profile, wall + upMs, 12, () => wall, latenessMs).map((atMs) => atMs + wall);
      for (const atMs of moments.slice(3)) assert.ok(Math.abs(atMs - latenessMs - Math.round((atMs - latenessMs) / profile.renewIntervalMs) * profile.renewIntervalMs) < 0.01, `${atMs}`);
      const apartMs = moments.slice(4).map((atMs, at) => atMs - (moments[at + 3] ?? 0));
      assert.ok(apartMs.every((ms) => Math.abs(ms - profile.renewIntervalMs) < 0.01), apartMs.join(' '));
    }
  }
});

holder('renews 0.25 H to 1.25 H after the renewal before, whatever the wall clock shows', () => {
  for (const offset of [0, 1, -1, 124.999, 1_795_376_691_000, -1_795_376_691_000, 1e300, Infinity, -Infinity, Number.NaN]) {
    for (const step of [0, 1, 37.7, 333, -250, 86_400_000]) {
      const moments = renewals(standard, T0, 30, (atMs) => (atMs === T0 ? 0 : offset + step * Math.floor(atMs / 700)));
      for (const [at, atMs] of moments.slice(1).entries()) {
        const apartMs = atMs - (moments[at] ?? 0);
        assert.ok(apartMs >= 0.25 * standard.renewIntervalMs && apartMs <= renewalGapMs(standard), `${apartMs} ms with ${offset}, ${step}`);
      }
    }
  }
});

holder('never uses a nonce twice, however coarse its clock', () => {
  const held = new Held();
  for (let round = 0; round < 50; round += 1) held.feed({ kind: 'timer', atMs: T0 + Math.floor(round / 10) * 500, draw: 1, wallOffsetMs: 0 });
  const nonces = held.sent.map((one) => one.nonce);
  assert.is(new Set(nonces).size, nonces.length);
  assert.equal([...nonces].toSorted(), nonces);
});

holder('takes another profile only while it is unarmed', () => {
  const idle = new Held().timer(T0).feed({ kind: 'cellChanged', atMs: T0 + 5, voters: [a], profile: soft });
  assert.is(idle.state.profile.name, 'soft');
  assert.not.ok(idle.grantLast(T0 + 6).kinds().includes('arm'), 'and forgets what it sent by the other');
  const held = armed().feed({ kind: 'cellChanged', atMs: T0 + 30, voters: [a], profile: fast });
  assert.is(held.state.profile.name, 'standard');
  assert.equal(held.kinds(), ['reportProfileKept']);
});

holder('whose watchdog cannot be armed stays unarmed and tries again', () => {
  const held = new Held().timer(T0).grantLast(T0 + 10).feed({ kind: 'dogRefused', atMs: T0 + 20 });
  assert.is(held.state.phase, 'unarmed');
  held.timer(T0 + 500).grantLast(T0 + 510);
  assert.is(held.kinds().filter((kind) => kind === 'arm').length, 2);
});

holder('whose watchdog was armed too late resets: arming pets', () => {
  const held = new Held().timer(T0).grantLast(T0 + 10);
  held.effects = [];
  held.timer(T0 + standard.petWindowMs);
  assert.is(held.state.phase, 'unarmed');
  held.effects = [];
  held.feed({ kind: 'dogArmed', atMs: T0 + standard.petWindowMs + 5 });
  assert.equal(held.kinds(), ['resetNode', 'tellAgent']);
});

holder.run();
