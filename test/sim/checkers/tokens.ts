/**
 * Does every right come from the ledger, one holder at a time? S6 GenMonotone and S7 HolderUnique.
 */
import type { InstanceId, NodeId, VolumeId } from '../../../shared/ids.ts';
import type { AppliedEntry } from '../../../shared/ledger/commands.ts';
import type { LedgerNode } from '../../../shared/ledger/node/ledger-node.ts';
import type { CellState } from '../../../shared/model/cell.ts';
import { isPlaced } from '../../../shared/model/instance.ts';
import type { InstanceRecord } from '../../../shared/model/instance.ts';
import { isFenced } from '../../../shared/model/node.ts';
import type { Checker, Scene } from './checker.ts';

/** S6: generations and versions only grow, in the ledger. */
export function watchGrowth({ violate }: Scene): Checker {
  return {
    applied: (_entry, before, after) => {
      if (before === null) return;
      if (before.instances !== after.instances) {
        for (const instance of after.instances.values()) {
          const known = before.instances.get(instance.id);
          if (known !== undefined && known !== instance && instance.generation < known.generation) violate(`S6 the generation of ${instance.id} went back to ${instance.generation}`);
        }
      }
      if (before.volumes === after.volumes) return;
      for (const volume of after.volumes.values()) {
        const known = before.volumes.get(volume.id);
        if (known === volume) continue;
        if (known !== undefined && volume.generation < known.generation) violate(`S6 the generation of ${volume.id} went back to ${volume.generation}`);
        if (known !== undefined && volume.version < known.version) violate(`S6 the version of ${volume.id} went back to ${volume.version}`);
        if (known !== undefined && volume.epoch < known.epoch) violate(`S6 the epoch of ${volume.id} went back to ${volume.epoch}`);
        if (volume.formatted && !volume.deleting && volume.inSync.length === 0) violate(`S3 ${volume.id} has an empty in-sync set`);
      }
    },
  };
}

/** Rights that are remembered: more than any command is late. */
const GRANTS_KEPT = 4_000;

/** S6: what needs a right runs only in a boot that was given it, after its generation is durable on that node, and never for an older one. */
export function watchGate({ cell, violate }: Scene): Checker {
  const ledgers = new Map<string, LedgerNode>();
  /** Boots that the ledger made a holder, by what they hold. A command may end up a moment after its right. */
  const granted = new Set<string>();
  const note = (target: string, holder: NodeId | null, bootId: string | null): void => {
    if (holder === null || bootId === null) return;
    granted.delete(`${target} ${bootId}`);
    granted.add(`${target} ${bootId}`);
    const [oldest] = granted;
    if (granted.size > GRANTS_KEPT && oldest !== undefined) granted.delete(oldest);
  };
  return {
    started: (member, ledger) => void ledgers.set(member, ledger),
    applied: (_entry, before, after) => {
      for (const table of ['instances', 'volumes'] as const) {
        if (before !== null && before[table] === after[table]) continue;
        for (const { id, holder, holderBootId } of after[table].values()) note(id, holder, holderBootId);
      }
    },
    ran: (node, bootId, argv) => {
      const state = ledgers.get(node)?.state();
      const target = heldTarget(argv);
      if (state === undefined || target === null) return;
      if (!granted.has(`${target} ${bootId}`)) violate(`S6 ${node} runs ${argv.join(' ')} in a boot that nobody ever made its holder`);
      const record = state.volumes.get(target as VolumeId) ?? state.instances.get(target as InstanceId);
      if (record === undefined) {
        violate(`S6 ${node} runs ${argv.join(' ')}, and its ledger knows no ${target}`);
        return;
      }
      const durable = cell.durableGeneration(node, target);
      // Between the gate's last look and the program nothing is awaited that could change the node's ledger by much: it is compared at the program.
      if (record.holder === node && durable < record.generation) violate(`S6 ${node} runs ${argv.join(' ')} for generation ${record.generation}, and has kept ${durable}`);
    },
  };
}

/** What a program needs the right to hold for; null: for nothing. */
export function heldTarget(argv: readonly string[]): string | null {
  if (argv[0] === 'drbdadm' && argv.includes('primary')) return argv.at(-1) ?? null;
  if (argv[0] === 'xl' && argv[1] === 'unpause') return argv[2] ?? null;
  if (argv[0] === 'xl' && argv[1] === 'create') return /(i-[0-9a-f]+)\.cfg$/.exec(argv.at(-1) ?? '')?.[1] ?? null;
  return null;
}

/**
 * S7: a right moves only from a boot that is proven dead, or gave it back; and it is given back only when nothing of it is left. Whatever is placed is placed for the boot
 * that the ledger knows of its node.
 */
export function watchHolders({ cell, violate }: Scene): Checker {
  const checkReport = (entry: AppliedEntry, before: CellState): void => {
    const { command } = entry.data;
    if (command.kind !== 'reportStopped' || entry.result.kind !== 'applied') return;
    const { node, bootId } = command.actor;
    const report = cell.room.nodeReport(node);
    if (report.bootId !== bootId) return;
    const domain = report.domains.find(({ name, state }) => name === command.instance && (state === 'running' || state === 'paused'));
    if (domain !== undefined) violate(`S7 ${node} reported ${command.instance} stopped, and its domain ${domain.domid} is ${domain.state}`);
    for (const volume of before.instances.get(command.instance)?.volumes ?? []) {
      if (cell.drbd.room?.primaries(volume).includes(node) === true) violate(`S7 ${node} reported ${command.instance} stopped, and ${volume} is primary there`);
    }
  };
  return {
    applied: (entry, before, after) => {
      if (before === null || (before.instances === after.instances && before.nodes === after.nodes)) return;
      checkReport(entry, before);
      for (const instance of after.instances.values()) {
        if (isPlaced(instance) && instance.holder !== null && after.nodes.get(instance.holder)?.bootId !== instance.holderBootId) {
          violate(`S7 ${instance.id} is ${instance.phase} on ${instance.holder}, for another boot than the one that the ledger knows`);
        }
        const known = before.instances.get(instance.id);
        if (known === undefined || known === instance) continue;
        const moved = moveWithoutProof(known, instance, after);
        if (moved !== null) violate(`S7 ${moved}`);
      }
    },
  };
}

function moveWithoutProof(known: InstanceRecord, now: InstanceRecord, state: CellState): string | null {
  const isSame = known.holder === now.holder && known.holderBootId === now.holderBootId && known.generation === now.generation;
  if (isSame || known.holderBootId === null || now.holderBootId === null || known.holder === null) return null;
  const holder: NodeId = known.holder;
  const node = state.nodes.get(holder);
  if (isFenced(node, known.holderBootId)) return null;
  return `${now.id} moved from ${holder} to ${String(now.holder)} (generation ${now.generation}), and that boot of ${holder} is neither proven dead nor gave it back`;
}
