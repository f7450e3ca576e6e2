/**
 * Are Raft's promises kept by voters whose disks are damaged, who begin anew under another name and take their old seat's place?
 * S11 and S12 of the healing protocol, property by property: each has a mistake that only it forbids, found by its own check.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { RaftOptions } from '../../../../../shared/ledger/raft/options.ts';
import type { ConfChange, Entry, Message, MessageOf, Proposed, Rejected, StepResult } from '../../../../../shared/ledger/raft/types.ts';
import { Cluster, OpenRaft } from './cluster.ts';
import type { ClusterOptions } from './cluster.ts';

const SEEDS = 250;
const STEPS = 2000;

const histories = suite('raft with disks that fail');

histories('keeps every promise, replaces who lost its memory, and goes on', () => {
  const seen = { amnesias: 0, elections: 0, commits: 0 };
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const cluster = new Cluster({ seed, steps: STEPS, stores: true });
    try {
      cluster.run();
    } catch (cause) {
      throw new Error(`seed ${seed} broke a promise; replay it with: node test/unit/shared/ledger/raft/random-weather.ts ${seed} 1 ${STEPS} --stores`, { cause });
    }
    seen.amnesias += cluster.amnesias;
    seen.elections += cluster.checks.elections;
    seen.commits += cluster.checks.acknowledged;
  }
  assert.ok(seen.amnesias > SEEDS / 4, `${seen.amnesias} lost their memory`);
  assert.ok(seen.elections > SEEDS, `${seen.elections} elections`);
  assert.ok(seen.commits > SEEDS * 5, `${seen.commits} commits`);
});

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
class CommitsAlone extends OpenRaft {
  protected override majorityMatch(): number {
    return this.log.stable;
  }
}
/** Takes entries without looking whether what comes before them is the same. */
class TakesAnyAppend extends OpenRaft {
  override step(value: unknown): StepResult {
    const message = value as Message;
    const own = message.kind === 'append' ? this.log.term(message.prevIndex) : undefined;
    const entries = message.kind === 'append' ? message.entries : [];
    const mayFollow = own !== undefined && entries.every((entry: Entry) => entry.term >= own);
    return super.step(mayFollow ? { ...message, prevTerm: own } : message);
  }
}
/** A configuration counts once it is committed, as in etcd, but nobody waits for it before standing for election. */
class CountsCommittedMembers extends OpenRaft {
  constructor(options: RaftOptions) {
    super(options);
    const { log } = this;
    Object.defineProperty(log, 'conf', { get: () => log.confAt(log.committed) });
  }
}
/** A removal takes the next voter with it. */
class RemovesTwo extends OpenRaft {
  override proposeConfChange(change: ConfChange): Proposed | Rejected {
    const result = super.proposeConfChange(change);
    const entry = this.log.slice(this.log.lastIndex, this.log.lastIndex, Infinity)[0];
    if (result.kind === 'proposed' && change.kind === 'remove' && entry?.kind === 'confChange' && entry.data.conf.voters.length > 1) {
      Object.assign(entry.data.conf, { voters: entry.data.conf.voters.slice(1) });
    }
    return result;
  }
}

const mutant = (make: (options: RaftOptions) => OpenRaft): Partial<ClusterOptions> => ({ stores: true, makeRaft: make });

/** What is broken, by which mistake, how its check says so, and within how many seeds it is found (several times what it took). */
const BUGS: readonly (readonly [string, Partial<ClusterOptions>, RegExp, number])[] = [
  ['election safety: two votes in one term', { ...mutant((options) => new VotesTwice(options)), blindTo: 'votes' }, /both lead term/u, 60],
  ['one vote for each voter and term: a damaged slot, and trust in the older one', { stores: true, loopFault: 'trustsTheOlderSlot' }, /voted for/u, 150],
  ['one vote for each voter and term: memory lost, and the name kept', { stores: true, loopFault: 'keepsItsName' }, /voted for/u, 500],
  ['log matching: entries taken whatever lies before them', mutant((options) => new TakesAnyAppend(options)), /two entries/u, 800],
  ['leader completeness: a vote for a log that lacks entries', mutant((options) => new VotesForAnyLog(options)), /lacks committed entry/u, 150],
  ['leader completeness: a log that lost its end, taken as it is', { stores: true, loopFault: 'takesAShorterLog' }, /lacks committed entry/u, 60],
  ['state machine safety: a commit without a majority', { ...mutant((options) => new CommitsAlone(options)), blindTo: 'completeness' }, /others applied/u, 60],
  ['state machine safety: members that count only once they are committed', mutant((options) => new CountsCommittedMembers(options)), /others applied|lacks committed entry|both lead/u, 400],
  ['consecutive majorities that meet: two voters removed in one step', mutant((options) => new RemovesTwo(options)), /need not meet/u, 60],
  ['what was compacted: a snapshot that is not saved', { loopFault: 'compactsUnsaved' }, /are missing|was stored/u, 20],
];

for (const [promise, options, said, seeds] of BUGS) {
  histories(`notices a break of ${promise}`, () => {
    for (let seed = 1; seed <= seeds; seed += 1) {
      try {
        new Cluster({ ...options, seed, steps: STEPS }).run();
      } catch (error) {
        if (said.test(String(error))) return;
      }
    }
    assert.unreachable(`${seeds} seeds did not find it`);
  });
}

histories.run();
