/**
 * Is a node that was proven dead by its lease really dead, whoever leads, and whatever clocks and messages do?
 *
 * SAFETY.md 4.2 as an explicit-state model with time. A keeper sends renewals, and pets its watchdog while the newest confirmed one was *sent* less
 * than P ago. A leader grants a renewal only after a majority answered a round that began when the renewal was there; it proposes the
 * proof when it heard nothing for F. A new leader does not know what its predecessor granted, so it waits, by one of two rules:
 *
 *     wholeWait     F from its election
 *     lastContact   F from the latest moment at which one of its voters acknowledged anything to a former leader
 *
 * Why the second is enough: whatever a former leader confirmed, a majority acknowledged after the renewal had arrived; one of that majority
 * voted for the new leader, and acknowledged nothing to a former one from its vote on. So its contact is no older than the renewal. It tells
 * an *age*, and the candidate subtracts it from when the answer arrives, so delay only makes the wait longer. Its clock may gain
 * (1 + rho) on that age, as the leader's may on the rest; F allows for (1 + rho) on the whole, so nothing has to be added.
 *
 *     dead by     t_sent + F_node / (1 - rho)                                       true time, t_sent <= t_contact
 *     proven at   t_contact + F / (1 + rho) at the soonest, F = F_node (1 + rho) / (1 - rho) + margin
 *
 * Anything that can happen may wait for ever, which covers delay, loss and pauses; an answer that was given is taken at once, because taking it
 * late is the same as a grant, or a vote, that travels longer. Elections come at any time and need no silence. Terms, logs and the rule that the
 * first entry of a term is committed before anything is confirmed are here, since a proof of a replaced leader may be committed later.
 *
 * Bounded: three voters, a term or two more, one renewal at a time (a keeper that sent another has given the former up), restarts. The node's clock
 * is always slow: a faster one only ends it sooner. Its voters' clocks are steady, each slow or fast, or change with every tick.
 */
import type { Invariant, Model, ModelStep } from '../explore.ts';
import type { LeaseInvariant, LeaseMutation } from './mutations.ts';
import { draftOf, keyOf } from './state.ts';
import type { Candidacy, Leadership, LeaseState, VoterState } from './state.ts';

/** The figures of the inequality, in units of a clock. */
export interface LeaseFigures {
  /** P: the keeper pets so long after it sent the newest confirmed renewal. */
  readonly petWindow: number;
  /** W + w_r: the watchdog ends the node so long after the last pet. */
  readonly watchdog: number;
  /** F: the leader proves the node dead so long after it last heard it. */
  readonly fenceWait: number;
}

export interface LeaseBounds {
  readonly rule: 'wholeWait' | 'lastContact';
  /** Rates of the voters' clocks: all that change with every tick, all that are steady, or certain steady ones. */
  readonly clocks: 'steady' | 'changing' | readonly number[];
  /** Voters (bit mask) that may stand for election. */
  readonly candidates: number;
  readonly terms: number;
  readonly restarts: number;
  readonly keeperRestarts: number;
  readonly figures: LeaseFigures;
}

/** F = F_node * 2 + 1: the stretch of two clocks that differ as much as they may, and the margin of one unit. */
export function leaseFigures(petWindow: number, watchdog: number): LeaseFigures {
  return { petWindow, watchdog, fenceWait: 2 * (petWindow + watchdog) + 1 };
}

export const LEASE_INVARIANTS: readonly (Invariant<LeaseState> & { readonly name: LeaseInvariant })[] = [
  { name: 'who is proven dead is dead (S8)', holds: (state) => !state.isProvenWhileRunning },
  { name: 'no pet without a lease (S9)', holds: (state) => !state.isPettedLate },
];

const VOTERS = [0, 1, 2] as const;
const SLOW = 1;
const FAST = 2;
const RATES = [SLOW, FAST] as const;

/** The protocol, or the protocol without one of its rules. */
export function leaseModel(bounds: LeaseBounds, mutation: LeaseMutation | null): Model<LeaseState> {
  return {
    initial: clocksOf(bounds).map((rates) => ({ label: rates.length === 0 ? '' : `clocks ${rates.join('')}`, state: firstState(rates) })),
    invariants: LEASE_INVARIANTS,
    key: keyOf,
    steps: (state) => new Steps(state, figuresOf(bounds.figures, mutation), bounds, mutation).all(),
  };
}

/** V2 and V3 begin alike, so one order of their rates is enough. No rates: they change. */
function clocksOf({ clocks }: LeaseBounds): (readonly number[])[] {
  if (clocks === 'changing') return [[]];
  if (clocks !== 'steady') return [clocks];
  return RATES.flatMap((first) => [[first, SLOW, SLOW], [first, SLOW, FAST], [first, FAST, FAST]]);
}

function figuresOf(figures: LeaseFigures, mutation: LeaseMutation | null): LeaseFigures {
  const { petWindow, watchdog } = figures;
  if (mutation === 'the fence wait is not stretched for drift') return { ...figures, fenceWait: petWindow + watchdog + 1 };
  if (mutation === 'the fence wait has no margin') return { ...figures, fenceWait: 2 * (petWindow + watchdog) };
  return figures;
}

/** V1 leads term 1 and has just granted a renewal that everybody heard. */
function firstState(rates: readonly number[]): LeaseState {
  const voters = VOTERS.map((id): VoterState => ({
    term: 1, log: '1', contactAge: 0, hearsayAge: 0,
    role: id === 0 ? { kind: 'leader', silentAge: 0, round: null, heldFirst: 0b111, heldProof: 0 } : { kind: 'follower' },
  }));
  const keeper = { leaseAge: 0, petAge: 0, isPetting: false, renewal: null };
  return { keeper, voters, rates, restarts: 0, keeperRestarts: 0, isPettedLate: false, isProvenWhileRunning: false };
}

/** Everything that may happen next in one state. A node that is dead needs no more steps: it can only be proven dead. */
class Steps {
  readonly #state: LeaseState;
  readonly #figures: LeaseFigures;
  readonly #bounds: LeaseBounds;
  readonly #mutation: LeaseMutation | null;
  readonly #found: ModelStep<LeaseState>[] = [];

  constructor(state: LeaseState, figures: LeaseFigures, bounds: LeaseBounds, mutation: LeaseMutation | null) {
    this.#state = state;
    this.#figures = figures;
    this.#bounds = bounds;
    this.#mutation = mutation;
  }

  all(): readonly ModelStep<LeaseState>[] {
    if (this.#state.keeper.petAge > this.#figures.watchdog) return [];
    this.#time();
    this.#keeper();
    for (const id of VOTERS) {
      const voter = this.#voter(this.#state, id);
      if (voter.role.kind === 'leader') this.#leader(id, voter, voter.role);
      if (voter.role.kind === 'candidate') this.#candidate(id, voter, voter.role);
      this.#campaign(id);
      this.#restart(id);
    }
    return this.#found;
  }

  #may(label: string, change: (draft: LeaseState) => void): void {
    const draft = draftOf(this.#state);
    change(draft);
    this.#forgetWhatCannotMatter(draft);
    this.#found.push({ label, state: draft });
  }

  #voter(state: LeaseState, id: number): VoterState {
    const voter = state.voters[id];
    if (voter === undefined) throw new RangeError(`there is no voter ${id}`);
    return voter;
  }

  #is(mutation: LeaseMutation): boolean {
    return this.#mutation === mutation;
  }

  // ---------------------------------------------------------------- time

  #time(): void {
    if (this.#bounds.clocks !== 'changing') {
      this.#may('tick', (draft) => this.#tick(draft, draft.rates));
      return;
    }
    for (const first of RATES) for (const second of RATES) for (const third of RATES) {
      this.#may(`tick ${first}${second}${third}`, (draft) => this.#tick(draft, [first, second, third]));
    }
  }

  #tick(draft: LeaseState, rates: readonly number[]): void {
    const { petWindow, fenceWait } = this.#figures;
    const { keeper } = draft;
    if (keeper.leaseAge !== null) keeper.leaseAge = Math.min(petWindow + 2, keeper.leaseAge + SLOW);
    keeper.petAge += SLOW;
    if (keeper.renewal !== null) keeper.renewal.age += SLOW;
    // A grant that comes this late confirms nothing, so nobody needs to know of it.
    if (keeper.renewal !== null && keeper.renewal.age > petWindow) this.#giveUpRenewal(draft);
    for (const [id, voter] of draft.voters.entries()) {
      const { role } = voter;
      const rate = rates[id] ?? SLOW;
      const leadsOn = role.kind === 'leader' && !this.#is('a former leader tells what it heard as a follower');
      if (!leadsOn) voter.contactAge = Math.min(fenceWait, voter.contactAge + rate + (this.#is("a voter's clock gains more than rho") ? 1 : 0));
      if (this.#is('a new leader counts from what it heard as a follower')) voter.hearsayAge = Math.min(fenceWait, voter.hearsayAge + rate);
      if (role.kind === 'leader') role.silentAge = Math.min(fenceWait, role.silentAge + rate);
      if (role.kind === 'candidate') {
        role.contactAge = Math.min(fenceWait, role.contactAge + rate);
        if (this.#is('ages count from when the vote was asked for')) role.askedAge = Math.min(fenceWait, role.askedAge + rate);
      }
    }
  }

  // ---------------------------------------------------------------- the keeper

  #keeper(): void {
    const { keeper, keeperRestarts } = this.#state;
    this.#may('the keeper renews', (draft) => {
      // The grant of another renewal confirms this one, unless its nonce is compared.
      const isMixedUp = this.#is('a grant confirms what was sent last') && draft.keeper.renewal !== null;
      if (isMixedUp && draft.keeper.renewal !== null) draft.keeper.renewal.age = 0;
      else {
        this.#giveUpRenewal(draft);
        draft.keeper.renewal = { age: 0, isGranted: false, reached: 0 };
      }
    });
    if (keeper.renewal?.isGranted === true) {
      this.#may('the keeper gets the grant', (draft) => {
        const age = this.#is('a lease counts from the arrival of its grant') ? 0 : (draft.keeper.renewal?.age ?? 0);
        draft.keeper.leaseAge = Math.min(draft.keeper.leaseAge ?? age, age);
        this.#giveUpRenewal(draft);
      });
    }
    this.#pets();
    if (keeperRestarts < this.#bounds.keeperRestarts) {
      this.#may('the keeper starts anew', (draft) => {
        draft.keeperRestarts += 1;
        draft.keeper.leaseAge = this.#is('a keeper that starts anew believes in a lease') ? 0 : null;
        draft.keeper.isPetting = false;
        this.#giveUpRenewal(draft);
      });
    }
  }

  #pets(): void {
    const { leaseAge, isPetting } = this.#state.keeper;
    const { petWindow } = this.#figures;
    const pet = (draft: LeaseState): void => {
      draft.keeper.petAge = 0;
      draft.keeper.isPetting = false;
      if (leaseAge === null || leaseAge > petWindow) draft.isPettedLate = true;
    };
    const untilAge = petWindow + (this.#is('the watchdog is petted after P') ? 1 : 0);
    const mayPet = leaseAge !== null && leaseAge <= untilAge;
    if (!this.#is('the clock is not read again before a pet')) {
      if (mayPet) this.#may('pet', pet);
      return;
    }
    if (mayPet) {
      this.#may('the keeper decides to pet', (draft) => {
        draft.keeper.isPetting = true;
      });
    }
    if (isPetting) this.#may('pet', pet);
  }

  /** With the renewal goes every round for it. */
  #giveUpRenewal(draft: LeaseState): void {
    draft.keeper.renewal = null;
    if (this.#is('a round that began before the renewal arrived counts')) return;
    for (const { role } of draft.voters) if (role.kind === 'leader') role.round = null;
  }

  // ---------------------------------------------------------------- a leader

  #leader(id: number, leader: VoterState, role: Leadership): void {
    const { renewal } = this.#state.keeper;
    const name = nameOf(id);
    const isHalted = role.heldProof !== 0;
    if (renewal !== null && (renewal.reached & (1 << id)) === 0 && !isHalted) this.#may(`${name} hears the renewal`, (draft) => this.#hear(draft, id));
    if (role.round === null && !isHalted && this.#is('a round that began before the renewal arrived counts')) {
      this.#may(`${name} begins a round`, (draft) => {
        this.#leadership(draft, id).round = 1 << id;
      });
    }
    for (const other of VOTERS) if (other !== id) this.#reach(id, leader, role, other);
    if (role.silentAge >= this.#figures.fenceWait && !isHalted) {
      this.#may(`${name} proposes the proof`, (draft) => {
        const changed = this.#leadership(draft, id);
        changed.heldProof = 1 << id;
        changed.round = null;
        this.#voter(draft, id).log += String.fromCharCode(A + leader.term - 1);
      });
    }
    // No majority answers (check-quorum), or it was told of a newer term: a follower again.
    this.#may(`${name} steps down`, (draft) => {
      this.#voter(draft, id).role = { kind: 'follower' };
    });
  }

  #hear(draft: LeaseState, id: number): void {
    const { renewal } = draft.keeper;
    const role = this.#leadership(draft, id);
    if (renewal === null) return;
    renewal.reached |= 1 << id;
    role.silentAge = 0;
    role.round ??= 1 << id;
    if (this.#is('a grant needs no quorum round')) renewal.isGranted = true;
    this.#grantWhatIsConfirmed(draft, id);
  }

  /** What another voter answers to this leader. It answers whoever leads its own term or a newer one. */
  #reach(id: number, leader: VoterState, role: Leadership, other: number): void {
    const voter = this.#voter(this.#state, other);
    const bit = 1 << other;
    const follows = voter.term <= leader.term;
    const answers = follows || this.#is('a voter answers a leader of an older term');
    if (answers && role.round !== null && (role.round & bit) === 0) {
      this.#may(`${nameOf(other)} answers the round of ${nameOf(id)}`, (draft) => {
        if (follows) this.#follow(draft, other, leader.term, !this.#is('heartbeats are no contact'));
        this.#leadership(draft, id).round = (role.round ?? 0) | bit;
        this.#grantWhatIsConfirmed(draft, id);
      });
    }
    const holdsAll = (role.heldFirst & bit) !== 0 && (role.heldProof === 0 || (role.heldProof & bit) !== 0);
    if (!follows || holdsAll) return;
    this.#may(`${nameOf(other)} saves the log of ${nameOf(id)}`, (draft) => {
      this.#follow(draft, other, leader.term, true);
      this.#voter(draft, other).log = leader.log;
      const changed = this.#leadership(draft, id);
      changed.heldFirst |= bit;
      if (changed.heldProof !== 0) changed.heldProof |= bit;
      this.#noteProof(draft, id);
      this.#grantWhatIsConfirmed(draft, id);
    });
  }

  /** The voter meets a leader: of its term from now on, and in contact. */
  #follow(draft: LeaseState, id: number, term: number, isContact: boolean): void {
    const voter = this.#voter(draft, id);
    this.#enterTerm(voter, term);
    voter.role = { kind: 'follower' };
    if (isContact) voter.contactAge = 0;
  }

  #enterTerm(voter: VoterState, term: number): void {
    if (voter.term === term) return;
    voter.term = term;
    voter.role = { kind: 'follower' };
  }

  #leadership(draft: LeaseState, id: number): Leadership {
    const { role } = this.#voter(draft, id);
    if (role.kind !== 'leader') throw new TypeError(`${nameOf(id)} does not lead`);
    return role;
  }

  #grantWhatIsConfirmed(draft: LeaseState, id: number): void {
    const { renewal } = draft.keeper;
    const role = this.#leadership(draft, id);
    const isTermCommitted = isMajority(role.heldFirst) || this.#is('a grant needs no committed entry of the term');
    if (renewal === null || (renewal.reached & (1 << id)) === 0 || role.round === null || !isMajority(role.round) || !isTermCommitted) return;
    renewal.isGranted = true;
    role.round = null;
  }

  /** Whether a majority holds a proof: its own, or one of a former leader that lies before its own first entry. */
  #noteProof(draft: LeaseState, id: number): void {
    const { log, term } = this.#voter(draft, id);
    const role = this.#leadership(draft, id);
    const before = log.slice(0, log.indexOf(String(term)));
    if (isMajority(role.heldProof) || (isMajority(role.heldFirst) && /[a-z]/.test(before))) draft.isProvenWhileRunning = true;
  }

  // ---------------------------------------------------------------- elections

  #campaign(id: number): void {
    const term = 1 + Math.max(...this.#state.voters.map((voter) => voter.term));
    if (term > this.#bounds.terms || (this.#bounds.candidates & (1 << id)) === 0) return;
    this.#may(`${nameOf(id)} stands for term ${term}`, (draft) => {
      const voter = this.#voter(draft, id);
      const ownAge = this.#is('the candidate leaves itself out') ? this.#figures.fenceWait : voter.contactAge;
      this.#enterTerm(voter, term);
      voter.role = { kind: 'candidate', contactAge: ownAge, votes: VOTERS.map(() => null), askedAge: 0 };
    });
  }

  #candidate(id: number, candidate: VoterState, role: Candidacy): void {
    for (const other of VOTERS) {
      const voter = this.#voter(this.#state, other);
      if (voter.term < candidate.term && isUpToDate(candidate.log, voter.log)) {
        this.#may(`${nameOf(other)} votes for ${nameOf(id)}`, (draft) => {
          const { role: asked } = this.#voter(draft, id);
          if (asked.kind === 'candidate') asked.votes[other] = voter.contactAge;
          this.#enterTerm(this.#voter(draft, other), candidate.term);
        });
      }
      // One more vote than its own is a majority of three.
      const age = role.votes[other];
      if (age !== null && age !== undefined) this.#may(`${nameOf(id)} gets the vote of ${nameOf(other)}`, (draft) => this.#win(draft, id, role, age));
    }
  }

  #win(draft: LeaseState, id: number, role: Candidacy, voterAge: number): void {
    const voter = this.#voter(draft, id);
    const contactAge = this.#contactAge(role, voterAge);
    const silentAge = this.#bounds.rule === 'lastContact' ? contactAge : 0;
    voter.role = { kind: 'leader', silentAge, round: null, heldFirst: 1 << id, heldProof: 0 };
    if (this.#is('a new leader does not wait')) voter.role.silentAge = this.#figures.fenceWait;
    if (this.#is('a new leader counts from what it heard as a follower')) voter.role.silentAge = voter.hearsayAge;
    voter.log += String(voter.term);
    voter.contactAge = 0;
    // Another leader of this voter's may have reached it; as a new one it hears what is still on its way.
    if (draft.keeper.renewal !== null) draft.keeper.renewal.reached &= ~(1 << id);
  }

  /** Since the latest contact of those who voted, itself included, by the candidate's clock from here on. */
  #contactAge({ contactAge, askedAge }: Candidacy, voterAge: number): number {
    if (this.#is('only the word of the candidate counts')) return contactAge;
    if (this.#is('the oldest word counts')) return Math.max(contactAge, voterAge);
    if (this.#is('ages count from when the vote was asked for')) return Math.min(contactAge, voterAge + askedAge);
    return Math.min(contactAge, voterAge);
  }

  /** Term, vote and log are on its disk; its role and what it acknowledged when are not. */
  #restart(id: number): void {
    if (this.#state.restarts >= this.#bounds.restarts) return;
    this.#may(`${nameOf(id)} starts anew`, (draft) => {
      const voter = this.#voter(draft, id);
      draft.restarts += 1;
      voter.role = { kind: 'follower' };
      voter.contactAge = this.#is('a restarted voter says that it never heard a leader') ? this.#figures.fenceWait : 0;
    });
  }

  // ---------------------------------------------------------------- what cannot matter any more

  /** Makes states equal that have the same future, so that there are fewer. */
  #forgetWhatCannotMatter(draft: LeaseState): void {
    const { voters } = draft;
    const { terms } = this.#bounds;
    const newestTerm = Math.max(...voters.map(({ term }) => term));
    for (const voter of voters) {
      const { role, term } = voter;
      // Who will never be asked for a vote needs no contact.
      const mayVote = newestTerm < terms || voters.some((other) => other.role.kind === 'candidate' && other.term > term);
      if (!mayVote) voter.contactAge = 0;
      // A leader whom a majority has left behind commits nothing any more, unless it is elected again.
      if (role.kind !== 'leader' || newestTerm < terms) continue;
      const isLeft = voters.filter((other) => other.term > term).length >= 2;
      if (isLeft) role.silentAge = 0;
    }
  }
}

function nameOf(id: number): string {
  return `V${id + 1}`;
}

function isMajority(mask: number): boolean {
  return mask === 0b011 || mask === 0b101 || mask === 0b110 || mask === 0b111;
}

const ZERO = '0'.charCodeAt(0);
const A = 'a'.charCodeAt(0);

/** Raft 5.4.1: the later term of the last entry wins, then the longer log. */
function isUpToDate(candidateLog: string, voterLog: string): boolean {
  const difference = lastTermOf(candidateLog) - lastTermOf(voterLog);
  return difference > 0 || (difference === 0 && candidateLog.length >= voterLog.length);
}

function lastTermOf(log: string): number {
  const last = log.charCodeAt(log.length - 1);
  return last < A ? last - ZERO : last - A + 1;
}
