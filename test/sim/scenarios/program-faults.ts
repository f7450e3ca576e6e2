/**
 * What if a program of a node does not do what it says? The faults that a story names, and the command lines that they concern.
 *
 *     fails    does nothing, and says that it failed
 *     hangs    does nothing, and never answers
 *     denies   does it, and says that it failed
 *     lies     does nothing, and says that it did
 */
import type { NodeId } from '../../../shared/ids.ts';
import type { ProgramFault } from '../../support/node-faults.ts';
import type { VirtualCell } from '../../support/virtual-cell.ts';

/** The stories' words. */
export const PROGRAM_FAULTS: Readonly<Record<string, ProgramFault>> = { fails: 'fail', hangs: 'hang', denies: 'failAfter', lies: 'lie' };

/** The faults of one cell's programs. */
export class ProgramFaults {
  readonly #cell: VirtualCell;
  /** By node, and by the words that a command begins with, such as `xl create`. */
  readonly #faults = new Map<NodeId, Map<string, ProgramFault>>();

  constructor(cell: VirtualCell) {
    this.#cell = cell;
  }

  set(node: NodeId, program: string, fault: ProgramFault): void {
    const known = this.#faults.get(node) ?? new Map<string, ProgramFault>();
    this.#faults.set(node, known.set(program, fault));
    this.#cell.faults(node).programFault = (argv) => [...known].find(([words]) => beginsWith(argv, words))?.[1] ?? null;
  }

  mend(node: NodeId, program: string): void {
    this.#faults.get(node)?.delete(program);
  }
}

/** Whether a command line is of a program: options and configuration files do not count, so `drbdadm -c FILE primary vol-...` is `drbdadm primary`. */
export function beginsWith(argv: readonly string[], program: string): boolean {
  const words = argv.filter((word, at) => !word.startsWith('-') && argv[at - 1] !== '-c');
  const name = (words[0] ?? '').replace(/^.*\//, '');
  return program.split(' ').every((word, at) => word === (at === 0 ? name : words[at]));
}
