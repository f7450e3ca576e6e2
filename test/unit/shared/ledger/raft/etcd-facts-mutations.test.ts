import { readdirSync, readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { RaftOptions } from '../../../../../shared/ledger/raft/options.ts';
import type { Message, MessageOf, StepResult } from '../../../../../shared/ledger/raft/types.ts';
import { OpenRaft } from './cluster.ts';
import { playFact, readFacts } from './etcd-facts.ts';
import type { MakeRaft } from './etcd-facts.ts';

const folder = new URL('etcd-facts/', import.meta.url);
const FACTS = readdirSync(folder).filter((name) => name.endsWith('.txt')).flatMap((file) => readFacts(readFileSync(new URL(file, folder), 'utf8')));

const ACCEPTED: StepResult = { kind: 'accepted' };
type Ask = MessageOf<'vote' | 'preVote'>;

class VotesForAnyLog extends OpenRaft {
  protected override mayGrant({ from, kind }: Ask): boolean {
    return this.vote === from || (this.vote === null && this.leader === null) || kind === 'preVote';
  }
}
class VotesTwice extends OpenRaft {
  protected override mayGrant({ lastIndex, lastTerm }: Ask): boolean {
    return this.log.isUpToDate(lastIndex, lastTerm);
  }
}
class ComparesLengthsOnly extends OpenRaft {
  protected override mayGrant(message: Ask): boolean {
    return super.mayGrant(message) || (this.vote === null && this.leader === null && message.lastIndex >= this.log.lastIndex);
  }
}
class NeverSticks extends OpenRaft {
  protected override isSticky(): boolean {
    return false;
  }
}
class SticksToItsLeader extends OpenRaft {
  protected override isSticky(): boolean {
    return this.leader !== null;
  }
}
class CountsOldTerms extends OpenRaft {
  protected override mayCommit(): boolean {
    return true;
  }
}
class CommitsAlone extends OpenRaft {
  protected override majorityMatch(): number {
    return this.log.stable;
  }
}
class CountsItselfAlways extends OpenRaft {
  protected override majorityMatch(): number {
    const others = super.majorityMatch();
    return this.log.conf.voters.includes(this.id) ? others : this.log.stable;
  }
}
class NeverStepsDown extends OpenRaft {
  protected override isQuorumActive(): boolean {
    return true;
  }
}
class WantsEverybody extends OpenRaft {
  protected override isQuorumActive(): boolean {
    return super.isQuorumActive() && this.peers().every(({ recentActive }) => recentActive);
  }
}
class LearnersCampaign extends OpenRaft {
  protected override mayCampaign(): boolean {
    return this.log.pendingSnapshot === null;
  }
}
class CampaignsOverSnapshots extends OpenRaft {
  protected override mayCampaign(): boolean {
    return this.log.conf.voters.includes(this.id);
  }
}
class ReadsAtOnce extends OpenRaft {
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

/** A machine that does not hear some messages. */
const deafTo = (isUnheard: (message: Message, raft: OpenRaft) => boolean): MakeRaft => (options) => {
  class Deaf extends OpenRaft {
    override step(value: unknown): StepResult {
      return isUnheard(value as Message, this) ? ACCEPTED : super.step(value);
    }
  }
  return new Deaf(options);
};
/** A machine that hears some messages as others. */
const mishearing = (change: (message: Message, raft: OpenRaft) => object): MakeRaft => (options) => {
  class Mishearing extends OpenRaft {
    override step(value: unknown): StepResult {
      return super.step(change(value as Message, this));
    }
  }
  return new Mishearing(options);
};
const made = (Mutant: new (options: RaftOptions) => OpenRaft): MakeRaft => (options) => new Mutant(options);
const isVoter = (raft: OpenRaft): boolean => raft.status().conf.voters.includes(raft.id);

const MUTANTS: readonly (readonly [string, MakeRaft])[] = [
  ['a vote for a log that lacks entries', made(VotesForAnyLog)],
  ['two votes in one term', made(VotesTwice)],
  ['a vote for a log that is long but old', made(ComparesLengthsOnly)],
  ['a vote while the leader is heard', made(NeverSticks)],
  ['a vote never given once a leader was heard', made(SticksToItsLeader)],
  ['counting copies of entries of older terms', made(CountsOldTerms)],
  ['a commit without a majority', made(CommitsAlone)],
  ['a leader that counts itself after it left', made(CountsItselfAlways)],
  ['a leader that stays without a majority', made(NeverStepsDown)],
  ['a leader that wants to hear everybody', made(WantsEverybody)],
  ['a learner that campaigns', made(LearnersCampaign)],
  ['a campaign before the snapshot is installed', made(CampaignsOverSnapshots)],
  ['a read without a quorum', made(ReadsAtOnce)],
  ['a read before the no-op', made(ReadsBelowItsNoop)],
  ['two changes at once', made(ChangesTwoAtOnce)],
  ['a learner that gives no vote', deafTo((message, raft) => message.kind === 'vote' && !isVoter(raft))],
  ['a refusal that changes nothing', deafTo((message) => message.kind === 'appendRejected')],
  ['a refused vote that is not counted', deafTo((message) => (message.kind === 'voteResponse' || message.kind === 'preVoteResponse') && !message.isGranted)],
  ['a leader that is not told of later terms', deafTo((message) => message.kind === 'staleTerm')],
  ['a transfer that is not heard', deafTo((message) => message.kind === 'timeoutNow')],
  ['answers to heartbeats that wake nobody', deafTo((message) => message.kind === 'heartbeatResponse')],
  ['a snapshot that is not taken', deafTo((message) => message.kind === 'snapshot')],
  ['a snapshot taken as the members were', mishearing((message, raft) => (message.kind === 'snapshot' ? { ...message, snapshot: { ...message.snapshot, conf: raft.status().conf } } : message))],
  ['an order of the leader that needs the pre-vote', deafTo((message, raft) => message.kind === 'vote' && message.isTransfer && raft.status().leader !== null)],
];

const mutations = suite('a fact that etcd tells');

mutations('stands in no story twice', () => {
  assert.is(new Set(FACTS.map(({ name }) => name)).size, FACTS.length);
});

for (const [mistake, make] of MUTANTS) {
  mutations(`notices ${mistake}`, () => {
    const isNoticed = FACTS.some((fact) => {
      try {
        playFact(fact, make);
        return false;
      } catch {
        return true;
      }
    });
    assert.ok(isNoticed, 'every fact holds all the same');
  });
}

mutations('fails when a line is not understood, or when it asks nothing', () => {
  const play = (text: string): void => readFacts(text).forEach((fact) => playFact(fact));
  assert.throws(() => play('fact x\nfrom y\nvoters a\ndance a\nis a term=0'), /line 4.*not understood/u);
  assert.throws(() => play('fact x\nfrom y\nvoters a\ncampaign a'), /asks nothing/u);
  assert.throws(() => play('fact x\nfrom y\nvoters a\nis a term=1'), /term of a is 0, not 1/u);
  assert.throws(() => play('fact x\nvoters a\nis a term=0'), /not where it is from/u);
});

mutations.run();
