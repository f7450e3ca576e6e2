/**
 * What does drbdsetup itself answer? The commands that observers use raw (`status`, `events2 --now`, `show`, `role` ...)
 * and the orders by minor number.
 */
import type { RunResult } from '../../../../shared/world.ts';
import * as admin from './admin.ts';
import { stateLines } from './print-events.ts';
import { printShow, printGenerations } from './print-show.ts';
import { printStatus } from './print-state.ts';
import { done, downResource, failed, printAnswer } from './programs.ts';
import type { ProgramHost } from './programs.ts';
import type { Resource } from './resource.ts';
import { CONN, DISK, ROLE, connName, diskName, roleName } from './states.ts';

/** The end of drbdsetup's own usage text, as it prints for what it does not know. */
const SETUP_USAGE = `
USAGE: drbdsetup command device arguments options

Device is usually /dev/drbdX or /dev/drbd/X.

To get more details about a command issue 'drbdsetup help cmd'.

`;

type Order = (resource: Resource, options: readonly string[]) => Promise<admin.Answer> | admin.Answer;

const BY_MINOR: Readonly<Record<string, Order>> = {
  primary: (resource, options) => admin.setRole(resource, ROLE.primary, options.includes('--force')),
  secondary: (resource) => admin.setRole(resource, ROLE.secondary, false),
  outdate: (resource) => admin.wish(resource, { disk: DISK.outdated }),
  detach: (resource, options) => admin.detach(resource, options.includes('--force')),
  invalidate: (resource) => admin.invalidate(resource),
  verify: (resource) => admin.wish(resource, { conn: CONN.verifyS }),
  'pause-sync': (resource) => admin.pauseSync(resource, true),
  'resume-sync': (resource) => admin.pauseSync(resource, false),
  'suspend-io': (resource) => admin.suspendIo(resource),
  'resume-io': (resource) => admin.resumeIo(resource),
};

const SHOWN: Readonly<Record<string, (resource: Resource) => string>> = {
  role: (resource) => `${roleName(resource.state.role)}/${roleName(resource.state.peer)}`,
  cstate: (resource) => connName(resource.state.conn),
  dstate: (resource) => `${diskName(resource.state.disk)}/${diskName(resource.state.pdsk)}`,
};

/** Options and operands of a command line. */
export function splitArguments(words: readonly string[]): { readonly options: readonly string[]; readonly operands: readonly string[] } {
  return { options: words.filter((word) => word.startsWith('--')), operands: words.filter((word) => !word.startsWith('-')) };
}

/** The resources that an operand names: all of them without one, or for `all`. Null: there is no such resource. */
function selected(host: ProgramHost, operand: string | undefined): readonly Resource[] | null {
  if (operand === undefined || operand === 'all') return host.resources();
  const resource = host.resource(operand);
  return resource === null ? null : [resource];
}

export async function runSetup(host: ProgramHost, words: readonly string[]): Promise<RunResult> {
  const [command = '', ...rest] = words;
  const { options, operands } = splitArguments(rest);
  if (command === 'status' || command === 'events2' || command === 'show') return observe(host, command, options, operands[0]);
  if (command === 'down') {
    const resource = host.resource(operands[0] ?? '');
    return resource === null ? done() : downResource(host, resource);
  }
  return byMinor(host, command, options, operands[0] ?? '');
}

async function byMinor(host: ProgramHost, command: string, options: readonly string[], operand: string): Promise<RunResult> {
  const order = Object.hasOwn(BY_MINOR, command) ? BY_MINOR[command] : undefined;
  const show = Object.hasOwn(SHOWN, command) ? SHOWN[command] : undefined;
  if (order === undefined && show === undefined && command !== 'show-gi') return failed(20, `${command}: not a valid command\n`, SETUP_USAGE);
  const minor = /^(?:\/dev\/drbd)?(\d+)$/.exec(operand)?.[1];
  const resource = host.resources().find((candidate) => String(candidate.minor) === minor);
  if (resource === undefined) return printAnswer(minor ?? operand, admin.answer(admin.ERR.minorInvalid, 'unknown minor'));
  if (show !== undefined) return done(`${show(resource)}\n`);
  if (order !== undefined) return printAnswer(String(resource.minor), await order(resource, options));
  return resource.metadata === null ? failed(1, 'Device has no disk\n') : done(printGenerations(resource.metadata, true));
}

const OBSERVE_OPTIONS: Readonly<Record<string, readonly string[]>> = {
  status: ['--verbose', '--statistics', '--color=never'], events2: ['--now', '--statistics', '--timestamps'], show: ['--show-defaults'],
};

function observe(host: ProgramHost, command: 'status' | 'events2' | 'show', options: readonly string[], operand: string | undefined): RunResult {
  const stray = options.find((option) => OBSERVE_OPTIONS[command]?.includes(option) !== true);
  if (stray !== undefined) return failed(20, `${command}: unrecognized option '${stray}'\n`, SETUP_USAGE);
  const resources = selected(host, operand);
  if (command === 'events2') {
    if (!options.includes('--now')) return failed(20, 'events2 without --now runs on: it is a stream\n');
    const lines = (resources ?? []).flatMap((resource) => stateLines(resource, 'exists', options.includes('--statistics')));
    return done([...lines, 'exists -', ''].join('\n'));
  }
  if (resources === null) return failed(10, `${operand ?? ''}: No such resource\n`);
  if (resources.length === 0) return done(command === 'status' ? '# No currently configured DRBD found.\n' : '');
  const print = command === 'show' ? printShow : (resource: Resource): string => printStatus(resource, options.includes('--verbose'), options.includes('--statistics'));
  return done(resources.map(print).join(''));
}
