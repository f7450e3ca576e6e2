/**
 * What is the state of one node's lease and of the voters that may end it?
 *
 * Time is a number of ticks, and each clock counts units of its own: from one a tick (a clock that is as slow as rho allows) to two (as fast as it
 * allows), so rho is 1/3 here and (1 + rho) / (1 - rho) is 2. No state holds a time; all hold ages, each by the clock of who measures
 * it, and no older than matters.
 */

/** A renewal on its way, or its grant. One at a time: see model.ts. */
export interface Renewal {
  /** Since it was sent, by the keeper's clock. */
  age: number;
  /** A grant for it was sent. */
  isGranted: boolean;
  /** Leaders (bit mask) that it reached. */
  reached: number;
}

/** The node whose lease it is. */
export interface KeeperState {
  /** Since the newest confirmed renewal was sent; null when this process knows of none. */
  leaseAge: number | null;
  /** Since the watchdog was petted. */
  petAge: number;
  /** A pet was decided on and not yet done. Only where the clock is not read again. */
  isPetting: boolean;
  renewal: Renewal | null;
}

/** Stands for election in its term. */
export interface Candidacy {
  /** Since the latest contact with a leader that it was told of, its own included. */
  contactAge: number;
  /** Votes on their way: the age that each tells, by voter; null where there is none. */
  votes: (number | null)[];
  /** Since it asked for votes. Kept only where that is used. */
  askedAge: number;
}

export interface Leadership {
  /** Since the last renewal that it may have granted, or what stands for that when it took office. */
  silentAge: number;
  /** Voters (bit mask) that answered the round under way for the renewal; null when none is. */
  round: number | null;
  /** Voters (bit mask) that hold the first entry of the term, and the proof; zero before it is proposed. */
  heldFirst: number;
  heldProof: number;
}

export type Role = { kind: 'follower' } | ({ kind: 'candidate' } & Candidacy) | ({ kind: 'leader' } & Leadership);

export interface VoterState {
  term: number;
  role: Role;
  /** One character for each entry: `1`, `2` ... the first entry of that term; `a`, `b` ... a proof of term 1, 2 ... */
  log: string;
  /** Since it last acknowledged anything to a leader (a leader: since it led), by its own clock. */
  contactAge: number;
  /** Since a renewal reached it as a follower. Kept only where that is used. */
  hearsayAge: number;
}

export interface LeaseState {
  keeper: KeeperState;
  voters: VoterState[];
  /** Units that each voter's clock counts in a tick, where clocks are steady. */
  rates: readonly number[];
  restarts: number;
  keeperRestarts: number;
  /** What went wrong, if anything did. */
  isPettedLate: boolean;
  isProvenWhileRunning: boolean;
}

/** A copy that may be changed. */
export function draftOf(state: LeaseState): LeaseState {
  const { keeper } = state;
  return {
    ...state,
    keeper: { ...keeper, renewal: keeper.renewal === null ? null : { ...keeper.renewal } },
    voters: state.voters.map((voter) => ({ ...voter, role: copyOf(voter.role) })),
  };
}

function copyOf(role: Role): Role {
  return role.kind === 'candidate' ? { ...role, votes: [...role.votes] } : { ...role };
}

export function keyOf(state: LeaseState): string {
  const { keeper, voters, rates } = state;
  const { renewal } = keeper;
  let key = `${keeper.leaseAge ?? '-'}${keeper.petAge}${+keeper.isPetting}`;
  key += renewal === null ? '-' : `${renewal.age}${+renewal.isGranted}${renewal.reached}`;
  key += `${+state.isPettedLate}${+state.isProvenWhileRunning}${state.restarts}${state.keeperRestarts}${rates.join('')}`;
  for (const voter of voters) key += `|${voter.term}${voter.log},${voter.contactAge},${voter.hearsayAge}${roleKey(voter.role)}`;
  return key;
}

function roleKey(role: Role): string {
  if (role.kind === 'follower') return 'f';
  if (role.kind === 'candidate') return `c${role.contactAge},${role.votes.map((age) => age ?? '-').join(',')},${role.askedAge}`;
  return `l${role.silentAge},${role.round ?? '-'},${role.heldFirst},${role.heldProof}`;
}
