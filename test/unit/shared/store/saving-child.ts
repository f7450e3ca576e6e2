/**
 * Who is killed in the middle of its saves? This process: it saves entry after entry into the store of argv[2] and
 * prints what was acknowledged, until it is killed.
 */
import { writeSync } from 'node:fs';
import { seededChance, uuid } from '../../../../shared/random.ts';
import { openLedgerStore } from '../../../../shared/store/ledger-store.ts';

const [directory = '', seed = '1'] = process.argv.slice(2);
const chance = seededChance(Number(seed));
const store = await openLedgerStore(directory, { newStoreUuid: () => uuid(chance) });
if (store.loaded.kind === 'amnesia') {
  writeSync(1, `amnesia ${store.loaded.reason}\n`);
  process.exit(1);
}
const found = store.loaded.kind === 'loaded' ? store.loaded : { hardState: { term: 0, vote: null, commit: 0 }, entries: [], snapshot: null };
let last = found.entries.at(-1)?.index ?? found.snapshot?.index ?? 0;
let lastTerm = found.entries.at(-1)?.term ?? found.snapshot?.term ?? 0;
let { term } = found.hardState;
let compacted = found.snapshot?.index ?? 0;

async function saveSome(): Promise<void> {
  const draw = chance.next();
  if (draw < 0.15 || term === 0) {
    term += 1;
    await store.save({ hardState: { term, vote: `node-${term % 3}.00000000`, commit: compacted } });
  } else if (draw < 0.25 && last - compacted > 3) {
    // A conflict: the new leader's entry replaces the last two.
    term += 1;
    last -= 1;
    lastTerm = term;
    await store.save({ hardState: { term, vote: null, commit: compacted }, entries: [{ version: 1, index: last, term, kind: 'command', data: { term } }] });
  } else if (draw < 0.3 && last - compacted > 12) {
    compacted = last;
    await store.save({ hardState: { term, vote: null, commit: last }, snapshot: { index: last, term: lastTerm, conf: { voters: [], learners: [], witnesses: [] }, data: null }, compactTo: last - 5 });
  } else {
    const count = 1 + Math.floor(chance.next() * 4);
    const entries = Array.from({ length: count }, (_, at) => ({ version: 1, index: last + 1 + at, term, kind: 'command' as const, data: { text: 'x'.repeat(at * 50) } }));
    last += count;
    lastTerm = term;
    await store.save({ hardState: { term, vote: null, commit: compacted }, entries });
  }
  writeSync(1, `${term} ${last}\n`);
}

for (;;) await saveSome();
