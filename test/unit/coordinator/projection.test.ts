/** What does a coordinator know after a restart, and does it say so when that may be old? */
import { cp, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openProjection } from '../../../coordinator/projection.ts';
import type { ProjectedLog, Projection } from '../../../coordinator/projection.ts';
import { ClusterError } from '../../../shared/errors.ts';
import { parseCellId, parseMemberId } from '../../../shared/ids.ts';
import { apply } from '../../../shared/ledger/apply.ts';
import type { AppliedEntry, Command } from '../../../shared/ledger/commands.ts';
import type { LedgerStatus } from '../../../shared/ledger/replicated-log.ts';
import { DEFAULT_PARAMETERS, emptyCell } from '../../../shared/model/cell.ts';
import type { CellState } from '../../../shared/model/cell.ts';
import type { CellEvent } from '../../../shared/model/event.ts';
import { VirtualWorld } from '../../support/virtual-world.ts';
import { withDirectory } from '../../support/temporary-directory.ts';
import { admission, IMAGE_RECORD } from '../shared/ledger/test-cell.ts';

const CLUSTER = '11111111-2222-4333-8444-555555555555';
const ABOUT = { cell: parseCellId('default'), clusterUuid: CLUSTER };
const initial = (): CellState => emptyCell(ABOUT.cell, CLUSTER, DEFAULT_PARAMETERS);
const SELF = parseMemberId('coordinator-1');

/** A ledger that a test drives: entries one by one, or a snapshot. */
class DrivenLog implements ProjectedLog {
  leader: string | null = 'node-1';
  canRead = true;
  #state = initial();
  #index = 0;
  readonly #listeners: ((entry: AppliedEntry | null) => void)[] = [];

  state(): CellState {
    return this.#state;
  }

  status(): LedgerStatus {
    const leader = this.leader === null ? null : parseMemberId(this.leader);
    return { member: SELF, role: 'subscriber', term: 1, leader, appliedIndex: this.#index, commitIndex: this.#index, voters: [], learners: [] };
  }

  subscribe(listener: (entry: AppliedEntry | null) => void): () => void {
    this.#listeners.push(listener);
    return () => undefined;
  }

  readFresh(): Promise<CellState> {
    return this.canRead ? Promise.resolve(this.#state) : Promise.reject(new ClusterError('NoLeader', 'no leader', { retryable: true }));
  }

  commit(command: Command): readonly CellEvent[] {
    this.#index += 1;
    const data = { command, at: '2026-11-22T12:00:00.000Z', by: SELF };
    const { state, result, events } = apply(this.#state, { index: this.#index, term: 1, data });
    if (result.kind === 'rejected') throw new Error(result.message);
    this.#state = state;
    for (const listener of this.#listeners) listener({ index: this.#index, term: 1, data, result, events });
    return events;
  }

  /** As a member that was too far behind. */
  install(state: CellState, index: number): void {
    this.#state = state;
    this.#index = index;
    for (const listener of this.#listeners) listener(null);
  }
}

/** Resolves as soon as `isSo` holds: for work of the disk, which virtual time does not move. */
async function eventually(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const startedMs = performance.now();
  while (!(await isSo())) {
    if (performance.now() - startedMs > 10_000) throw new Error(`not within 10 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

const noRecall = (): Promise<readonly CellEvent[]> => Promise.resolve([]);
const ids = (events: readonly CellEvent[]): string[] => events.map((event) => `${event.index}.${event.ordinal}`);

async function opened(directory: string, world: VirtualWorld, log: DrivenLog, recall = noRecall as Parameters<Projection['follow']>[1]): Promise<Projection> {
  const made = await openProjection(directory, ABOUT, world);
  made.follow(log, recall);
  return made;
}

const projection = suite('projection');

projection('answers after a restart with what it knew, and says that it may be old', async () => {
  await withDirectory(async (directory) => {
    const first = new DrivenLog();
    const before = await opened(directory, new VirtualWorld(1), first);
    first.commit(admission(1));
    first.commit({ kind: 'registerImage', image: IMAGE_RECORD });
    assert.is(before.isStale(), false);
    await before.close();

    const second = new DrivenLog();
    second.leader = null;
    second.canRead = false;
    const after = await opened(directory, new VirtualWorld(2), second);
    assert.is(after.state().nodes.size, 1);
    assert.is(after.index(), 2);
    assert.is(after.isStale(), true);
    assert.equal(ids(await after.latestEvents(10)), ['1.0', '2.0']);
    await after.close();
  });
});

projection('never goes back in time while the ledger catches up', async () => {
  await withDirectory(async (directory) => {
    const first = new DrivenLog();
    const before = await opened(directory, new VirtualWorld(1), first);
    first.commit(admission(1));
    first.commit(admission(2));
    await before.close();

    const second = new DrivenLog();
    second.canRead = false;
    const after = await opened(directory, new VirtualWorld(2), second);
    second.commit(admission(1));
    assert.is(after.state().nodes.size, 2);
    assert.is(after.isStale(), true);
    second.commit(admission(2));
    assert.is(after.isStale(), false);
    second.commit(admission(3));
    assert.is(after.state().nodes.size, 3);
    await after.close();
  });
});

projection('gives way to a ledger that was read fresh, even one that is behind it', async () => {
  await withDirectory(async (directory) => {
    const first = new DrivenLog();
    const before = await opened(directory, new VirtualWorld(1), first);
    first.commit(admission(1));
    first.commit(admission(2));
    await before.close();

    const world = new VirtualWorld(2);
    const second = new DrivenLog();
    second.canRead = false;
    const after = await opened(directory, world, second);
    second.commit(admission(1));
    await world.advance(2_000);
    assert.is(after.state().nodes.size, 2);
    second.canRead = true;
    await world.until('the ledger counts', () => after.state().nodes.size === 1, 2_000);
    assert.is(after.isStale(), false);
    await after.close();
  });
});

projection('drops the copy of another cluster with all its events', async () => {
  await withDirectory(async (directory) => {
    const first = new DrivenLog();
    const before = await opened(directory, new VirtualWorld(1), first);
    first.commit(admission(1));
    await before.close();
    const world = new VirtualWorld(2);
    const other = await openProjection(directory, { ...ABOUT, clusterUuid: '99999999-2222-4333-8444-555555555555' }, world);
    assert.is(other.copiedState(), null);
    assert.equal(await other.latestEvents(10), []);
    assert.ok(world.facts.some((fact) => fact.event === 'projectionDropped'));
    other.follow(new DrivenLog(), noRecall);
    await other.close();
  });
});

projection('begins anew when its files are damaged, and says so', async () => {
  await withDirectory(async (directory) => {
    const first = new DrivenLog();
    const before = await opened(directory, new VirtualWorld(1), first);
    first.commit(admission(1));
    await before.close();
    const path = join(directory, 'projection');
    for (const name of await readdir(path)) if (/^(MANIFEST|\d+\.log)/.test(name)) await writeFile(join(path, name), 'damaged');
    const world = new VirtualWorld(2);
    const after = await opened(directory, world, new DrivenLog());
    assert.is(after.copiedState(), null);
    assert.ok(world.facts.some((fact) => fact.event === 'projectionRebuilt'));
    await after.close();
  });
});

projection('copies changes now and then, so that a killed process has lost little', async () => {
  await withDirectory(async (directory) => {
    const world = new VirtualWorld(1);
    const log = new DrivenLog();
    const running = await opened(directory, world, log);
    log.commit(admission(1));
    await world.advance(5_500);
    log.commit(admission(2));
    // What lies on the disk now is what a kill leaves behind: level writes in the order it was asked to.
    await eventually('the second event is kept', async () => (await running.latestEvents(10)).length === 2);
    const left = join(directory, 'left');
    await cp(join(directory, 'projection'), join(left, 'projection'), { recursive: true });
    const after = await openProjection(left, ABOUT, new VirtualWorld(3));
    assert.is(after.copiedState()?.nodes.size, 1);
    assert.equal(ids(await after.latestEvents(10)), ['1.0', '2.0']);
    await after.close();
    await running.close();
  });
});

projection('asks what happened while it was away, and keeps the order', async () => {
  await withDirectory(async (directory) => {
    const truth = new DrivenLog();
    const before = await opened(directory, new VirtualWorld(1), truth);
    truth.commit(admission(1));
    await before.close();
    const missed = [...truth.commit(admission(2)), ...truth.commit(admission(3))];

    const log = new DrivenLog();
    const world = new VirtualWorld(2);
    const asked = Promise.withResolvers<readonly CellEvent[]>();
    const places: unknown[] = [];
    const after = await opened(directory, world, log, async (place) => {
      places.push({ index: place.index, ordinal: place.ordinal });
      return await asked.promise;
    });
    log.install(truth.state(), 3);
    const live = log.commit(admission(4));
    await eventually('it asked', () => places.length > 0);
    assert.equal(places, [{ index: 1, ordinal: 0 }]);
    let told = 0;
    after.onEvents(() => {
      told += 1;
    });
    // What the answer tells of the live entry, too, is told once.
    asked.resolve([...missed, ...live]);
    await after.settled();
    assert.ok(told > 0);
    assert.equal(ids(await after.latestEvents(10)), ['1.0', '2.0', '3.0', '4.0']);
    await after.close();
  });
});

projection('goes on with live events when nobody remembers', async () => {
  await withDirectory(async (directory) => {
    const log = new DrivenLog();
    const world = new VirtualWorld(2);
    const after = await opened(directory, world, log, () => Promise.reject(new ClusterError('NoLeader', 'nobody', { retryable: true })));
    log.install(initial(), 7);
    log.commit(admission(4));
    let told = 0;
    after.onEvents(() => {
      told += 1;
    });
    await eventually('the event is told', () => told > 0);
    assert.equal(ids(await after.latestEvents(10)), ['8.0']);
    assert.ok(world.facts.some((fact) => fact.event === 'eventsNotRecalled'));
    await after.close();
  });
});

projection.run();
