/**
 * What may a story do? Its commands: what prepares it, what breaks and mends, what users ask for, waits and demands.
 *
 * The list at {@link COMMANDS} is the manual: a line is read by the first pattern that fits all of it.
 */
import { buildCondition } from './conditions.ts';
import { FAULT_COMMANDS } from './fault-commands.ts';
import { durationMs } from './parse-duration.ts';
import type { Stage } from './stage.ts';
import { USER_COMMANDS } from './user-commands.ts';

/** One kind of line. */
export interface CommandKind {
  readonly sentence: string;
  readonly pattern: RegExp;
  /** Rejects, or throws, with what did not come true. */
  readonly run: (stage: Stage, ...words: readonly string[]) => Promise<void> | void;
  /** Whether virtual time passes in it. The next command then begins at its due moment (Stage.align). */
  readonly takesTime?: boolean;
}

/** As long as a cell needs for anything that it does by itself, rebuilds after 15 minutes left aside. */
const CALM_LIMIT_MS = 240_000;
/** A new leader proves nobody dead before it has led for a whole fence wait: stories begin after that. */
const SETTLE_MS = 10_000;

const STAGE_COMMANDS: readonly CommandKind[] = [
  { sentence: 'A = holder web', pattern: /^([A-Z]\w*) = (.+)$/, run: (stage, name = '', node = '') => stage.call(name, node === 'another' ? (stage.unnamed()[0] ?? stage.node('another')) : stage.node(node)) },
  { sentence: 'lead A', pattern: /^lead (\S+)$/, run: async (stage, name = '') => await lead(stage, name), takesTime: true },
  { sentence: 'after 5 s', pattern: /^after (.+)$/, run: async (stage, duration = '') => await stage.pass(durationMs(duration)), takesTime: true },
  { sentence: 'until calm', pattern: /^until calm$/, run: async (stage) => await until(stage, 'calm', CALM_LIMIT_MS), takesTime: true },
  { sentence: 'until CONDITION within 12 s', pattern: /^until (.+) within (.+)$/, run: async (stage, sentence = '', duration = '') => await until(stage, sentence, durationMs(duration)), takesTime: true },
  { sentence: 'demand CONDITION', pattern: /^demand (.+)$/, run: (stage, sentence = '') => {
    const how = buildCondition(stage, sentence)();
    if (how !== null) throw new Error(`it was demanded: ${sentence}. But: ${how}`);
  } },
  { sentence: 'expect a split brain', pattern: /^expect a split brain$/, run: (stage) => void stage.expected.push(/split brain/, /is primary on/) },
  { sentence: 'expect two primaries', pattern: /^expect two primaries$/, run: (stage) => void stage.expected.push(/is primary on/) },
];

/** Every command, in the order in which they are tried. */
export const COMMANDS: readonly CommandKind[] = [...STAGE_COMMANDS, ...FAULT_COMMANDS, ...USER_COMMANDS];

/** Runs one line. Rejects when nobody understands it, or with what did not come true. */
export async function runCommand(stage: Stage, text: string): Promise<void> {
  for (const { pattern, run, takesTime } of COMMANDS) {
    const found = pattern.exec(text);
    if (found === null) continue;
    await run(stage, ...found.slice(1));
    if (takesTime === true) await stage.align();
    return;
  }
  throw new Error(`nobody understands this; there is: ${COMMANDS.map((each) => each.sentence).join('; ')}`);
}

async function until(stage: Stage, sentence: string, limitMs: number): Promise<void> {
  const condition = buildCondition(stage, sentence);
  if (!(await stage.until(() => condition() === null, limitMs))) throw new Error(`not within ${limitMs / 1000} s: ${sentence}. But: ${condition() ?? 'now it is'}`);
}

/** Hands the leadership over, as an orderly shutdown does, and waits until the new leader knows everybody. */
async function lead(stage: Stage, name: string): Promise<void> {
  const node = stage.node(name);
  const heir = stage.cell.voters().find((voter) => voter.startsWith(`${node}.`));
  if (heir === undefined) throw new Error(`${name} does not vote, so it cannot lead`);
  await stage.until(() => {
    const leader = stage.cell.leader();
    if (leader === node) return true;
    if (leader !== null) stage.ledgers.get(leader)?.transferLeadership(heir as never);
    return false;
  }, SETTLE_MS);
  if (stage.cell.leader() !== node) throw new Error(`${name} was not elected`);
  await stage.pass(SETTLE_MS);
}
