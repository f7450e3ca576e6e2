/**
 * Which command was typed, and with what? Words, arguments and options, or a sentence about what is wrong; and the help texts.
 */
import { parseArgs } from 'node:util';
import { COMMANDS } from './commands.ts';
import type { Command } from './commands.ts';
import { usageFailure } from './failure.ts';

/** What was typed. */
export type Typed =
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'run'; readonly command: Command; readonly given: Readonly<Record<string, string>>; readonly options: Readonly<Record<string, string | boolean | undefined>>; readonly isJson: boolean };

/** Reads the command line. Throws CliFailure (exit code 2). */
export function readCommandLine(words: readonly string[]): Typed {
  if (words.length === 0 || words[0] === 'help' || words[0] === '--help' || words[0] === '-h') return { kind: 'help', text: overview() };
  const command = find(words);
  if (command === null) return noCommand(words);
  const rest = words.slice(command.words.split(' ').length);
  const { values, positionals } = parseOptions(command, rest);
  if (values['help'] === true) return { kind: 'help', text: helpOf(command) };
  if (positionals.length !== command.takes.length) {
    throw usageFailure(positionals.length < command.takes.length ? `${command.takes[positionals.length]} is missing\n${usageOf(command)}` : `${positionals[command.takes.length]} is too much\n${usageOf(command)}`);
  }
  const given = Object.fromEntries(command.takes.map((name, at) => [name, positionals[at] ?? '']));
  return { kind: 'run', command, given, options: values, isJson: values['json'] === true };
}

function find(words: readonly string[]): Command | null {
  return COMMANDS.find((command) => command.words === words.slice(0, command.words.split(' ').length).join(' ')) ?? null;
}

function noCommand(words: readonly string[]): Typed {
  const group = COMMANDS.filter((command) => command.words.startsWith(`${words[0]} `));
  if (group.length === 0) throw usageFailure(`there is no command ${words[0]}; ves --help names them`);
  const text = `${group.map(lineOf).join('\n')}\n`;
  if (words[1] === undefined || words[1] === '--help' || words[1] === '-h') return { kind: 'help', text };
  throw usageFailure(`there is no command ${words[0]} ${words[1]}; there are\n${text}`.trimEnd());
}

function parseOptions(command: Command, rest: readonly string[]): { values: Record<string, string | boolean | undefined>; positionals: string[] } {
  const own = Object.entries(command.options).map(([name, { takes }]) => [name, { type: takes === null ? 'boolean' : 'string' }] as const);
  try {
    const { values, positionals } = parseArgs({
      args: [...rest], allowPositionals: true, strict: true,
      options: { ...Object.fromEntries(own), json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
    });
    return { values, positionals };
  } catch (error) {
    throw usageFailure(`${error instanceof Error ? (error.message.split('. ')[0] ?? '') : String(error)}\n${usageOf(command)}`);
  }
}

function usageOf(command: Command): string {
  const options = Object.entries(command.options).map(([name, { takes }]) => `[--${name}${takes === null ? '' : ` ${takes}`}]`);
  return ['usage: ves', command.words, ...command.takes, ...options, '[--json]'].join(' ');
}

function helpOf(command: Command): string {
  const options = [...Object.entries(command.options).map(([name, { takes, help }]) => [`--${name}${takes === null ? '' : ` ${takes}`}`, help] as const), ['--json', 'one JSON document (events --follow: one per line)'] as const];
  const sentence = `${command.help[0]?.toUpperCase()}${command.help.slice(1)}.`;
  return `${usageOf(command)}\n\n${sentence}\n\n${options.map(([name, help]) => `  ${name.padEnd(28)} ${help}`).join('\n')}\n`;
}

/** A command in a list; `ves COMMAND --help` has its options. */
function lineOf(command: Command): string {
  return `  ${[command.words, ...command.takes].join(' ').padEnd(24)} ${command.help}`;
}

function overview(): string {
  return `usage: ves COMMAND [--json] [--help]\n\n${COMMANDS.map(lineOf).join('\n')}\n\nves finds the coordinator by VES_ENDPOINT and signs with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY:\n  . .ves/playground.env\nInstances are asked for with any EC2 client. Exit code: 0 done, 1 refused or failed, 2 wrong command line.\n`;
}
