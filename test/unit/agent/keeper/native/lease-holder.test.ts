/** Is the lease holder in C the same machine as the one in TypeScript? Both are fed the same events, and must agree in everything. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { holderWakesAtMs, leaseOf, startHolder, stepHolder } from '../../../../../agent/machines/lease-holder.ts';
import type { HolderEffect, HolderEvent, HolderState } from '../../../../../agent/machines/lease-holder.ts';
import { parseMemberId } from '../../../../../shared/ids.ts';
import type { MemberId } from '../../../../../shared/ids.ts';
import { TIMING_PROFILES } from '../../../../../shared/model/timing.ts';
import type { TimingProfile } from '../../../../../shared/model/timing.ts';
import { constantsHash } from '../../../../../shared/wire/lease.ts';
import type { LeaseRefusal } from '../../../../../shared/wire/lease.ts';
import { BUILD_NAMES, Choices, NativeCheck, noCompiler } from './native-check.ts';

const LIVES = 800;
const EVENTS_PER_LIFE = 60;
const STATUSES: readonly ('granted' | LeaseRefusal)[] = ['granted', 'fenced', 'notAdmitted', 'wrongProfile', 'wrongCluster'];
const PROFILES = Object.values(TIMING_PROFILES);
const MEMBERS: readonly MemberId[] = Array.from({ length: 9 }, (_, at) => parseMemberId(`node-${at + 1}`));

/** A question for the check, and the answer that TypeScript gives. */
interface Step {
  readonly question: string;
  readonly answer: string;
}

/** As check.c writes it: the same fields in the same order, and null for what is infinite or never. */
function written(state: HolderState, effects: readonly HolderEffect[]): string {
  const lease = leaseOf(state);
  return JSON.stringify({
    effects, phase: state.phase, profile: state.profile.name, voters: state.voters, sequence: state.sequence, sent: state.sent,
    nextRenewalAtMs: state.nextRenewalAtMs, leader: state.leader, answeredSentAtMs: state.answeredSentAtMs, refusal: state.refusal,
    ...('confirmedAtMs' in state ? { confirmedAtMs: state.confirmedAtMs } : {}), ...('pettedAtMs' in state ? { pettedAtMs: state.pettedAtMs } : {}),
    wakesAtMs: holderWakesAtMs(state),
    lease: { kind: 'lease', bootId: 'boot', armed: lease.armed, validUntilMs: lease.validUntilMs, leader: state.leader, refusal: state.refusal, profile: state.profile.name },
  });
}

const microseconds = (ms: number): number => Math.round(ms * 1000) / 1000;

/** A time at which something may tip over: right at, before and behind each end that the state knows, or just later. */
function nextTime(random: Choices, state: HolderState, atMs: number): number {
  const ends = [holderWakesAtMs(state) ?? atMs, state.nextRenewalAtMs, ...state.sent.map((one) => one.sentAtMs + state.profile.petWindowMs)];
  if (state.phase === 'arming' || state.phase === 'armed') ends.push(state.confirmedAtMs + state.profile.petWindowMs);
  if (state.phase === 'armed') ends.push(state.pettedAtMs + state.profile.watchdogMs / 4);
  const end = random.pick(ends);
  const wakesAtMs = holderWakesAtMs(state) ?? atMs;
  // Mostly as a keeper lives, or it would never live long.
  const at = random.below(6) === 0 ? random.pick([end, end - 0.001, end + 0.001]) : random.pick([wakesAtMs, wakesAtMs, wakesAtMs + 0.3, atMs, atMs + 0.001, atMs + random.below(60_000) / 1000]);
  return Math.max(atMs, microseconds(at));
}

function nonceFor(random: Choices, state: HolderState): string {
  if (state.sent.length === 0 || random.below(12) === 0) return Array.from({ length: 24 }, () => random.below(16).toString(16)).join('');
  return random.pick(random.below(3) === 0 ? state.sent : state.sent.slice(-2)).nonce;
}

/** As a real one, one that puts the soonest moment right on a multiple of H, or one of a clock that is far off. */
function wallOffsetFor(random: Choices, atMs: number): number {
  const soonest = atMs + random.pick([62.5, 125, 250]);
  return random.pick([1_795_376_691_000 - atMs + random.below(1000) / 1000, random.below(1_000_000) / 1000, random.pick([0, 0.001, -0.001]) - soonest, -random.below(1_000_000_000) / 1000, 1e300]);
}

function votersFrom(random: Choices): readonly MemberId[] {
  return MEMBERS.filter(() => random.below(3) === 0);
}

/** Mostly what happens to a keeper, in an order and at times that it never saw. */
function nextEvent(random: Choices, state: HolderState, atMs: number): { readonly event: HolderEvent; readonly question: object } {
  const drawn = random.pick([...Array.from({ length: 8 }, () => 'timer' as const), ...Array.from({ length: 8 }, () => 'granted' as const), 'refused', 'dogArmed', 'dogArmed', 'dogRefused', 'cellChanged'] as const);
  // Unarmed, that is the end: seldom.
  const kind = drawn === 'dogArmed' && state.phase === 'unarmed' && random.below(10) > 0 ? 'timer' : drawn;
  if (kind === 'timer') {
    const draw = random.below(2 ** 32);
    const wallOffsetMs = wallOffsetFor(random, atMs);
    return { event: { kind, atMs, draw, wallOffsetMs }, question: { kind, atMs, draw, wallOffsetMs } };
  }
  if (kind === 'granted' || kind === 'refused') {
    const [nonce, leader] = [nonceFor(random, state), random.pick(MEMBERS)];
    // Being fenced ends a life: seldom, or nothing else would be seen.
    const status = kind === 'granted' ? 0 : random.pick([random.pick([1, 2]), 2, 2, 3, 3, 4, 4]);
    const reason = STATUSES[status] ?? 'granted';
    return { event: reason === 'granted' ? { kind: 'granted', atMs, nonce, leader } : { kind: 'refused', atMs, nonce, leader, reason }, question: { kind: 'answered', atMs, nonce, leader, status } };
  }
  if (kind === 'cellChanged') {
    const [voters, profile] = [votersFrom(random), random.below(3) === 0 ? random.pick(PROFILES) : state.profile];
    return { event: { kind, atMs, voters, profile }, question: { kind, atMs, voters, profile: profile.name } };
  }
  return { event: { kind, atMs }, question: { kind, atMs } };
}

function lifeOf(random: Choices): Step[] {
  const profile: TimingProfile = random.pick(PROFILES);
  const voters = random.below(8) === 0 ? [] : votersFrom(random);
  let atMs = microseconds(random.below(4_000_000_000) / 1000);
  let state = startHolder(profile, voters, atMs);
  const steps: Step[] = [{ question: `H ${JSON.stringify({ kind: 'start', atMs, profile: profile.name, voters })}`, answer: written(state, []) }];
  for (let count = 0; count < EVENTS_PER_LIFE && state.phase !== 'expired'; count += 1) {
    atMs = nextTime(random, state, atMs);
    const { event, question } = nextEvent(random, state, atMs);
    const step = stepHolder(state, event);
    state = step.state;
    steps.push({ question: `H ${JSON.stringify(question)}`, answer: written(state, step.effects) });
  }
  // And once more when all is over: nothing may happen any more.
  if (state.phase === 'expired') {
    const { event, question } = nextEvent(random, state, atMs);
    steps.push({ question: `H ${JSON.stringify(question)}`, answer: written(state, stepHolder(state, event).effects) });
  }
  return steps;
}

/** Voters that come and go have a renewal sent each time they come: the only way to more of them than are remembered. */
function flickeringLife(): Step[] {
  const [fast, voters] = [TIMING_PROFILES.fast, MEMBERS.slice(0, 3)];
  let state = startHolder(fast, [], 1_000);
  const steps: Step[] = [{ question: `H ${JSON.stringify({ kind: 'start', atMs: 1_000, profile: 'fast', voters: [] })}`, answer: written(state, []) }];
  const feed = (event: HolderEvent, question: object): void => {
    const step = stepHolder(state, event);
    state = step.state;
    steps.push({ question: `H ${JSON.stringify(question)}`, answer: written(state, step.effects) });
  };
  for (let count = 0; count < 50; count += 1) {
    const atMs = 1_000 + count;
    for (const some of [voters, []]) {
      feed({ kind: 'cellChanged', atMs, voters: some, profile: fast }, { kind: 'cellChanged', atMs, voters: some, profile: 'fast' });
      feed({ kind: 'timer', atMs, draw: count, wallOffsetMs: 0 }, { kind: 'timer', atMs, draw: count, wallOffsetMs: 0 });
    }
  }
  return steps;
}

for (const build of BUILD_NAMES) {
  const holder = suite(`the lease holder in C, ${build},`);
  const check = new NativeCheck(build);
  holder.after(() => check.remove());
  const prove = noCompiler === null ? holder : holder.skip;

  prove('does and becomes exactly what the one in TypeScript does and becomes', () => {
    const random = new Choices(0x5afe);
    const steps = [flickeringLife(), ...Array.from({ length: LIVES }, () => lifeOf(random))].flat();
    const answers = check.ask(steps.map((step) => step.question));
    assert.ok(steps.length > 20_000, `${steps.length} events`);
    for (const [at, { question, answer }] of steps.entries()) if (answers[at] !== answer) assert.is(answers[at], answer, `event ${at}: ${question}`);
    // What the events must have reached, or the comparison would prove less than it says.
    for (const seen of ['"kind":"pet"', '"kind":"arm"', 'not confirmed for', 'is fenced', 'armed too late', '"kind":"reportProfileKept"', '"phase":"armed"', '"refusal":"wrongCluster"']) {
      assert.ok(steps.filter(({ answer }) => answer.includes(seen)).length > 20, seen);
    }
  });

  prove('goes by the same figures', () => {
    assert.equal(check.ask(PROFILES.map(({ name }) => `K ${name}`)), PROFILES.map((profile) => String(constantsHash(profile))));
  });

  holder.run();
}
