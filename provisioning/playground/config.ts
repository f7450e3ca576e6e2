/**
 * What did the user ask of `npm start`? Arguments, read strictly: nothing is guessed, and every refusal says what to do.
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ClusterError } from '../../shared/errors.ts';
import type { TimingProfile } from '../../shared/model/timing.ts';

/** As many nodes as one machine carries. */
export const NODES_MAX = 10;
/** A new playground has so many nodes unless told otherwise: the fewest that can lose one and rebuild. */
export const NODES_DEFAULT = 3;
const PORT_DEFAULT = 8080;
/** Memory of each simulated machine, GiB, unless told otherwise. */
export const MEMORY_GIB_DEFAULT = 16;
const MEMORY_GIB_MAX = 1_024;
/** Longest path of the directory, bytes: a unix socket's name has 107 (unix(7)), and ours add at most 25. */
export const DIRECTORY_BYTES_MAX = 80;

/** What `npm start` is asked for. Null: whatever the directory's cell has, or the default for a new one. */
export interface PlaygroundOptions {
  readonly directory: string;
  /** Of the coordinator's HTTP, on 127.0.0.1. 0: any free one. */
  readonly port: number;
  readonly nodes: number | null;
  readonly profile: TimingProfile['name'] | null;
  readonly bmc: 'none' | 'all' | null;
  /** Of each machine; its disk grows in proportion. */
  readonly memoryGiB: number | null;
  /** Where the ledger is: in the nodes' own stores, or in an etcd of three members. */
  readonly ledger: 'own' | 'etcd' | null;
}

export const USAGE = `usage: npm start -- [--nodes N] [--port PORT] [--dir DIRECTORY]
                    [--profile PROFILE] [--bmc none|all] [--memory GIB]
                    [--ledger own|etcd]

  --nodes N          1 to ${NODES_MAX} nodes (default ${NODES_DEFAULT}); if the directory's fleet has
                     fewer, the others join it
  --port PORT        where the coordinator answers, on 127.0.0.1 (default ${PORT_DEFAULT};
                     0: any free port)
  --dir DIRECTORY    where everything is kept (default .ves)
  --profile PROFILE  how quickly silence counts as death: fast, standard
                     (default) or soft
  --bmc none|all     whether the nodes' power can be switched from outside
                     (default none)
  --memory GIB       of each simulated machine (default ${MEMORY_GIB_DEFAULT}); its disk
                     grows with it
  --ledger own|etcd  where the ledger is kept: by the nodes themselves
                     (default), or in an etcd of three members, which are
                     started as well (on Debian: apt-get install etcd-server)
`;

/** Reads the arguments, or `help`. Throws ClusterError `InvalidArguments` with a sentence. */
export function parseOptions(args: readonly string[], workingDirectory: string): PlaygroundOptions | 'help' {
  const values = readValues(args);
  if (values.help === true) return 'help';
  const directory = resolve(workingDirectory, values.dir ?? '.ves');
  if (Buffer.byteLength(directory) > DIRECTORY_BYTES_MAX) {
    throw refuse(`the path ${directory} is longer than ${DIRECTORY_BYTES_MAX} bytes, too long for the sockets in it: give a shorter one with --dir`);
  }
  return {
    directory,
    port: wholeNumber('--port', values.port, 0, 65_535) ?? PORT_DEFAULT,
    nodes: wholeNumber('--nodes', values.nodes, 1, NODES_MAX),
    profile: oneOf('--profile', values.profile, ['fast', 'standard', 'soft']),
    bmc: oneOf('--bmc', values.bmc, ['none', 'all']),
    memoryGiB: wholeNumber('--memory', values.memory, 2, MEMORY_GIB_MAX),
    ledger: oneOf('--ledger', values.ledger, ['own', 'etcd']),
  };
}

interface Values {
  readonly nodes?: string | undefined;
  readonly port?: string | undefined;
  readonly dir?: string | undefined;
  readonly profile?: string | undefined;
  readonly bmc?: string | undefined;
  readonly memory?: string | undefined;
  readonly ledger?: string | undefined;
  readonly help?: boolean | undefined;
}

function readValues(args: readonly string[]): Values {
  try {
    return parseArgs({
      args: [...args],
      options: {
        nodes: { type: 'string' }, port: { type: 'string' }, dir: { type: 'string' }, profile: { type: 'string' }, bmc: { type: 'string' }, memory: { type: 'string' }, ledger: { type: 'string' }, help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    // Node's own sentence; what follows its first full stop is about `--` and helps nobody here.
    const [sentence = 'unknown arguments'] = (error instanceof Error ? error.message : String(error)).split('. ');
    throw refuse(sentence);
  }
}

function wholeNumber(name: string, text: string | undefined, min: number, max: number): number | null {
  if (text === undefined) return null;
  const value = Number(text);
  if (!/^\d{1,6}$/.test(text) || value < min || value > max) throw refuse(`${name} must be a whole number from ${min} to ${max}, not ${JSON.stringify(text.slice(0, 40))}`);
  return value;
}

function oneOf<Word extends string>(name: string, text: string | undefined, words: readonly Word[]): Word | null {
  if (text === undefined) return null;
  const word = words.find((each) => each === text);
  if (word === undefined) throw refuse(`${name} must be one of ${words.join(', ')}, not ${JSON.stringify(text.slice(0, 40))}`);
  return word;
}

function refuse(sentence: string): ClusterError {
  return new ClusterError('InvalidArguments', sentence, { retryable: false });
}
