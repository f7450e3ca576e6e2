/**
 * Which mistakes let a node run on that counts as dead? Planted bugs in leases, watchdogs, fencing and power.
 */
import type { Bug } from './bug.ts';

const HOLDER = 'agent/machines/lease-holder.ts';
const GRANTOR = 'agent/machines/lease-grantor.ts';
const HEARD = 'agent/machines/lease-heard.ts';
const CONTACT = 'shared/ledger/node/leader-contact.ts';
const FENCE = 'agent/machines/fence.ts';
const FENCER = 'agent/runtime/fencer.ts';
const WATCHES = 'agent/runtime/fencer-watches.ts';
const KEEPER = 'agent/keeper/keeper.ts';
const APPLY = 'shared/ledger/apply-fence.ts';

export const LEASE_BUGS: readonly Bug[] = [
  {
    name: 'grant-without-round', arena: 'leases', breaks: ['S8'], seeds: 250,
    edits: [{ file: FENCER, find: 'void log.confirmLeadership().then(ended, () => ended(false));', replace: 'ended(true);' }],
    why: 'a leader that was replaced without knowing it keeps nodes alive', source: 'SAFETY.md 0.6, 4.2',
  },
  {
    name: 'grant-by-older-round', arena: 'cell', breaks: ['S9', 'S8'], seeds: 30, theme: 'ledger',
    edits: [
      { file: GRANTOR, find: 'for (const { renewal, address, arrivedAtMs } of confirmed ? round.renewals : []) {', replace: 'for (const { renewal, address, arrivedAtMs } of confirmed ? [...round.renewals, ...before.waiting.values()] : []) {' },
    ],
    why: 'a round that began before a renewal came confirms it', source: 'SAFETY.md 4.2 (a quorum round started after)',
  },
  {
    name: 'proof-without-drift', arena: 'leases', breaks: ['S8'], seeds: 1_000,
    edits: [{ file: FENCE, find: 'return state.base.atMs + waits.fenceWaitMs;', replace: 'return state.base.atMs + waits.nodeFenceMs;' }],
    why: 'the fence wait allows for no drift of clocks and no margin', source: 'SAFETY.md 4.2',
  },
  {
    name: 'proof-before-wait', arena: 'cell', breaks: ['S8', 'S1', 'S9'], seeds: 60, theme: 'leases',
    edits: [{ file: FENCE, find: 'return state.base.atMs + waits.fenceWaitMs;', replace: 'return state.base.atMs + waits.fenceWaitMs / 3;' }],
    why: 'a node is proven dead while its watchdog may still count', source: 'SAFETY.md 4.2 (proof before F)',
  },
  {
    name: 'new-leader-trusts-hearsay', arena: 'leases', breaks: ['S8'], seeds: 250,
    edits: [{ file: WATCHES, find: '{ atMs: nowMs, at: this.#ports.world.clock.wallTime() });', replace: '{ atMs: this.#lastHeardAtMs(node) ?? nowMs - 4_000, at: this.#ports.world.clock.wallTime() });' }],
    why: 'a new leader counts F from what it heard as a follower; the old one may have granted later renewals', source: 'SAFETY.md 4.2 (new leader)',
  },
  {
    name: 'contact-of-one-voter', arena: 'leases', breaks: ['S8'], seeds: 250, theme: 'coups',
    edits: [{ file: CONTACT, find: 'Math.max(this.#told.latestAtMs, ', replace: 'Math.min(this.#told.latestAtMs, ' }],
    why: 'a new leader counts F from the earliest contact that its voters had with a former one, not the latest', source: 'SAFETY.md 4.2 (g = max over the voters)',
  },
  {
    name: 'contact-forgotten', arena: 'leases', breaks: ['S8'], seeds: 250, theme: 'coups',
    edits: [{ file: CONTACT, find: 'if (this.#leads || this.#lastAtMs === null) return 0;', replace: 'if (this.#leads) return 0;\n    if (this.#lastAtMs === null) return 60_000;' }],
    why: 'a voter that was started anew says that it never met a leader', source: 'SAFETY.md 4.2 (a voter that restarted reports age 0)',
  },
  {
    name: 'contact-without-own-office', arena: 'leases', breaks: ['S8'], seeds: 250, theme: 'coups',
    edits: [
      { file: CONTACT, find: 'if (this.#leads) this.#lastAtMs = this.#clock.nowMs();', replace: '' },
      { file: CONTACT, find: 'if (this.#leads || this.#lastAtMs === null) return 0;', replace: 'if (this.#lastAtMs === null) return 0;' },
      { file: CONTACT, find: 'const ownAtMs = this.#leads ? nowMs : (this.#lastAtMs ?? nowMs);', replace: 'const ownAtMs = this.#lastAtMs ?? nowMs;' },
    ],
    why: 'a leader that was replaced tells of what it answered as a follower, not of its own office', source: 'SAFETY.md 4.2, shared/ledger/node/leader-contact.ts',
  },
  {
    name: 'proof-outlives-term', arena: 'cell', breaks: ['S9', 'S8'], seeds: 150, theme: 'stalls',
    edits: [
      { file: WATCHES, find: "if (this.#isStopped || role !== 'leader' || term !== this.#term) return", replace: "if (role === null || term === -1) return" },
      { file: APPLY, find: 'if (command.term !== entry.term) return rejected(', replace: 'if (command.term > entry.term) return rejected(' },
    ],
    why: 'what one leader proved is committed in the term of another, who granted the node a lease meanwhile', source: 'SAFETY.md 4.2, shared/ledger/apply-fence.ts',
    masked: 'the ledger refuses a proof of another term',
  },
  {
    name: 'pets-after-window', arena: 'leases', breaks: ['S9', 'S8'], seeds: 250,
    edits: [{ file: HOLDER, find: 'return state.confirmedAtMs + state.profile.petWindowMs;', replace: 'return state.confirmedAtMs + 1.5 * state.profile.petWindowMs;' }],
    why: 'the keeper pets the watchdog longer than P', source: 'SAFETY.md 4.2, S9',
  },
  {
    name: 'pets-without-looking', arena: 'leases', breaks: ['S9'], seeds: 250,
    edits: [
      { file: HOLDER, find: "if (state.phase === 'armed' && atMs >= validUntilMs(state)) {", replace: "if (state.phase === 'armed' && atMs >= validUntilMs(state) + 2_000) {" },
      { file: KEEPER, find: 'if (world.clock.nowMs() < effect.untilMs) watchdog.pet();', replace: 'watchdog.pet();' },
    ],
    why: 'a keeper that was paused pets before it looks at the clock', source: 'SAFETY.md 4.2', masked: 'the edge reads the clock again right before it pets',
  },
  {
    name: 'lease-from-receipt', arena: 'leases', breaks: ['S9', 'S8'], seeds: 250,
    edits: [{ file: HOLDER, find: "{ state: { ...answered, confirmedAtMs: renewal.sentAtMs }, effects: [{ kind: 'tellAgent' }] }", replace: "{ state: { ...answered, confirmedAtMs: atMs }, effects: [{ kind: 'tellAgent' }] }" }],
    why: 'a lease counts from the receipt of the grant, not from the sending of the renewal', source: 'SAFETY.md 4.2 (t_s)',
  },
  {
    name: 'grant-confirms-newest', arena: 'leases', breaks: ['S9', 'S8'], seeds: 250,
    edits: [{
      file: HOLDER, find: 'leader: MemberId): Step<HolderState, HolderEffect> {\n  const renewal = before.sent.find((one) => one.nonce === nonce);\n  if (renewal === undefined) return { state: before, effects: [] };\n  const answered',
      replace: 'leader: MemberId): Step<HolderState, HolderEffect> {\n  const renewal = nonce === \'\' ? undefined : before.sent.at(-1);\n  if (renewal === undefined) return { state: before, effects: [] };\n  const answered',
    }],
    why: 'a grant confirms the renewal that was sent last, whichever it answers', source: 'SAFETY.md 4.2 (grant echoes the renewal\'s nonce)',
  },
  {
    name: 'armed-without-grant', arena: 'leases', breaks: ['S9'], seeds: 250,
    edits: [{ file: HOLDER, find: "phase: 'unarmed', profile, voters, sequence: 0,", replace: "phase: 'armed', confirmedAtMs: atMs, pettedAtMs: -Infinity, profile, voters, sequence: 0," }],
    why: 'a keeper that starts anew believes in a lease that nobody gave it', source: 'SAFETY.md 5.5 (keeper crash)',
  },
  {
    name: 'fenced-boot-granted', arena: 'leases', breaks: ['S10', 'S8'], seeds: 250,
    edits: [
      { file: GRANTOR, find: ' || node.fenceIntentIndex !== null', replace: '' },
      { file: FENCE, find: "return state.power.phase !== 'idle' && state.power.phase !== 'refused';", replace: 'return false;' },
    ],
    why: 'a boot whose fencing is committed renews its lease', source: 'SAFETY.md 5.1 (no resurrect), S10', masked: 'the leader that proposed the intent halts its grants by itself',
  },
  {
    name: 'one-report-of-off', arena: 'leases', breaks: ['S8'], seeds: 250,
    edits: [{ file: FENCE, find: 'if (power.firstOffAtMs === null) {', replace: 'if (power.firstOffAtMs === undefined) {' }],
    why: 'a BMC that says `off` once is believed', source: 'SAFETY.md 5.5 (BMC lies)',
  },
  {
    name: 'power-without-intent', arena: 'cell', breaks: ['S10', 'S8'], seeds: 60, theme: 'power',
    edits: [
      { file: FENCE, find: "return { state: { ...state, power: { phase: 'intending', retryAtMs: null } }, effects: [{ kind: 'proposeIntent', byPower: true, reason: event.reason }] };", replace: 'return orderPowerOff(state, event, 0);' },
      { file: APPLY, find: 'if (node.fenceIntentIndex === null) return rejected(', replace: 'if (node.fenceIntentIndex === -1) return rejected(' },
    ],
    why: 'a node is switched off before the ledger says so, so a BMC that lies is believed while leases go on', source: 'SAFETY.md 5.1 (FenceIntent needed before power-off)',
    masked: 'the ledger refuses a proof by power without an intent',
  },
  {
    name: 'repeated-heartbeat-counts', arena: 'cell', breaks: ['L1', 'L2', 'L3'], seeds: 30, theme: 'echoes',
    edits: [{ file: 'shared/ledger/node/heartbeat-path.ts', find: 'if (message === null || isRemoved(from) || !isNews(from, message)) return;', replace: 'if (message === null || isRemoved(from)) return;' }],
    why: 'heartbeats of a dead leader that somebody repeats keep the others from electing', source: 'SAFETY.md 6.2 (26: replayed messages), L1',
  },
  {
    name: 'replayed-renewal-counts', arena: 'cell', breaks: ['S8', 'S9', 'L2', 'L9'], seeds: 20, theme: 'echoes',
    edits: [{ file: HEARD, find: "if (renewal.nonce <= previous.nonce) return { ...fresh, heard: before, isFresh: false };\n    return sameBoot(before, last, pace);", replace: 'return sameBoot(before, last, pace);' }],
    why: 'a repeated or overtaken renewal counts as a sign of life', source: 'SAFETY.md 6.2 (26: replayed messages)',
  },
];
