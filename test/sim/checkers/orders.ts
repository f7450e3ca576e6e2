/**
 * Is anything destroyed, forced or let go of that must not be? The programs that agents run: S14, S17 and S18.
 */
import type { InstanceId, NodeId, VolumeId } from '../../../shared/ids.ts';
import type { CellState } from '../../../shared/model/cell.ts';
import type { Checker, Scene } from './checker.ts';

/** How long after its start an agent's orders count as the restart's doing. */
const RESTART_MS = 15_000;
/** Orders of drbdadm that are never given (SAFETY.md 2.4). */
const FORBIDDEN = ['resume-io', 'detach', 'new-current-uuid', 'net-options', 'disk-options', 'outdate', 'pause-sync', 'wipe-md'];

/** S17 NoForce: orders that may lose data, and those that let a primary go on without being asked (DRBD.md A2). */
export function watchForce({ newest, violate }: Scene): Checker {
  return {
    ran: (node, _bootId, argv) => {
      if (argv[0] !== 'drbdadm' && argv[0] !== 'drbdsetup') return;
      const words = argv.slice(1).filter((word) => !word.startsWith('-'));
      const [order = '', resource = ''] = words;
      const isForced = argv.includes('--force');
      const volume = newest()?.volumes.get(resource as VolumeId);
      const says = (why: string): void => violate(`S17 ${node} runs ${argv[0]} ${order}${isForced ? ' --force' : ''} on ${resource}: ${why}`);
      if (FORBIDDEN.includes(order)) says('it is never given');
      if (order === 'primary' && isForced && volume?.formatted === true) says('the volume has content');
      if (order === 'disconnect' && !isForced) says('a graceful one lets the other end go on without being asked');
      const isCounted = volume !== undefined && !volume.deleting && volume.inSync.includes(node) && !volume.tainted.includes(node);
      if (order === 'invalidate' && isCounted) says('the ledger counts this replica in sync');
      if (order === 'down' && isCounted && volume.inSync.length > 1) says('the ledger counts both replicas in sync');
    },
  };
}

/** S10, its other half: a node's power is touched only after the ledger has given its boot up. */
export function watchPower({ cell, newest, violate }: Scene): Checker {
  return {
    ran: (node, _bootId, argv, stdin) => {
      if (argv[0] !== 'fence_ipmilan' || !/^action=(?:off|reboot)$/m.test(stdin)) return;
      const address = /^ip=(.+)$/m.exec(stdin)?.[1];
      const target = newest()?.nodes.values().find((each) => each.power.address === address);
      if (target === undefined || target.bootId === null) return;
      // One that is starting has no boot yet, and nothing that could run twice.
      const isGivenUp = target.fenceIntentIndex !== null || target.phase === 'fenced' || target.phase === 'removed';
      // A new boot that the ledger does not know yet is hit by an order against the one before: it has nothing to lose.
      const { bootId } = cell.room.nodeReport(target.id);
      if (!isGivenUp && (bootId === null || bootId === target.bootId)) violate(`S10 ${node} switches ${target.id} off, and the ledger has not given that boot up`);
    },
  };
}

/** S14 NoAbsentDelete and S18 AdoptionPreserves: what the ledger wants where it is stays there. */
export function watchDestruction({ cell, newest, violate }: Scene): Checker {
  const startedAtMs = new Map<string, number>();
  const blame = (node: NodeId): string => (cell.world.clock.nowMs() - (startedAtMs.get(node) ?? -Infinity) < RESTART_MS ? 'S18' : 'S14');
  return {
    started: (member) => void startedAtMs.set(member, cell.world.clock.nowMs()),
    ran: (node, bootId, argv) => {
      const state = newest();
      if (state === null) return;
      if (argv[0] === 'xl' && argv[1] === 'destroy') {
        const why = whyKept(state, node, bootId, argv[2] ?? '', cell.room.nodeReport(node).domains);
        if (why !== null) violate(`${blame(node)} ${node} destroys ${argv[2]}: ${why}`);
      }
      if (argv[0] === 'lvremove') {
        const volume = state.volumes.get((argv.at(-1)?.split('/').at(-1) ?? '') as VolumeId);
        if (volume !== undefined && !volume.deleting && volume.replicas.includes(node)) violate(`S14 ${node} removes its replica of ${volume.id}, which is in use`);
      }
    },
  };
}

/** Why a domain must not be destroyed; null: it may be. */
function whyKept(state: CellState, node: NodeId, bootId: string, name: string, domains: readonly { readonly name: string; readonly state: string }[]): string | null {
  if (domains.find((domain) => domain.name === name)?.state !== 'running') return null;
  const instance = state.instances.get(name as InstanceId);
  if (instance === undefined) return 'the ledger does not name it';
  const isRightful = instance.holder === node && instance.holderBootId === bootId && instance.phase === 'running' && instance.desired === 'running' && !instance.restarting;
  return isRightful ? 'it runs where the ledger wants it' : null;
}
