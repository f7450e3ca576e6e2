/**
 * What can `ves` do? Its commands: words, help, and what each asks and prints.
 */
import * as v from 'valibot';
import {
  committedAnswer, doneAnswer, eventsAnswer, instancesAnswer, ledgerAnswer, nodesAnswer, roomReport, whyAnswer,
} from '../../shared/wire/rest.ts';
import { ask } from './client.ts';
import type { Endpoint, Question } from './client.ts';
import { CliFailure, usageFailure } from './failure.ts';
import { followEvents } from './follow.ts';
import { showWhy } from './show-why.ts';
import { showEvent, showEvents, showInstances, showLedger, showNodes, showRoom, staleNote } from './show.ts';
import type { Paint } from './table.ts';

/** What a command works with. */
export interface CommandContext {
  readonly endpoint: Endpoint;
  /** Its arguments by their names in `usage`. */
  readonly given: Readonly<Record<string, string>>;
  /** Its options; those that were not given are absent. */
  readonly options: Readonly<Record<string, string | boolean | undefined>>;
  readonly isJson: boolean;
  readonly paint: Paint;
  out(text: string): void;
  err(text: string): void;
}

/** One command. */
export interface Command {
  /** As it is typed, e.g. `room power-off`. */
  readonly words: string;
  /** Names of its arguments, all needed, e.g. `NODE`. */
  readonly takes: readonly string[];
  readonly help: string;
  /** Options beside --json and --help: what they take (null: nothing), and their help. */
  readonly options: Readonly<Record<string, { readonly takes: string | null; readonly help: string }>>;
  run(context: CommandContext): Promise<void>;
}

const NETWORKS = ['mesh', 'storage', 'all'];

/** Asks, and prints the JSON as it came or `show`s it. */
async function query<Schema extends v.GenericSchema>(context: CommandContext, question: Question, schema: Schema, show: (answer: v.InferOutput<Schema>) => string): Promise<void> {
  const value = await ask(context.endpoint, question);
  if (context.isJson) return context.out(`${JSON.stringify(value)}\n`);
  const parsed = v.safeParse(schema, value);
  if (!parsed.success) throw new CliFailure(1, 'AnswerNotUnderstood', 'the coordinator answered in a form that this ves does not know: are both of the same version?');
  context.out(show(parsed.output));
  const { asOf } = parsed.output as { readonly asOf?: { readonly index: number; readonly isStale: boolean } };
  if (asOf !== undefined) context.err(staleNote(asOf));
}

function reading<Schema extends v.GenericSchema>(words: string, help: string, path: string, schema: Schema, show: (answer: v.InferOutput<Schema>, paint: Paint) => string): Command {
  return { words, takes: [], help, options: {}, run: async (context) => await query(context, { path }, schema, (answer) => show(answer, context.paint)) };
}

function roomOrder(word: string, help: string): Command {
  return {
    words: `room ${word}`, takes: ['NODE'], help, options: {},
    run: async (context) => await query(context, { method: 'POST', path: nodePath(context, `/${word}`) }, doneAnswer, ({ message }) => `${message}\n`),
  };
}

function nodePath({ given }: CommandContext, rest: string, base = '/room/nodes'): string {
  return `${base}/${encodeURIComponent(given['NODE'] ?? '')}${rest}`;
}

function cordon(word: 'cordon' | 'uncordon', help: string, said: string): Command {
  return {
    words: word, takes: ['NODE'], help, options: {},
    run: async (context) => await query(context, { method: 'POST', path: nodePath(context, `/${word}`, '/nodes') }, committedAnswer, () => `${context.given['NODE']} ${said}\n`),
  };
}

async function events(context: CommandContext): Promise<void> {
  const { endpoint, options, isJson, paint, out, err } = context;
  const subject = text(options['subject']);
  const after = text(options['after']);
  const limit = text(options['limit']) ?? (options['follow'] === true ? '10' : undefined);
  if (options['follow'] !== true) {
    return await query(context, { path: '/events', query: { after, limit, subject } }, eventsAnswer, (answer) => showEvents(answer.events, paint) || 'There are no such events.\n');
  }
  const print = (event: v.InferOutput<typeof eventsAnswer>['events'][number]): void => out(isJson ? `${JSON.stringify(event)}\n` : showEvent(event, paint));
  let place = after ?? null;
  if (after === undefined) {
    // What happened just before: somebody who begins to watch wants to see where things stand.
    const begun = v.parse(eventsAnswer, await ask(endpoint, { path: '/events', query: { limit, subject } }));
    for (const event of begun.events) print(event);
    place = begun.next;
  }
  await followEvents(endpoint, { after: place, subject, onEvent: print, onLost: (reason) => err(`ves: ${reason}; connecting again\n`) });
}

function text(option: string | boolean | undefined): string | undefined {
  return typeof option === 'string' ? option : undefined;
}

export const COMMANDS: readonly Command[] = [
  reading('nodes', 'the nodes: phase, part in the ledger, what is promised on them', '/nodes', nodesAnswer, showNodes),
  reading('instances', 'the instances: where they run and who stands by', '/instances', instancesAnswer, showInstances),
  {
    words: 'why', takes: ['INSTANCE'], help: 'why an instance is where it is, and why it was safe to start it there', options: {},
    run: async (context) => await query(context, { path: `/instances/${encodeURIComponent(context.given['INSTANCE'] ?? '')}/why` }, whyAnswer, (answer) => showWhy(answer, context.paint)),
  },
  {
    words: 'events', takes: [], help: 'what happened, newest last',
    options: {
      follow: { takes: null, help: 'go on with what happens from now on' },
      after: { takes: 'ID', help: 'only what came after this event' },
      limit: { takes: 'N', help: 'at most so many (100)' },
      subject: { takes: 'ID', help: 'only what is about this node, instance or volume' },
    },
    run: events,
  },
  reading('ledger', 'who leads, who votes, and how far they are', '/ledger', ledgerAnswer, showLedger),
  cordon('cordon', 'let a node take no new instances', 'takes no new instances.'),
  cordon('uncordon', 'let a node take instances again', 'takes instances again.'),
  roomOrder('power-off', 'playground: pull the plug of a node'),
  roomOrder('power-on', 'playground: switch a node on'),
  roomOrder('reset', 'playground: press a node\'s reset button'),
  {
    words: 'room cut', takes: ['NODE'], help: 'playground: unplug a network cable of a node',
    options: { network: { takes: NETWORKS.join('|'), help: 'which one (all)' } },
    run: async (context) => {
      const network = text(context.options['network']) ?? 'all';
      if (!NETWORKS.includes(network)) throw usageFailure(`--network takes mesh, storage or all, not ${network}`);
      await query(context, { method: 'POST', path: nodePath(context, '/cut'), body: { network } }, doneAnswer, ({ message }) => `${message}\n`);
    },
  },
  roomOrder('heal', 'playground: plug all cables of a node in again'),
  {
    words: 'room bmc', takes: ['NODE'], help: 'playground: break or mend a node\'s BMC',
    options: {
      unreachable: { takes: null, help: 'it does not answer' },
      lies: { takes: null, help: 'it confirms what it did not do' },
    },
    run: async (context) => {
      const body = { isReachable: context.options['unreachable'] !== true, lies: context.options['lies'] === true };
      await query(context, { method: 'PUT', path: nodePath(context, '/bmc'), body }, doneAnswer, ({ message }) => `${message}\n`);
    },
  },
  reading('room report', 'playground: what the machine room itself saw, broken promises among it', '/room/report', roomReport, showRoom),
];
