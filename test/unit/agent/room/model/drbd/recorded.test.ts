/**
 * Does the model, led into a recorded state, print what the real module printed there? Text for text, but for figures.
 */
import { existsSync, readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Lab } from './lab.ts';
import { RECORDED_STATES } from './recorded-states.ts';

const directory = new URL('../../../../../fixtures/drbd/', import.meta.url);

/** The recorded text of one kind, or null when that was not recorded. */
function recorded(kind: string, name: string): string | null {
  const file = new URL(`drbd-8.4.11-${kind}-${name}.txt`, directory);
  return existsSync(file) ? readFileSync(file, 'utf8') : null;
}

const COUNTERS = 'size|read|written|al-writes|bm-writes|upper-pending|lower-pending|received|sent|out-of-sync|pending|unacked|ns|nr|dw|dr|al|bm|lo|pe|ua|ap|oos';

/** Figures as N (but 0 out of sync is told from more), lines unwrapped, progress as one word. */
function withoutFigures(text: string): string {
  return text
    .replaceAll(/\b(out-of-sync|oos):(\d+)/g, (_all, key: string, figure: string) => `${key}:${figure === '0' ? 'none' : 'some'}`)
    .replaceAll(new RegExp(`\\b(${COUNTERS}):\\d+`, 'g'), '$1:N')
    .replaceAll(/done:[\d.]+/g, 'done:N')
    .replaceAll(/\[=*>\.*\] (sync'ed|verified): *[\d.]+% \(\d+\/\d+\)K/g, '[N] $1')
    .replaceAll(/finish: [\d:]+ speed: [\d,]+ \([\d,]+\)(?: want: [\d,]+)? K\/sec/g, 'finish speed')
    .replaceAll('r1', 'r0').replaceAll('minor:1', 'minor:0')
    .replaceAll(/\n {6,8}/g, ' ');
}

/** Recordings that differ in "some out of sync or none" only by what the writer happened to have done by then. */
const FREE_OUT_OF_SYNC = new Set([
  'wfconnection-secondary-outdated', 'wfconnection-secondary-uptodate-peer-unknown', 'after-reboot-uptodate-peer-outdated', 'split-brain-node2',
  'standalone-split-brain-node1', 'wfconnection-primary-peer-outdated', 'wfconnection-secondary-uptodate-peer-outdated', 'after-reboot-consistent',
]);

const comparable = (text: string, name: string): string => {
  const plain = withoutFigures(text);
  return FREE_OUT_OF_SYNC.has(name) ? plain.replaceAll(/(out-of-sync|oos):(?:none|some)/g, '$1:free') : plain;
};

/** The flag figures and the flags line of show-gi; which UUIDs are set, not which they are. */
function generations(text: string): string {
  const line = /^([0-9A-F]{16}(?::[0-9A-F]{16}){3})((?::[01]){7})$/m.exec(text);
  const uuids = (line?.[1] ?? '').split(':').map((uuid) => (/^0+$/.test(uuid) ? 'none' : /^0+4$/.test(uuid) ? 'fresh' : 'set'));
  return `${uuids.slice(0, 2).join(' ')}${line?.[2] ?? ' ?'}`;
}

/** Which recordings of show-gi carry flags that depend on earlier steps of the laboratory that are not replayed. */
const FREE_GENERATIONS = new Set(['after-reboot-consistent', 'standalone-split-brain-node1', 'split-brain-node2', 'after-reboot-uptodate-peer-outdated']);

const drbdModel = suite('the DRBD model');

for (const { name, node, options, reach } of RECORDED_STATES) {
  drbdModel(`prints ${name} as it was recorded`, async () => {
    const lab = new Lab(options ?? {});
    await reach(lab);
    let compared = 0;
    const compare = (kind: string, actual: string): void => {
      const expected = recorded(kind, name);
      if (expected === null) return;
      compared += 1;
      assert.is(comparable(actual, name), comparable(expected, name), `${kind} of ${name}`);
    };
    compare('events2', (await lab.setup(node, 'events2', '--now', '--statistics', 'r0')).stdout);
    compare('status', (await lab.setup(node, 'status', 'r0', '--verbose', '--statistics')).stdout);
    if (name !== 'connected-after-clear-bitmap-trap') compare('proc', (await lab.tryRun(node, ['cat', '/proc/drbd']))?.stdout ?? '');
    const short: string[] = [];
    for (const command of ['role', 'cstate', 'dstate']) {
      const result = await lab.adm(node, command);
      short.push(result.stdout, `exit ${result.exitCode}\n`);
    }
    compare('adm', short.join(''));
    const gi = recorded('showgi', name);
    if (gi !== null && gi.includes('flags:') && !FREE_GENERATIONS.has(name)) {
      assert.is(generations((await lab.setup(node, 'show-gi', '0')).stdout), generations(gi), `show-gi of ${name}`);
    }
    assert.ok(compared > 0, `nothing was recorded under the name ${name}`);
  });
}

drbdModel.run();
