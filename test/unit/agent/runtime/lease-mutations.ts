/**
 * Would bad weather find the faults that matter? Planted ones, each an edit of the real sources in a copy of the tree.
 *
 * An edit whose text is not there exactly once is refused, so the table cannot outlive the code that it is about.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Weather, WeatherKind } from './lease-weather.ts';

interface Edit {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

export interface Mutation {
  readonly name: string;
  readonly edits: readonly Edit[];
  /** Which promise it breaks. */
  readonly breaks: RegExp;
  /** The weather that finds it, where that of everything would take long. */
  readonly weather?: WeatherKind;
}

const HOLDER = 'agent/machines/lease-holder.ts';
const GRANTOR = 'agent/machines/lease-grantor.ts';
const FENCE = 'agent/machines/fence.ts';
const FENCER = 'agent/runtime/fencer.ts';
const WATCHES = 'agent/runtime/fencer-watches.ts';
const CONTACT = 'shared/ledger/node/leader-contact.ts';

export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'a renewal is granted without a quorum round',
    edits: [{ file: FENCER, from: 'void log.confirmLeadership().then(ended, () => ended(false));', to: 'ended(true);' }],
    breaks: /S8/,
  },
  {
    name: 'the fence wait allows for no drift and no margin',
    edits: [{ file: FENCE, from: 'return state.base.atMs + waits.fenceWaitMs;', to: 'return state.base.atMs + waits.nodeFenceMs;' }],
    breaks: /S8/,
  },
  {
    name: 'a new leader counts from what it heard as a follower',
    edits: [{ file: WATCHES, from: '{ atMs: nowMs, at: this.#ports.world.clock.wallTime() });', to: '{ atMs: this.#lastHeardAtMs(node) ?? nowMs - 4_000, at: this.#ports.world.clock.wallTime() });' }],
    breaks: /S8/,
  },
  {
    name: 'a new leader counts from its own contact with the former one only',
    edits: [{ file: CONTACT, from: 'Math.max(this.#told.latestAtMs, ', to: 'Math.min(this.#told.latestAtMs, ' }],
    breaks: /S8/, weather: 'coups',
  },
  {
    name: 'a voter that was started anew says that it never met a leader',
    edits: [{ file: CONTACT, from: 'if (this.#leads || this.#lastAtMs === null) return 0;', to: 'if (this.#leads) return 0;\n    if (this.#lastAtMs === null) return 60_000;' }],
    breaks: /S8/, weather: 'coups',
  },
  {
    name: 'a leader that was replaced tells of what it answered as a follower',
    edits: [
      { file: CONTACT, from: 'if (this.#leads) this.#lastAtMs = this.#clock.nowMs();', to: '' },
      { file: CONTACT, from: 'if (this.#leads || this.#lastAtMs === null) return 0;', to: 'if (this.#lastAtMs === null) return 0;' },
      { file: CONTACT, from: 'const ownAtMs = this.#leads ? nowMs : (this.#lastAtMs ?? nowMs);', to: 'const ownAtMs = this.#lastAtMs ?? nowMs;' },
    ],
    breaks: /S8/, weather: 'coups',
  },
  {
    name: 'the watchdog is petted after P',
    edits: [{ file: HOLDER, from: 'return state.confirmedAtMs + state.profile.petWindowMs;', to: 'return state.confirmedAtMs + 1.5 * state.profile.petWindowMs;' }],
    breaks: /S9|S8/,
  },
  {
    name: 'the keeper does not look at the clock before it pets',
    edits: [
      { file: HOLDER, from: "if (state.phase === 'armed' && atMs >= validUntilMs(state)) {", to: "if (state.phase === 'armed' && atMs >= validUntilMs(state) + 2_000) {" },
      { file: 'agent/keeper/keeper.ts', from: 'if (world.clock.nowMs() < effect.untilMs) watchdog.pet();', to: 'watchdog.pet();' },
    ],
    breaks: /S9/,
  },
  {
    name: 'a grant confirms whatever was sent last',
    edits: [{ file: HOLDER, from: `function onGranted(before: LivingState, atMs: number, nonce: string, leader: MemberId): Step<HolderState, HolderEffect> {
  const renewal = before.sent.find((one) => one.nonce === nonce);`, to: `function onGranted(before: LivingState, atMs: number, nonce: string, leader: MemberId): Step<HolderState, HolderEffect> {
  const renewal = nonce === '' ? undefined : before.sent.at(-1);` }],
    breaks: /S9|S8/,
  },
  {
    name: 'a lease lasts from the arrival of its grant',
    edits: [{ file: HOLDER, from: "{ state: { ...answered, confirmedAtMs: renewal.sentAtMs }, effects: [{ kind: 'tellAgent' }] }", to: "{ state: { ...answered, confirmedAtMs: atMs }, effects: [{ kind: 'tellAgent' }] }" }],
    breaks: /S9|S8/,
  },
  {
    name: 'a keeper that starts anew believes in a lease',
    edits: [{ file: HOLDER, from: "phase: 'unarmed', profile, voters, sequence: 0,", to: "phase: 'armed', confirmedAtMs: atMs, pettedAtMs: -Infinity, profile, voters, sequence: 0," }],
    breaks: /S9/,
  },
  {
    name: 'the committed intent is ignored',
    edits: [
      { file: GRANTOR, from: ' || node.fenceIntentIndex !== null', to: '' },
      { file: FENCE, from: "return state.power.phase !== 'idle' && state.power.phase !== 'refused';", to: 'return false;' },
    ],
    breaks: /S10|S8/,
  },
  {
    name: 'one report of a BMC is enough',
    edits: [{ file: FENCE, from: 'if (power.firstOffAtMs === null) {', to: 'if (power.firstOffAtMs === undefined) {' }],
    breaks: /S8/,
  },
];

/** Runs seeds against a copy of the tree with the edits, until one breaks the promise; the number of seeds that it took, or null. */
export async function seedsUntilFound(root: string, mutation: Mutation, seeds: number, forMs: number): Promise<number | null> {
  const copy = mkdtempSync(join(tmpdir(), 'lease-mutation-'));
  try {
    for (const path of ['agent/machines', 'agent/runtime', 'agent/keeper', 'shared', 'test/unit/agent/runtime', 'package.json']) {
      cpSync(join(root, path), join(copy, path), { recursive: true });
    }
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
    for (const edit of mutation.edits) plant(copy, edit);
    const weather = (await import(pathToFileURL(join(copy, 'test/unit/agent/runtime/lease-weather.ts')).href)) as {
      readonly runWeather: (seed: number, forMs: number, kind?: WeatherKind) => Promise<Weather>;
    };
    for (let seed = 1; seed <= seeds; seed += 1) {
      const { violations } = await weather.runWeather(seed, forMs, mutation.weather);
      if (violations.some((violation) => mutation.breaks.test(violation))) return seed;
    }
    return null;
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

function plant(copy: string, edit: Edit): void {
  const path = join(copy, edit.file);
  const text = readFileSync(path, 'utf8');
  const parts = text.split(edit.from);
  if (parts.length !== 2) throw new Error(`${edit.file} holds the text to change ${parts.length - 1} times: ${edit.from}`);
  writeFileSync(path, parts.join(edit.to));
}
