/**
 * Does the parser read everything that the real `drbdsetup events2` was seen to print?
 */
import { readFileSync, readdirSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { foldEvent, parseEvents2Line } from '../../../../../agent/drivers/drbd/parse-events2.ts';
import type { DrbdView } from '../../../../../agent/drivers/drbd/parse-events2.ts';

const directory = new URL('../../../../fixtures/drbd/', import.meta.url);
const fixture = (name: string): string => readFileSync(new URL(name, directory), 'utf8');
const names = readdirSync(directory);

/** What all lines of a text add up to, and how many lines were none. */
function fold(text: string): { readonly view: DrbdView | null; readonly unread: readonly string[]; readonly helpers: readonly string[]; readonly isAllTold: boolean } {
  let view: DrbdView | null = null;
  let isAllTold = false;
  const unread: string[] = [];
  const helpers: string[] = [];
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const event = parseEvents2Line(line);
    if (event === null) unread.push(line);
    else if (event.kind === 'allTold') isAllTold = true;
    else if (event.kind === 'helper') helpers.push(`${event.helper}${event.status === null ? '' : ` ${event.status}`}`);
    else view = foldEvent(view, event);
  }
  return { view, unread, helpers, isAllTold };
}

const parseEvents2 = suite('parse-events2');

const stills = names.filter((name) => /^drbd-8\.4\.11-events2-(?!stream).*\.txt$/.test(name));
parseEvents2('finds the recorded states', () => {
  assert.ok(stills.length >= 50, `${stills.length} recordings`);
});

for (const name of stills) {
  parseEvents2(`reads every line of ${name}`, () => {
    const { view, unread, isAllTold } = fold(fixture(name));
    assert.equal(unread, []);
    assert.ok(isAllTold);
    assert.ok(view !== null && view.sizeKiB === 65_496 && view.minor !== null && view.role !== 'Unknown');
  });
}

for (const name of stills) {
  const other = name.replace('-events2-', '-adm-');
  if (!names.includes(other)) continue;
  parseEvents2(`sees in ${name} what drbdadm said at the same time`, () => {
    const { view } = fold(fixture(name));
    const [roles = '', , cstate = '', , dstate = ''] = fixture(other).split('\n');
    assert.ok(view !== null);
    assert.is(`${view.role}/${view.peerRole}`, roles);
    assert.is(`${view.disk}/${view.peerDisk}`, dstate);
    const connection = cstate === 'WFConnection' ? 'Connecting' : view.replication === null ? cstate : 'Connected';
    assert.is(view.connection, connection);
    assert.is(view.replication, cstate === 'Connected' ? 'Established' : /^(?:WFConnection|StandAlone)$/.test(cstate) ? null : cstate);
  });
}

parseEvents2('reads why I/O is frozen, also for several reasons', () => {
  const suspended = (name: string): readonly string[] | undefined => fold(fixture(`drbd-8.4.11-events2-${name}.txt`)).view?.suspended;
  assert.equal(suspended('connected-primary'), []);
  assert.equal(suspended('suspended-fencing-handler-running-primary'), ['fencing']);
  assert.equal(suspended('suspended-user-and-fencing-primary'), ['user', 'fencing']);
  assert.equal(suspended('frozen-detached-forced-primary'), ['user', 'no-data', 'fencing']);
  assert.equal(suspended('suspended-no-data-primary'), ['no-data']);
});

parseEvents2('follows a stream with time stamps through a resync to its end', () => {
  const { view, unread, helpers } = fold(fixture('drbd-8.4.11-events2-stream-initial-sync-target.txt'));
  assert.equal(unread, []);
  assert.equal(helpers, [
    'before-resync-target', 'before-resync-target 0', 'before-resync-target', 'before-resync-target 0', 'after-resync-target', 'after-resync-target 0',
  ]);
  assert.is(view?.disk, 'UpToDate');
  assert.is(view?.replication, 'Established');
  assert.is(view?.outOfSyncKiB, 0);
  assert.is(view?.peerRole, 'Secondary');
});

parseEvents2('follows a split brain to a connection that is no more', () => {
  for (const node of ['node1', 'node2']) {
    const { view, unread, helpers } = fold(fixture(`drbd-8.4.11-events2-stream-split-brain-${node}.txt`));
    assert.equal(unread, []);
    assert.ok(helpers.includes('split-brain 0'));
    assert.is(view?.connection, null);
    assert.is(view?.replication, null);
    assert.is(view?.disk, 'UpToDate');
  }
});

parseEvents2('passes over keys that it does not know, and refuses what is no event', () => {
  const event = parseEvents2Line('change device name:r0 volume:0 minor:0 disk:Failed client:no quorum:yes');
  assert.is(event?.kind, 'change');
  assert.is(parseEvents2Line('change universe name:r0'), null);
  assert.is(parseEvents2Line('rumour resource name:r0'), null);
  assert.is(parseEvents2Line('exists resource role:Primary'), null);
  assert.is(parseEvents2Line('- skipped 3'), null);
  assert.is(parseEvents2Line(''), null);
});

parseEvents2('forgets a resource that is destroyed', () => {
  let view: DrbdView | null = null;
  for (const line of ['create resource name:r0 role:Secondary suspended:no', 'create device name:r0 volume:0 minor:3 disk:Diskless', 'destroy device name:r0 volume:0 minor:3', 'destroy resource name:r0']) {
    const event = parseEvents2Line(line);
    if (event !== null && event.kind !== 'allTold' && event.kind !== 'helper') view = foldEvent(view, event);
  }
  assert.is(view, null);
});

parseEvents2.run();
