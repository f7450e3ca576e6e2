/**
 * Does a story still go as it is written? Plays its commands on a cell, and holds what follows against the trace.
 */
import { runCommand } from './commands.ts';
import { compareTraces, printDifference } from './compare-traces.ts';
import type { PlacedLine } from './compare-traces.ts';
import { openStage } from './open-stage.ts';
import { durationMs } from './parse-duration.ts';
import { parseStory, printStory } from './parse-story.ts';
import type { Story, StoryCommand } from './parse-story.ts';
import type { Stage } from './stage.ts';

/**
 * Stories begin in a cell that has been up for a while: within a minute of its start the planner takes the restart of a node for a
 * part of the site's cold start, and waits for it (agent/machines/plan-starts.ts, COLD_START_MS).
 */
const BEGINS_AT_MS = 80_000;
/** The lines of the log that a failing story shows. */
const TAIL = 25;

/** What came of a story. */
export interface StoryOutcome {
  readonly story: Story;
  /** What did not come true, of demands and of what holds in every story. Empty: nothing. */
  readonly failures: readonly string[];
  /** Where the trace is another one, by command. Empty: nowhere. */
  readonly differences: readonly string[];
  /** The file with the traces as they are now; where none differs, the file as it was. */
  readonly text: string;
  readonly virtualMs: number;
  /** The last facts that were logged, for a failure. */
  readonly tail: string;
}

/** Plays a story once. Throws for a file that is no story. */
export async function runStory(text: string): Promise<StoryOutcome> {
  const story = parseStory(text);
  const player = new Player(story);
  const failure = await player.play();
  const { stage } = player;
  const failures = [...(failure === null ? [] : [failure]), ...(stage === null ? [] : brokenPromises(stage))];
  const { differences, story: told } = player.compared();
  const isTold = failures.length === 0 && differences.length === 0;
  return { story, failures, differences, text: differences.length === 0 ? text : printStory(told), virtualMs: stage?.cell.world.clock.nowMs() ?? 0, tail: isTold ? '' : stage?.cell.tail(TAIL) ?? '' };
}

/** What holds in every story: nothing runs twice, no acknowledged record is lost, no histories part, and all that the witness watches. */
function brokenPromises(stage: Stage): readonly string[] {
  const { violations } = stage.witness;
  const broken = violations.filter((violation) => !stage.expected.some((pattern) => pattern.test(violation))).map((violation) => `a promise is broken: ${stage.named(violation)}`);
  const kept = stage.expected.filter((pattern) => !violations.some((violation) => pattern.test(violation))).map((pattern) => `expected, and not seen: ${pattern.source}`);
  return [...broken, ...kept];
}

/** A command that was played: when it began, and which lines of the recorder are under it. */
interface Played {
  readonly command: StoryCommand;
  readonly fromMs: number;
  readonly trace: readonly PlacedLine[];
}

class Player {
  stage: Stage | null = null;
  readonly #story: Story;
  readonly #played: Played[] = [];
  #toleranceMs: number | null = null;
  #hasBegun = false;

  constructor(story: Story) {
    this.#story = story;
  }

  /** Ends with the first command that fails: what would follow says nothing. Null: none did. */
  async play(): Promise<string | null> {
    for (const part of this.#story.parts) {
      const failure = part.kind === 'prose' ? null : await this.#perform(part);
      if (failure !== null) return failure;
    }
    return null;
  }

  compared(): { readonly differences: readonly string[]; readonly story: Story } {
    const expected = this.#played.flatMap(({ command, fromMs }, at) => command.trace.map((line) => ({ text: line.text, atMs: fromMs + line.atMs, command: at })));
    const { missing, added } = compareTraces(expected, this.#played.flatMap(({ trace }) => trace), this.#toleranceMs);
    const differences: string[] = [];
    const changed = new Map<StoryCommand, StoryCommand>();
    for (const [at, { command, fromMs, trace }] of this.#played.entries()) {
      const here = { missing: missing.filter((line) => line.command === at), added: added.filter((line) => line.command === at) };
      if (here.missing.length + here.added.length > 0) differences.push(`the trace of line ${command.line}, "${command.text}", is another one (- expected, ! happened):\n${printDifference(here, fromMs)}`);
      changed.set(command, { ...command, trace: trace.map((line) => ({ text: line.text, atMs: line.atMs - fromMs })) });
    }
    return { differences, story: { ...this.#story, parts: this.#story.parts.map((part) => (part.kind === 'prose' ? part : changed.get(part) ?? part)) } };
  }

  async #perform(command: StoryCommand): Promise<string | null> {
    if (command.isTold && !this.#hasBegun) await this.#begin();
    const { stage } = this;
    const fromMs = stage?.cell.world.clock.nowMs() ?? 0;
    const from = stage?.recorder.lines.length ?? 0;
    let failure: string | null = null;
    try {
      await this.#run(command.text);
    } catch (error) {
      failure = `line ${command.line}, "${command.text}": ${error instanceof Error ? error.message : String(error)}`;
    }
    if (stage !== null && command.isTold) {
      stage.recorder.look();
      this.#played.push({ command, fromMs, trace: stage.recorder.lines.slice(from).map((line) => ({ ...line, command: this.#played.length })) });
    }
    return failure;
  }

  async #begin(): Promise<void> {
    this.#hasBegun = true;
    if (this.stage === null) return;
    await this.stage.pass(Math.max(0, BEGINS_AT_MS - this.stage.cell.world.clock.nowMs()));
    await this.stage.align();
    this.stage.begin();
  }

  async #run(text: string): Promise<void> {
    if (this.stage === null) {
      this.stage = await openStage(text);
      return;
    }
    const tolerance = /^tolerance (.+)$/.exec(text)?.[1];
    if (tolerance === undefined) await runCommand(this.stage, text);
    else this.#toleranceMs = durationMs(tolerance);
  }
}
