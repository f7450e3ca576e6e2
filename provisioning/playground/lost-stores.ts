/**
 * Why may a ledger have no leader for good? Because voters lost their stores: whoever did never votes under its old name again, and one
 * that most voters lost cannot be told by the others.
 *
 * It is asked only when a start waits too long, and only for words: nothing is decided by it.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeSlot, judgeSlots } from '../../shared/store/slot-file.ts';
import type { CellFile } from './cell-file.ts';
import type { Layout } from './layout.ts';

/** A node whose ledger was set aside as damaged, and that no leader has spoken to since. */
export interface LostStore {
  readonly node: string;
  /** The directory that holds what was damaged. */
  readonly keptAt: string;
}

/** Looks at the disks of all nodes. What cannot be read is not told of. */
export async function findLostStores(layout: Layout, cell: CellFile): Promise<readonly LostStore[]> {
  const found = await Promise.all(cell.nodes.map(async ({ id }) => {
    const directory = join(layout.node(id).data, 'ledger');
    const damaged = (await readdir(directory).catch(() => [])).filter((name) => name.startsWith('damaged-')).toSorted((a, b) => numberOf(a) - numberOf(b)).at(-1);
    return damaged !== undefined && (await isBlank(join(directory, 'current'))) ? [{ node: id, keptAt: join(directory, damaged) }] : [];
  }));
  return found.flat();
}

/** What the user is told of them; empty: nothing. */
export function lostStoresText(lost: readonly LostStore[]): string {
  if (lost.length === 0) return '';
  const nodes = lost.map(({ node }) => node).join(', ');
  return `  The ledger of ${nodes} was damaged, and set aside:\n${lost.map(({ keptAt }) => `    ${keptAt}\n`).join('')}`
    + '  If these were most of its voters, nobody can lead any more: end with Ctrl-C,\n  and start a new fleet in another directory with --dir.';
}

/** A store that has seen no term yet is as new as on the day it was made. */
async function isBlank(store: string): Promise<boolean> {
  const [first = null, second = null] = await Promise.all([0, 1].map(async (slot) => await readFile(join(store, `slot.${slot}`)).catch(() => null)));
  const { content } = judgeSlots(decodeSlot(first), decodeSlot(second));
  return content.kind === 'intact' && typeof content.value === 'object' && content.value !== null && 'term' in content.value && content.value.term === 0;
}

function numberOf(name: string): number {
  return Number(name.slice('damaged-'.length));
}
