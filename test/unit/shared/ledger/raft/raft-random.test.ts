import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Raft } from '../../../../../shared/ledger/raft/raft.ts';
import type { RaftOptions } from '../../../../../shared/ledger/raft/options.ts';
import type { MessageOf } from '../../../../../shared/ledger/raft/types.ts';
import { Cluster, OpenRaft } from './cluster.ts';
import type { ClusterOptions } from './cluster.ts';

/** Enough weather for every run of the tests; `random-weather.ts` beside this file takes any number of seeds. */
const SEEDS = 300;
const STEPS = 2000;
/** With short offices there are some twenty elections in so many steps. */
const SHORT_SEEDS = 60;
const SHORT_STEPS = 10_000;
/** A planted bug may need rare weather: a stale leader must still believe in itself while another one commits. */
const SEEDS_PER_BUG = 1500;

const random = suite('raft in random weather');

random('keeps every promise and goes on when the weather calms', () => {
  const seen = { reads: 0, elections: 0, commits: 0 };
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const cluster = new Cluster({ seed, steps: STEPS });
    try {
      cluster.run();
    } catch (cause) {
      const replay = `node test/unit/shared/ledger/raft/random-weather.ts ${seed} 1 ${STEPS}`;
      throw new Error(`seed ${seed} broke a promise; replay it with: ${replay}`, { cause });
    }
    seen.reads += cluster.checks.readsConfirmed;
    seen.elections += cluster.checks.elections;
    seen.commits += cluster.checks.acknowledged;
  }
  // The weather must not be so bad that nothing happens in it.
  assert.ok(seen.reads > SEEDS * 2, `${seen.reads} reads`);
  assert.ok(seen.elections > SEEDS, `${seen.elections} elections`);
  assert.ok(seen.commits > SEEDS * 5, `${seen.commits} commits`);
});

random('keeps every promise when leaders reach few and soon die', () => {
  let elections = 0;
  for (let seed = 1; seed <= SHORT_SEEDS; seed += 1) {
    const cluster = new Cluster({ seed, steps: SHORT_STEPS, areOfficesShort: true });
    try {
      cluster.run();
    } catch (cause) {
      throw new Error(`seed ${seed} broke a promise; replay it with: node test/unit/shared/ledger/raft/random-weather.ts ${seed} 1 ${SHORT_STEPS} --short-offices`, { cause });
    }
    elections += cluster.checks.elections;
  }
  assert.ok(elections > SHORT_SEEDS * 15, `${elections} elections`);
});

random('is the same for the same seed', () => {
  const run = (): string => {
    const lines: string[] = [];
    class Told extends OpenRaft {
      override step(value: unknown): ReturnType<Raft['step']> {
        lines.push(JSON.stringify(value));
        return super.step(value);
      }
    }
    new Cluster({ seed: 7, steps: STEPS, makeRaft: (options) => new Told(options) }).run();
    return lines.join('\n');
  };
  const first = run();
  assert.ok(first.length > 1000);
  assert.is(run(), first);
});

class CommitsAlone extends OpenRaft {
  protected override majorityMatch(): number {
    return this.log.stable;
  }
}
class VotesTwice extends OpenRaft {
  protected override mayGrant({ lastIndex, lastTerm }: MessageOf<'vote' | 'preVote'>): boolean {
    return this.log.isUpToDate(lastIndex, lastTerm);
  }
}
class VotesForAnyLog extends OpenRaft {
  protected override mayGrant({ from, kind }: MessageOf<'vote' | 'preVote'>): boolean {
    return this.vote === from || (this.vote === null && this.leader === null) || kind === 'preVote';
  }
}
class ReadsWithoutQuorum extends OpenRaft {
  protected override confirmedRound(): number {
    return Number.MAX_SAFE_INTEGER;
  }
}
class ReadsBelowItsNoop extends OpenRaft {
  protected override readFloor(): number {
    return 0;
  }
  protected override isTermCommitted(): boolean {
    return true;
  }
}
class ChangesTwoAtOnce extends OpenRaft {
  protected override isConfChangePending(): boolean {
    return false;
  }
}

const mutant = (make: (options: RaftOptions) => OpenRaft): Partial<ClusterOptions> => ({ makeRaft: make });

/** Each is a protocol bug that somebody has shipped. Counting old terms and hasty changes have scripts of their own. */
const BUGS: readonly (readonly [string, Partial<ClusterOptions>])[] = [
  ['a commit without a majority', mutant((options) => new CommitsAlone(options))],
  ['two votes in one term', mutant((options) => new VotesTwice(options))],
  ['a vote for a log that lacks entries', mutant((options) => new VotesForAnyLog(options))],
  ['a read without a quorum', mutant((options) => new ReadsWithoutQuorum(options))],
  ['a read before the no-op', mutant((options) => new ReadsBelowItsNoop(options))],
  ['two changes of membership at once', mutant((options) => new ChangesTwoAtOnce(options))],
  ['a vote that is not saved', { loopFault: 'voteIsNotSaved' }],
  ['a hard state that is not saved', { loopFault: 'hardStateIsNotSaved' }],
  ['entries that are not saved', { loopFault: 'entriesAreNotSaved' }],
  ['messages sent before saving', { loopFault: 'sendsBeforeSaving' }],
];

for (const [bug, options] of BUGS) {
  random(`finds ${bug}`, () => {
    for (let seed = 1; seed <= SEEDS_PER_BUG; seed += 1) {
      try {
        new Cluster({ ...options, seed, steps: STEPS }).run();
      } catch {
        return;
      }
    }
    assert.unreachable(`${SEEDS_PER_BUG} seeds did not find it`);
  });
}

random.run();
