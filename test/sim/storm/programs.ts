/** What goes wrong with the programs of a node, and with those that DRBD's kernel calls? */
import type { ProgramFault } from '../../support/node-faults.ts';
import { spread } from './site.ts';
import type { Strike } from './site.ts';

/** Programs that bring data to a disk: one that lies about that destroys what nobody can check afterwards. */
const TRUSTED = ['dd', 'wipefs', 'blkdiscard'];

/** The longest that the drivers wait for a program (agent/drivers/xen/run-xen.ts). */
const PROGRAM_DEADLINE_MS = 60_000;

export const programHang = fault('hang');
export const programFail = fault('fail');
export const programFailAfter = fault('failAfter');
export const programLie = fault('lie');

/** What fails alone, when not everything does. */
const PROGRAMS = ['xl', 'drbdadm', 'drbdsetup', 'lvs', 'xenstore-read'];

/** Some of the programs that a node starts, for a while. */
function fault(kind: ProgramFault): Strike {
  return ({ cell, lasts, later }, event, node) => {
    const faults = cell.faults(node);
    if (kind === 'hang') lasts(event.forMs + PROGRAM_DEADLINE_MS);
    const share = 0.02 + 0.6 * event.how ** 2;
    const only = spread(event.how, 1) < 0.5 ? null : PROGRAMS[Math.floor(PROGRAMS.length * spread(event.how, 2))];
    const decide = (argv: readonly string[]): ProgramFault | null => {
      const [program = ''] = argv;
      if ((only !== null && program !== only) || (kind === 'lie' && (TRUSTED.includes(program) || isQuestion(argv)))) return null;
      return cell.world.chance.next() < share ? kind : null;
    };
    faults.programFault = decide;
    later(event.forMs, [node], () => {
      if (faults.programFault === decide) faults.programFault = null;
    });
    return true;
  };
}

/** Programs that only tell: an empty answer of theirs would be a wrong fact, not a lie about what they did. */
function isQuestion([program, action]: readonly string[]): boolean {
  return !(program === 'xl' ? ['create', 'destroy', 'unpause', 'pause', 'shutdown'] : program === 'drbdadm' ? ['up', 'down', 'adjust', 'connect', 'disconnect', 'primary', 'secondary'] : ['lvcreate', 'lvremove']).includes(action ?? program ?? '');
}

/** The helper programs of a node are killed: DRBD's kernel hears no answer that it knows. */
export const helperKill: Strike = ({ cell, later }, event, node) => {
  const faults = cell.faults(node);
  faults.areHelpersKilled = true;
  later(event.forMs, [node], () => {
    faults.areHelpersKilled = false;
  });
  return true;
};
