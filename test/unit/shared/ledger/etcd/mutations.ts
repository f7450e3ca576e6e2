/**
 * Would the weather find the faults that matter? Planted ones, each an edit of the real sources in a copy of the tree.
 *
 * An edit whose text is not there exactly once is refused, so the table cannot outlive the code that it is about.
 */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Outcome } from './weather.ts';

export interface Mutation {
  readonly name: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** Which fault the weather has to name. */
  readonly breaks: RegExp;
}

const HERE = 'test/unit/shared/ledger/etcd';
const LEDGER = 'shared/ledger/etcd/etcd-ledger.ts';
const MEMBER = 'shared/ledger/etcd/member.ts';

export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'leadership is confirmed without a read', file: LEDGER, breaks: /was confirmed by a round/,
    from: "const { head } = await this.#freshWithin(LEADER_ANSWER_MS, 'confirm that this member leads');", to: 'const { head } = await Promise.resolve(this.#member);',
  },
  {
    name: 'a read that is under way answers who asks later', file: 'shared/ledger/etcd/fresh-reads.ts', breaks: /a fresh read showed|was confirmed by a round/,
    from: 'const asked = [...this.#waiters];', to: 'const asked = this.#waiters;',
  },
  {
    name: 'a refused write is written again although an earlier one carried the same', file: MEMBER, breaks: /in the log twice/,
    from: '...commit.open], unsettledRevision', to: '...commit.proposals], unsettledRevision',
  },
  {
    name: 'a process that was started anew resumes its term', file: LEDGER, breaks: /was begun by/,
    from: 'session: `${self}.${hexDigits(world.chance, 16)}`', to: 'session: `${self}.${hexDigits(world.chance, 16).slice(16)}`',
  },
  {
    name: 'a term that was given up is led again', file: MEMBER, breaks: /was begun by/,
    from: 'head.term <= before.resignedTerm || ', to: '',
  },
  {
    name: 'a campaign does not begin a new term', file: MEMBER, breaks: /was begun by/,
    from: 'const term = Math.max(head.value.term, state.resignedTerm) + 1;', to: 'const term = Math.max(1, head.value.term);',
  },
  {
    name: 'a refused write counts as one that happened', file: LEDGER, breaks: /states differ|was acknowledged|a member ended/,
    from: "outcome: happened ? 'happened' : 'refused'", to: "outcome: 'happened'",
  },
  {
    name: 'a write without an answer counts as one that happened', file: LEDGER, breaks: /states differ|was acknowledged|a member ended/,
    from: "this.#feed({ kind: 'writeEnded', number, outcome: 'unknown', revision: 0 });", to: "this.#feed({ kind: 'writeEnded', number, outcome: 'happened', revision: fromRevision + 1 });",
  },
  {
    name: 'a snapshot is named by the index after it', file: LEDGER, breaks: /states differ|follows|a member ended/,
    from: 'const snapshot = { index: this.#replica.index,', to: 'const snapshot = { index: this.#replica.index + 1,',
  },
  {
    name: 'a snapshot takes entries along that came after it', file: LEDGER, breaks: /a member ended|cannot|no progress|members differ/,
    from: 'const kept = head.base.index - Math.floor(this.#snapshotEvery() / 2);', to: 'const kept = head.index + 1;',
  },
  {
    name: 'a user\'s command that is asked for again is appended again', file: LEDGER, breaks: /had its effect twice/,
    from: 'if (earlier !== null) return earlier;', to: 'void earlier;',
  },
  {
    name: 'a fresh read believes what was heard', file: LEDGER, breaks: /a fresh read showed/,
    from: "const { head } = await this.#freshWithin(options.timeoutMs, 'read the ledger');", to: 'const { head } = await Promise.resolve(this.#member);',
  },
];

/** Runs seeds against a copy of the tree with the edit, until one shows the fault; the number of seeds that it took, or null. */
export async function seedsUntilFound(root: string, mutation: Mutation, seeds: number): Promise<number | null> {
  const copy = mkdtempSync(join(tmpdir(), 'etcd-mutation-'));
  try {
    for (const path of ['shared', HERE, 'test/support', 'package.json']) {
      mkdirSync(dirname(join(copy, path)), { recursive: true });
      cpSync(join(root, path), join(copy, path), { recursive: true });
    }
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
    plant(copy, mutation);
    const { runWeather } = (await import(pathToFileURL(join(copy, HERE, 'weather.ts')).href)) as { readonly runWeather: (seed: number) => Promise<Outcome> };
    for (let seed = 1; seed <= seeds; seed += 1) {
      const { faults } = await runWeather(seed);
      if (faults.some((fault) => mutation.breaks.test(fault))) return seed;
    }
    return null;
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

function plant(copy: string, { file, from, to }: Mutation): void {
  const path = join(copy, file);
  const parts = readFileSync(path, 'utf8').split(from);
  if (parts.length !== 2) throw new Error(`${file} holds the text to change ${parts.length - 1} times: ${from}`);
  writeFileSync(path, parts.join(to));
}
