/**
 * How is a story written? One text file: prose for a person, commands, and under each command the trace that follows from it.
 *
 *     # F03 One node loses power              the number and the title
 *                                             prose, up to the line that begins with `cell`
 *     cell nodes=3                            from here on commands that prepare: nothing of them is traced
 *     run web
 *     A = holder web
 *
 *     > power off A                           the story itself
 *     > until web runs on B within 12 s
 *     +  1.9  leader: A is suspect            seconds since the command began, and what happened
 *     Any other line between commands is prose again.
 */
import { SECOND_MS } from '../../../shared/units.ts';

/** One fact of a trace, at a time since its command began. */
export interface TraceLine {
  readonly atMs: number;
  readonly text: string;
}

/** One command, with what shall follow from it. */
export interface StoryCommand {
  readonly kind: 'command';
  /** Line of the file, from 1. */
  readonly line: number;
  readonly text: string;
  /** False while the story is prepared. */
  readonly isTold: boolean;
  readonly trace: readonly TraceLine[];
}

/** What the file says between commands, to be kept as it is. */
export interface StoryProse {
  readonly kind: 'prose';
  readonly text: string;
}

export interface Story {
  /** `F03`, or another mark of letters and digits. */
  readonly mark: string;
  readonly title: string;
  readonly parts: readonly (StoryCommand | StoryProse)[];
}

/** Takes a file apart. Throws an Error that names the line. */
export function parseStory(text: string): Story {
  const lines = text.replace(/\n+$/, '').split('\n');
  const heading = /^# ([A-Z][A-Z0-9]*) (\S.*)$/.exec(lines[0] ?? '');
  if (heading === null) throw new Error('line 1: a story begins with its mark and its title, such as "# F03 One node loses power"');
  const parts: (StoryCommand | StoryProse)[] = [{ kind: 'prose', text: lines[0] ?? '' }];
  let isPreparing = false;
  let hasBegun = false;
  for (const [at, raw] of lines.entries()) {
    if (at === 0) continue;
    if (raw.startsWith('+')) {
      addTrace(parts, raw, at + 1);
      continue;
    }
    isPreparing ||= raw.startsWith('cell ');
    hasBegun ||= raw.startsWith('>');
    const isTold = raw.startsWith('>');
    const isCommand = isTold || (isPreparing && !hasBegun && raw.trim() !== '');
    if (isTold && !isPreparing) throw new Error(`line ${at + 1}: there is no cell yet: a story begins with a line such as "cell nodes=3"`);
    parts.push(isCommand ? { kind: 'command', line: at + 1, text: raw.replace(/^>/, '').trim(), isTold, trace: [] } : { kind: 'prose', text: raw });
  }
  return { mark: heading[1] ?? '', title: heading[2] ?? '', parts };
}

/** The file, with the traces that the commands have now. */
export function printStory(story: Story): string {
  const lines = story.parts.flatMap((part) => {
    if (part.kind === 'prose') return [part.text];
    return [part.isTold ? `> ${part.text}` : part.text, ...part.trace.map(printTraceLine)];
  });
  return `${lines.join('\n')}\n`;
}

/** A line of a trace, as it stands in the file. */
export function printTraceLine({ atMs, text }: TraceLine): string {
  return `+${(atMs / SECOND_MS).toFixed(1).padStart(5)}  ${text}`;
}

function addTrace(parts: (StoryCommand | StoryProse)[], raw: string, line: number): void {
  const found = /^\+ *(\d+(?:\.\d+)?) +(\S.*)$/.exec(raw);
  if (found === null) throw new Error(`line ${line}: a line of a trace is "+", seconds and what happened`);
  const last = parts.at(-1);
  if (last?.kind !== 'command' || !last.isTold) throw new Error(`line ${line}: a trace follows the command that it came from, one that begins with ">"`);
  parts[parts.length - 1] = { ...last, trace: [...last.trace, { atMs: Number(found[1]) * SECOND_MS, text: (found[2] ?? '').trim() }] };
}
