import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ClusterError } from '../../../../shared/errors.ts';
import type { Entry, Snapshot } from '../../../../shared/ledger/raft/types.ts';
import { seededChance, uuid } from '../../../../shared/random.ts';
import { slotDisk } from '../../../../shared/store/durable-file.ts';
import { openLedgerStore } from '../../../../shared/store/ledger-store.ts';
import type { LedgerStore } from '../../../../shared/store/ledger-store.ts';
import { openLevel } from '../../../../shared/store/open-level.ts';
import { withDirectory } from '../../../support/temporary-directory.ts';

const store = suite('ledger store');

const chance = seededChance(20);
const newStoreUuid = (): string => uuid(chance);
const open = async (directory: string) => await openLedgerStore(directory, { newStoreUuid });
const entry = (index: number, term = 1, text = `value ${index}`): Entry => ({ version: 1, index, term, kind: 'command', data: { text } });
const entries = (from: number, to: number, term = 1): Entry[] => Array.from({ length: to - from + 1 }, (_, at) => entry(from + at, term));
const snapshotAt = (index: number, term = 1): Snapshot => ({ index, term, conf: { voters: ['node-1.5f2c9a10'], learners: [], witnesses: [] }, data: { at: index } });
const hard = (term: number, commit = 0, vote: string | null = 'node-1.5f2c9a10') => ({ term, vote, commit });
const codeOf = async (work: Promise<unknown>): Promise<string> => await work.then(() => 'done', (error: unknown) => (error as ClusterError).code);

/** Does something with an opened store, and closes it. */
async function using<Result>(directory: string, use: (opened: LedgerStore) => Promise<Result>): Promise<Result> {
  const opened = await open(directory);
  try {
    return await use(opened);
  } finally {
    await opened.close();
  }
}

async function loadedAgain(directory: string): Promise<LedgerStore['loaded']> {
  return await using(directory, async (opened) => await Promise.resolve(opened.loaded));
}

store('is fresh once, and then gives back what was saved', async () => {
  await withDirectory(async (directory) => {
    const first = await using(directory, async (opened) => {
      assert.equal(opened.loaded, { kind: 'fresh' });
      await opened.save({ hardState: hard(1) });
      await opened.save({ entries: entries(1, 3), hardState: hard(1, 2) });
      return opened.storeUuid;
    });
    await using(directory, async (opened) => {
      assert.is(opened.storeUuid, first);
      assert.equal(opened.loaded, { kind: 'loaded', hardState: hard(1, 2), snapshot: null, entries: entries(1, 3) });
      await opened.save({ hardState: hard(1, 3) });
    });
    assert.equal(await loadedAgain(directory), { kind: 'loaded', hardState: hard(1, 3), snapshot: null, entries: entries(1, 3) });
  });
});

store('replaces a conflicting tail', async () => {
  await withDirectory(async (directory) => {
    await using(directory, async (opened) => await opened.save({ hardState: hard(1), entries: entries(1, 9) }));
    await using(directory, async (opened) => await opened.save({ hardState: hard(2, 0, null), entries: [entry(4, 2, 'other')] }));
    assert.equal(await loadedAgain(directory), { kind: 'loaded', hardState: hard(2, 0, null), snapshot: null, entries: [...entries(1, 3), entry(4, 2, 'other')] });
  });
});

store('compacts behind its own snapshot, and is replaced by a leader’s', async () => {
  await withDirectory(async (directory) => {
    await using(directory, async (opened) => {
      await opened.save({ hardState: hard(1), entries: entries(1, 20) });
      await opened.save({ snapshot: snapshotAt(15), compactTo: 10, hardState: hard(1, 18) });
    });
    assert.equal(await loadedAgain(directory), { kind: 'loaded', hardState: hard(1, 18), snapshot: snapshotAt(15), entries: entries(11, 20) });
    await using(directory, async (opened) => {
      await opened.save({ compactTo: 12 });
      await opened.save({ snapshot: snapshotAt(40, 3), hardState: hard(3, 40), entries: entries(41, 42, 3) });
    });
    assert.equal(await loadedAgain(directory), { kind: 'loaded', hardState: hard(3, 40), snapshot: snapshotAt(40, 3), entries: entries(41, 42, 3) });
  });
});

store('keeps the order of saves that wait together', async () => {
  await withDirectory(async (directory) => {
    await using(directory, async (opened) => {
      await Promise.all([
        opened.save({ hardState: hard(1), entries: entries(1, 5) }),
        opened.save({ entries: entries(6, 8) }),
        opened.save({ hardState: hard(2, 4, null), entries: entries(7, 7, 2) }),
        opened.save({ snapshot: snapshotAt(3), compactTo: 3 }),
        opened.save({ hardState: hard(3, 5), entries: entries(8, 9, 3) }),
      ]);
    });
    const expected = [...entries(4, 6), entry(7, 2), ...entries(8, 9, 3)];
    assert.equal(await loadedAgain(directory), { kind: 'loaded', hardState: hard(3, 5), snapshot: snapshotAt(3), entries: expected });
  });
});

store('is refused to a second opener', async () => {
  await withDirectory(async (directory) => {
    const first = await open(directory);
    assert.is(await codeOf(open(directory)), 'StoreLocked');
    await first.close();
    assert.is((await loadedAgain(directory)).kind, 'loaded');
  });
});

store('says what to do when its directory cannot be used', async () => {
  await withDirectory(async (directory) => {
    await writeFile(join(directory, 'file'), '');
    const error = await open(join(directory, 'file', 'ledger')).catch((thrown: unknown) => thrown as ClusterError);
    assert.ok('code' in error && error.code === 'StoreUnwritable' && error.message.includes('choose another'));
  });
});

store('refuses every save after one that failed', async () => {
  await withDirectory(async (directory) => {
    let isBroken = false;
    const disk = { ...slotDisk, replace: async (path: string, bytes: Uint8Array) => await (isBroken ? Promise.reject(new Error('EIO: fsync')) : slotDisk.replace(path, bytes)) };
    const opened = await openLedgerStore(directory, { newStoreUuid, disk });
    await opened.save({ hardState: hard(1), entries: entries(1, 2) });
    isBroken = true;
    assert.equal(await Promise.all([codeOf(opened.save({ hardState: hard(2) })), codeOf(opened.save({ entries: entries(3, 3, 2) }))]), ['StoreFailed', 'StoreFailed']);
    isBroken = false;
    assert.is(await codeOf(opened.save({ entries: entries(3, 3) })), 'StoreFailed');
    await opened.close();
    assert.equal(await loadedAgain(directory), { kind: 'loaded', hardState: hard(1), snapshot: null, entries: entries(1, 2) });
  });
});

store('refuses a save that would leave a gap, and everything after it', async () => {
  await withDirectory(async (directory) => {
    await using(directory, async (opened) => {
      await opened.save({ hardState: hard(1), entries: entries(1, 2) });
      assert.is(await codeOf(opened.save({ entries: entries(4, 4) })), 'StoreFailed');
      assert.is(await codeOf(opened.save({ entries: entries(3, 3) })), 'StoreFailed');
    });
    assert.equal(await loadedAgain(directory), { kind: 'loaded', hardState: hard(1), snapshot: null, entries: entries(1, 2) });
  });
});

store('forgets under a new name, and keeps three damaged stores', async () => {
  await withDirectory(async (directory) => {
    const names = new Set<string>();
    for (let round = 0; round < 6; round += 1) {
      await using(directory, async (opened) => {
        assert.is(opened.loaded.kind, round === 0 ? 'fresh' : 'amnesia');
        names.add(opened.storeUuid);
        await opened.save({ hardState: hard(1), entries: entries(1, 3) });
      });
      await rm(join(directory, 'current', round % 2 === 0 ? 'slot.0' : 'slot.1'));
    }
    assert.is(names.size, 6);
    assert.is((await loadedAgain(directory)).kind, 'amnesia');
    assert.equal((await readdir(directory)).toSorted(), ['current', 'damaged-4', 'damaged-5', 'damaged-6']);
  });
});

/** Changes the log behind the store's back. */
async function tamper(directory: string, change: (level: Extract<Awaited<ReturnType<typeof openLevel>>, { kind: 'open' }>['level']) => Promise<void>): Promise<void> {
  const opened = await openLevel(join(directory, 'current', 'log'), { create: false });
  if (opened.kind !== 'open') throw new Error(opened.reason);
  await change(opened.level);
  await opened.level.close();
}

/** Changes one character of a record's JSON into another one: still JSON, of the same length. */
async function misspell(directory: string, record: string, from: string, to: string): Promise<void> {
  await tamper(directory, async (level) => {
    const text = new TextDecoder().decode(await level.get(record));
    assert.ok(text.includes(from));
    await level.put(record, new TextEncoder().encode(text.replace(from, to)));
  });
}

/** Puts the same entry of another store into this one's place. */
async function exchange(directory: string, record: string): Promise<void> {
  await withDirectory(async (other) => {
    await using(other, async (opened) => await opened.save({ hardState: hard(1, 2), entries: entries(1, 9) }));
    let foreign = new Uint8Array();
    await tamper(other, async (level) => { foreign = Uint8Array.from(await level.get(record)); });
    await tamper(directory, async (level) => await level.put(record, foreign));
  });
}

const key = (index: number): string => `e${String(index).padStart(16, '0')}`;

const damages: readonly (readonly [string, (directory: string) => Promise<void>])[] = [
  ['an entry is missing', async (directory) => await tamper(directory, async (level) => await level.del(key(5)))],
  ['the first entry is missing', async (directory) => await tamper(directory, async (level) => await level.del(key(1)))],
  ['the last entry is missing', async (directory) => await tamper(directory, async (level) => await level.del(key(9)))],
  ['an entry is in another one’s place', async (directory) => await tamper(directory, async (level) => await level.put(key(5), (await level.get(key(6))) ?? new Uint8Array()))],
  ['a character of an entry is another one', async (directory) => await misspell(directory, key(5), 'value', 'valuf')],
  ['a character of the last entry is another one', async (directory) => await misspell(directory, key(9), 'value', 'valuf')],
  ['a digit of the commit index is another one', async (directory) => await misspell(directory, 'commit', '2', '3')],
  ['an entry of another store is in its place', async (directory) => await exchange(directory, key(5))],
  ['the last entry of another store is in its place', async (directory) => await exchange(directory, key(9))],
  ['the commit index is missing', async (directory) => await tamper(directory, async (level) => await level.del('commit'))],
  ['the beginning is missing', async (directory) => await tamper(directory, async (level) => await level.del('base'))],
  ['something else is in it', async (directory) => await tamper(directory, async (level) => await level.put('other', new Uint8Array([1])))],
  ['the database is gone', async (directory) => await rm(join(directory, 'current', 'log'), { recursive: true })],
  ['the database’s CURRENT file is empty', async (directory) => await writeFile(join(directory, 'current', 'log', 'CURRENT'), '')],
  ['both slots are gone', async (directory) => { await rm(join(directory, 'current', 'slot.0')); await rm(join(directory, 'current', 'slot.1')); }],
];

for (const [what, damage] of damages) {
  store(`loses its memory when ${what}`, async () => {
    await withDirectory(async (directory) => {
      await using(directory, async (opened) => await opened.save({ hardState: hard(1, 2), entries: entries(1, 9) }));
      await damage(directory);
      const loaded = await loadedAgain(directory);
      assert.is(loaded.kind, 'amnesia');
      if (loaded.kind === 'amnesia') assert.ok(loaded.reason.length > 0 && (await readdir(loaded.keptAt)).length > 0);
      assert.equal(await loadedAgain(directory), { kind: 'loaded', hardState: { term: 0, vote: null, commit: 0 }, snapshot: null, entries: [] });
    });
  });
}

store('loses its memory when both slots are put back to an older term', async () => {
  await withDirectory(async (directory) => {
    const current = join(directory, 'current');
    await using(directory, async (opened) => await opened.save({ hardState: hard(1), entries: entries(1, 3) }));
    const older = await Promise.all(['slot.0', 'slot.1'].map(async (name) => [name, await readFile(join(current, name))] as const));
    await using(directory, async (opened) => await opened.save({ hardState: hard(2), entries: entries(4, 4, 2) }));
    for (const [name, bytes] of older) await writeFile(join(current, name), bytes);
    assert.is((await loadedAgain(directory)).kind, 'amnesia');
  });
});

store('loses its memory when the log is put back to an older copy', async () => {
  await withDirectory(async (directory) => {
    const log = join(directory, 'current', 'log');
    await using(directory, async (opened) => await opened.save({ hardState: hard(1), entries: entries(1, 3) }));
    await cp(log, join(directory, 'copy'), { recursive: true });
    await using(directory, async (opened) => await opened.save({ entries: entries(4, 6) }));
    await rm(log, { recursive: true });
    await cp(join(directory, 'copy'), log, { recursive: true });
    assert.is((await loadedAgain(directory)).kind, 'amnesia', 'entries 4 to 6 were acknowledged');
  });
});

store('remembers after a crash that follows a conflict at once', async () => {
  await withDirectory(async (directory) => {
    const [store1, crashed] = [join(directory, 'store'), join(directory, 'crashed')];
    await using(store1, async (opened) => await opened.save({ hardState: hard(2), entries: entries(1, 9) })); // The slots are told of entry 9.
    await using(store1, async (opened) => {
      await opened.save({ entries: [entry(4, 2, 'other')] });
      await cp(store1, crashed, { recursive: true });
      await opened.save({ snapshot: snapshotAt(3), compactTo: 3 });
    });
    assert.equal(await loadedAgain(crashed), { kind: 'loaded', hardState: hard(2), snapshot: null, entries: [...entries(1, 3), entry(4, 2, 'other')] });
    await rm(crashed, { recursive: true });
    await using(store1, async (opened) => {
      await opened.save({ snapshot: snapshotAt(40, 2), hardState: hard(2, 40) });
      await cp(store1, crashed, { recursive: true });
    });
    assert.equal(await loadedAgain(crashed), { kind: 'loaded', hardState: hard(2, 40), snapshot: snapshotAt(40, 2), entries: [] });
  });
});

store('never accepts a damaged database file silently', async () => {
  await withDirectory(async (directory) => {
    const whole = join(directory, 'whole');
    const expected = entries(1, 30);
    await using(whole, async (opened) => await opened.save({ hardState: hard(1, 9), entries: expected }));
    await using(whole, async (opened) => await opened.save({ hardState: hard(1, 10) })); // moves the entries into a table file
    const files = (await readdir(join(whole, 'current', 'log'))).filter((name) => /\.(ldb|log)$|^MANIFEST|^CURRENT$/.test(name));
    assert.ok(files.length >= 3, files.join(' '));
    const seen = { loaded: 0, amnesia: 0 };
    for (const name of files) {
      const bytes = await readFile(join(whole, 'current', 'log', name));
      const positions = Array.from({ length: 12 }, (_, at) => Math.floor((at * bytes.length) / 12));
      for (const position of positions) {
        for (const damage of ['flip', 'cut'] as const) {
          const copy = join(directory, 'copy');
          await rm(copy, { recursive: true, force: true });
          await cp(whole, copy, { recursive: true });
          const changed = Buffer.from(damage === 'cut' ? bytes.subarray(0, position) : bytes);
          if (damage === 'flip') changed[position] = (changed[position] ?? 0) ^ 0x10;
          await writeFile(join(copy, 'current', 'log', name), changed);
          const loaded = await loadedAgain(copy);
          if (loaded.kind === 'fresh') throw new Error('taken for a new store');
          seen[loaded.kind] += 1;
          // The commit index alone may fall back; entries, term and vote may not.
          if (loaded.kind === 'loaded') assert.equal([loaded.entries, loaded.hardState.term, loaded.hardState.vote], [expected, 1, hard(1).vote], `${name} ${damage} at ${position}`);
        }
      }
    }
    assert.ok(seen.amnesia >= 10, `${seen.amnesia} damages were noticed`);
  });
});

store('begins anew when its making was cut off', async () => {
  await withDirectory(async (directory) => {
    await mkdir(join(directory, 'new', 'log'), { recursive: true });
    await writeFile(join(directory, 'new', 'slot.0'), 'half');
    assert.is((await loadedAgain(directory)).kind, 'fresh');
  });
});

store('is not closed before what waits is durable', async () => {
  await withDirectory(async (directory) => {
    const opened = await open(directory);
    const saved = opened.save({ hardState: hard(1), entries: entries(1, 3) });
    await opened.close();
    await saved;
    assert.is(await codeOf(opened.save({ hardState: hard(2) })), 'StoreClosed');
    assert.equal((await loadedAgain(directory)).kind, 'loaded');
  });
});

store.run();
