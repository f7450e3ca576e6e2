/**
 * Which mistakes does the log forgive least? Planted bugs in Raft: votes, commits, reads, members, snapshots.
 */
import type { Bug } from './bug.ts';

const RAFT = 'shared/ledger/raft/raft.ts';
const LOG = 'shared/ledger/raft/log.ts';
const VOTER = 'shared/ledger/node/voter.ts';
const QUORUM = 'shared/ledger/raft/quorum.ts';
const CONF = 'shared/ledger/raft/conf-change.ts';
const NODE = 'shared/ledger/node/ledger-node.ts';

export const RAFT_BUGS: readonly Bug[] = [
  {
    name: 'two-votes-in-a-term', arena: 'raft', breaks: ['S11'], seeds: 1_500,
    edits: [{ file: RAFT, find: '      (this.vote === null && this.leader === null) ||\n', replace: '      this.leader === null ||\n' }],
    why: 'a member votes twice in one term, so that two lead in it', source: 'S11, Raft 5.2',
  },
  {
    name: 'vote-for-a-shorter-log', arena: 'raft', breaks: ['S11'], seeds: 1_500,
    edits: [{ file: RAFT, find: 'return isFree && this.log.isUpToDate(message.lastIndex, message.lastTerm);', replace: 'return isFree;' }],
    why: 'a leader is elected that lacks committed entries', source: 'S11, Raft 5.4.1',
  },
  {
    name: 'commit-without-majority', arena: 'raft', breaks: ['S11'], seeds: 300,
    edits: [{ file: QUORUM, find: 'return descending[majorityOf(values.length) - 1] ?? 0;', replace: 'return descending[0] ?? 0;' }],
    why: 'an entry counts as committed that one member has saved', source: 'S11, Raft 5.3',
  },
  {
    name: 'commit-of-an-older-term', arena: 'raft', breaks: ['S11'], seeds: 80, theme: 'shortOffices',
    edits: [{ file: RAFT, find: 'return this.log.term(index) === this.term;', replace: 'return this.log.term(index) !== undefined;' }],
    why: 'an entry of a former term is committed by counting its copies', source: 'S11, Raft 5.4.2',
  },
  {
    name: 'read-without-round', arena: 'raft', breaks: ['S13'], seeds: 1_500,
    edits: [{ file: RAFT, find: 'id === this.id ? Number.MAX_SAFE_INTEGER : (this.#progress.get(id)?.ackedRound ?? 0),', replace: 'id === this.id || this.#progress.has(id) ? Number.MAX_SAFE_INTEGER : 0,' }],
    why: 'a leader that was replaced answers reads that are said to be fresh', source: 'SAFETY.md 1 (ReadIndex), Raft 6.4',
  },
  {
    name: 'read-below-noop', arena: 'raft', breaks: ['S13'], seeds: 3_000,
    edits: [
      { file: RAFT, find: 'return this.log.committed >= this.#termStart;', replace: 'return this.log.committed >= 0;' },
      { file: RAFT, find: '  protected readFloor(): number {\n    return this.#termStart;', replace: '  protected readFloor(): number {\n    return 0;' },
    ],
    why: 'a new leader answers reads before it knows what is committed', source: 'Raft 6.4', masked: 'the index of a read is never below the leader\'s no-op',
  },
  {
    name: 'two-member-changes', arena: 'raft', breaks: ['S11', 'S12'], seeds: 1_500,
    edits: [{ file: RAFT, find: 'return this.log.confIndex > this.log.applied;', replace: 'return this.log.confIndex < 0;' }],
    why: 'two changes of members are under way at once, and their majorities need not meet', source: 'SAFETY.md 3.3, S12, Raft 4.1',
  },
  {
    name: 'snapshot-forgets-members', arena: 'raft', breaks: ['S11', 'S12'], seeds: 600,
    edits: [{ file: RAFT, find: 'return term === undefined ? null : { index, term, conf: this.log.confAt(index), data };', replace: 'return term === undefined ? null : { index, term, conf: { ...this.log.confAt(index), voters: this.log.confAt(index).voters.slice(0, 2) }, data };' }],
    why: 'a snapshot carries other voters than the log had at its index', source: 'Raft 5.1',
  },
  {
    name: 'removed-by-two', arena: 'raft', breaks: ['S11', 'S12'], seeds: 1_500,
    edits: [{ file: CONF, find: "          voters: without(conf.voters, change.id),\n          learners: without(conf.learners, change.id),\n          witnesses", replace: "          voters: conf.voters.length > 2 ? without(conf.voters, change.id).slice(1) : without(conf.voters, change.id),\n          learners: without(conf.learners, change.id),\n          witnesses" }],
    why: 'a removal takes a second voter with it, so that consecutive majorities need not meet', source: 'S12, SAFETY.md 3.3',
  },
  {
    name: 'truncates-what-matches', arena: 'raft', breaks: ['S11'], seeds: 600,
    edits: [{ file: LOG, find: 'const firstNew = entries.findIndex((entry) => this.term(entry.index) !== entry.term);', replace: 'const firstNew = entries.findIndex((entry) => entry.index > this.committed);' }],
    why: 'an old append takes back entries that were acknowledged since', source: 'Raft 5.3 (if an existing entry conflicts)',
  },
  {
    name: 'vote-sent-before-saved', arena: 'cell', breaks: ['S11', 'S21'], seeds: 150, theme: 'votes',
    edits: [{ file: VOTER, find: '        await this.#save(ready);\n        if (this.#isStopped) return;\n        this.#contact.beforeSending();\n        for (const message of ready.messages) this.#send(withContact(this.#contact, message));', replace: '        this.#contact.beforeSending();\n        for (const message of ready.messages) this.#send(withContact(this.#contact, message));\n        await this.#save(ready);\n        if (this.#isStopped) return;' }],
    why: 'votes and acknowledgements leave before they are durable; a crash takes them back', source: 'SAFETY.md 1 (votes and term fsynced before reply)',
  },
  {
    name: 'vote-not-saved', arena: 'cell', breaks: ['S11', 'S21'], seeds: 80, theme: 'votes',
    edits: [{ file: VOTER, find: '...(hardState === null ? {} : { hardState }),', replace: '...(hardState === null ? {} : { hardState: { ...hardState, vote: null } }),' }],
    why: 'who a member voted for is forgotten when it restarts', source: 'SAFETY.md 6.2 (vote not fsynced)',
  },
  {
    name: 'fresh-read-from-memory', arena: 'cell', breaks: ['S13', 'S14', 'S6', 'S1'], seeds: 80, theme: 'laggards',
    edits: [{ file: NODE, find: 'const index = await this.#voter.readIndex(LEADER_ANSWER_MS);\n    if (index === null) throw notLeader(this.status().leader);', replace: "const index = this.#voter.status().role === 'leader' ? this.#replica.index : null;\n    if (index === null) throw notLeader(this.status().leader);" }],
    why: 'a member that led says how far the ledger is without asking anybody', source: 'SAFETY.md 2.3 (P1 to P4 from a ReadIndex-fresh view), S13',
  },
];
