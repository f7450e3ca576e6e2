/** Lists of domains, as recorded from Xen 4.17. */
import { readdirSync, readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseInfo } from '../../../../../agent/drivers/xen/parse-info.ts';
import { parseList, parseTag } from '../../../../../agent/drivers/xen/parse-list.ts';
import { parseLongList } from '../../../../support/parse-long-list.ts';

const lists = suite('lists of domains');

const directory = new URL('../../../../fixtures/xen/', import.meta.url);
const fixture = (name: string): string => readFileSync(new URL(name, directory), 'utf8');

lists('are read from every recording', () => {
  const names = readdirSync(directory).filter((name) => /^xl-4\.17-list-(?!l-|v-|missing)/.test(name));
  assert.ok(names.length >= 9, names.join());
  for (const name of names) {
    const rows = parseList(fixture(name));
    assert.ok(rows.length >= 1 && rows.every(({ domainId }) => Number.isSafeInteger(domainId)), name);
  }
});

lists('tell running, blocked, paused, crashed and dying domains apart', () => {
  const flags = (name: string, domain: string) => {
    const row = parseList(fixture(name)).find((each) => each.name === domain);
    return row === undefined ? null : [row.isRunning, row.isBlocked, row.isPaused, row.isShutDown, row.isCrashed, row.isDying].map(Number).join('');
  };
  assert.is(flags('xl-4.17-list-two-domains.txt', 'web1'), '000000');
  assert.is(flags('xl-4.17-list-two-domains.txt', 'web2'), '010000');
  assert.is(flags('xl-4.17-list-paused.txt', 'web2'), '001000');
  assert.is(flags('xl-4.17-list-crashed.txt', 'crash'), '000110');
  assert.is(flags('xl-4.17-list-destroying.txt', 'u1'), '001000');
  assert.is(flags('xl-4.17-list-dying.txt', '(null)'), '001001');
  assert.is(flags('xl-4.17-list-dying.txt', 'Domain-0'), '100000');
});

lists('are read in detail by the tests that compare the room with Xen', () => {
  const domains = parseLongList(fixture('xl-4.17-list-l-two-domains.txt'));
  assert.equal(domains.map(({ name, domainId }) => [name, domainId]), [['Domain-0', 0], ['web1', 6], ['web2', 9]]);
  assert.equal(domains[1], { domainId: 6, name: 'web1', uuid: '6e1f4a3c-7d55-4a0e-9b1d-111111111111', kind: 'pv', memoryMiB: 96, memoryMiBMax: 128, diskPaths: ['/dev/vg0/d1'], macAddresses: ['00:16:3e:79:00:01'] });
  assert.is(parseLongList(fixture('xl-4.17-list-l-dying.txt')).length, 1);
});

lists('that are cut off or foreign are refused', () => {
  const refuses = (text: string): void => assert.throws(() => parseList(text), (thrown: { code?: string }) => thrown.code === 'UnreadableOutput');
  refuses('');
  refuses('xl: command failed\n');
  refuses(`${fixture('xl-4.17-list-two-domains.txt')}web3   11\n`);
});

lists('have tags only in the form that the agent writes', () => {
  const bootId = '6e1f4a3c-7d55-4a0e-9b1d-111111111111';
  assert.equal(parseTag(`i-0123456789abcdef0 12 ${bootId}\n`), { instance: 'i-0123456789abcdef0', generation: 12, bootId });
  for (const text of ['', '\n', 'i-1 1 x', `i-0123456789abcdef0 -1 ${bootId}`, `i-0123456789abcdef0 12 ${bootId} more`]) assert.is(parseTag(text), null);
});

lists('come with the hypervisor\'s figures', () => {
  const info = parseInfo(fixture('xl-4.17-info.txt'));
  assert.equal(info, { host: 'box1', version: '4.17.7', cpus: 1, totalMemoryMiB: 899, freeMemoryMiB: 247, domainKinds: ['pv', 'pvh', 'hvm'] });
  assert.throws(() => parseInfo('host : x\n'), (thrown: { code?: string }) => thrown.code === 'UnreadableOutput');
});

lists.run();
