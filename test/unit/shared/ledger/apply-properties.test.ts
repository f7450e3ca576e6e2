import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { apply } from '../../../../shared/ledger/apply.ts';
import { COMMAND_KINDS } from '../../../../shared/ledger/command-schema.ts';
import type { Command } from '../../../../shared/ledger/commands.ts';
import { decodeSnapshot, encodeSnapshot } from '../../../../shared/ledger/snapshot.ts';
import { hashState } from '../../../../shared/ledger/state-hash.ts';
import { HostileCell } from './hostile-cell.ts';
import type { Apply } from './hostile-cell.ts';
import { LEADER } from './test-cell.ts';

const properties = suite('the state machine in hostile weather');

const SEEDS = 60;
const STEPS = 500;

/** Lives through one seed; stops at the first fault. */
function live(seed: number, steps: number, withApply?: Apply): HostileCell {
  const cell = new HostileCell(seed, withApply);
  for (let step = 0; step < steps && cell.faults.length === 0; step += 1) cell.step();
  return cell;
}

properties('keeps its invariants, and every acknowledged write', () => {
  const applied = new Map<string, number>();
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const cell = live(seed, STEPS);
    assert.is(cell.faults[0], undefined, `seed ${seed}`);
    for (const [kind, count] of cell.applied) applied.set(kind, (applied.get(kind) ?? 0) + count);
  }
  // A life in which nothing succeeds would prove nothing: each kind that this test uses was applied often.
  const unused = new Set(['admitNode', 'admitCoordinator', 'proveFenced', 'removeNode', 'registerImage', 'setTags', 'setAttributes', 'setParameters']);
  for (const kind of COMMAND_KINDS) if (!unused.has(kind)) assert.ok((applied.get(kind) ?? 0) >= 20, `${kind}: ${applied.get(kind) ?? 0}`);
  assert.ok((applied.get('proveFenced') ?? 0) >= 20);
});

properties('gives the same state to a member that began with a snapshot', () => {
  for (let seed = 101; seed <= 110; seed += 1) {
    let other: ReturnType<typeof decodeSnapshot> | null = null;
    let entries = 0;
    const cell = live(seed, 500, (state, entry) => {
      const result = apply(state, entry);
      entries += 1;
      if (other === null) {
        if (entries >= 80) other = decodeSnapshot(JSON.parse(JSON.stringify(encodeSnapshot(result.state))));
      } else {
        const twin = apply(other, JSON.parse(JSON.stringify(entry)));
        assert.equal(twin.result, result.result, `seed ${seed}, entry ${entry.index}`);
        assert.equal(twin.events, result.events);
        other = twin.state;
      }
      if (other !== null && entries % 10 === 0) assert.is(hashState(other), hashState(result.state), `seed ${seed}, entry ${entry.index}`);
      return result;
    });
    assert.is(cell.faults[0], undefined);
    assert.ok(entries > 100, `only ${entries} entries`);
  }
});

properties('answers any value whatever without throwing, and without a change', () => {
  const cell = live(7, 200);
  const wild: unknown[] = [undefined, null, true, -1, NaN, 1e300, '', 'node-1', [], [[]], {}, { kind: 1 }, Symbol.iterator, 10n, () => 0];
  for (const command of cell.commands.slice(0, 150)) {
    for (const key of Object.keys(command)) {
      for (const value of wild) {
        const wrong: unknown = { ...command, [key]: value };
        const { state, result } = apply(cell.state, { index: 1, term: 1, data: { command: wrong as Command, at: '', by: LEADER } });
        if (result.kind === 'rejected') assert.is(state, cell.state);
      }
    }
  }
});

properties.run();
