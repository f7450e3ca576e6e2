/** Xenstore in the simulated room. */
import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Xenstore } from '../../../../../agent/room/model/xenstore.ts';
import { startGuest, startTestRoom } from './room-fixture.ts';

const stores = suite('xenstore');

stores('reads, lists and removes what was written', () => {
  const store = new Xenstore();
  assert.is(store.run(['xenstore-write', '/a/b', 'one', '/a/c', 'two words']).exitCode, 0);
  assert.equal(store.run(['xenstore-read', '/a/b', '/a/c']), { exitCode: 0, stdout: 'one\ntwo words\n', stderr: '' });
  assert.is(store.run(['xenstore-read', '-p', '/a/b']).stdout, '/a/b: one\n');
  assert.is(store.run(['xenstore-list', '/a']).stdout, 'b\nc\n');
  assert.is(store.run(['xenstore-ls', '-f', '/a']).stdout, '/a/b = "one"\n/a/c = "two words"\n');
  assert.is(store.run(['xenstore-ls', '/']).stdout, 'a = ""\n b = "one"\n c = "two words"\n');
  assert.is(store.run(['xenstore-exists', '/a/b']).exitCode, 0);
  assert.is(store.run(['xenstore-rm', '/a']).exitCode, 0);
  assert.is(store.run(['xenstore-exists', '/a/b']).exitCode, 1);
});

stores('fails for what is not there', () => {
  const store = new Xenstore();
  assert.equal(store.run(['xenstore-read', '/x']), { exitCode: 1, stdout: '', stderr: "xenstore-read: couldn't read path /x\n" });
  for (const argv of [['xenstore-list', '/x'], ['xenstore-ls', '/x'], ['xenstore-rm', '/x'], ['xenstore-write', '/x'], ['xenstore-read', '--bogus', '/x'], ['xenstore-read']]) {
    const result = store.run(argv);
    assert.is(result.exitCode, 1, argv.join(' '));
    assert.ok(result.stderr.length > 0);
  }
});

stores('is bounded', () => {
  const store = new Xenstore();
  assert.is(store.run(['xenstore-write', '/x', 'y'.repeat(5_000)]).exitCode, 1);
});

stores('has for a domain the nodes that the recorded one had, as far as the room models them', async () => {
  const test = await startTestRoom();
  await startGuest(test, 'node-1');
  const keys = (text: string): string[] => text.trim().split('\n').map((line) => line.slice(0, line.indexOf(' =')).replace(/^\/local\/domain\/\d+/, ''));
  const recorded = new Set(keys(readFileSync(new URL('../../../../fixtures/xen/xenstore-ls-domain.txt', import.meta.url), 'utf8')));
  const ours = keys(await test.must('node-1', ['xenstore-ls', '-f', '/local/domain/1']));
  assert.equal(ours.filter((key) => !recorded.has(key)), []);
  assert.ok(ours.includes('/name') && ours.includes('/device/vbd/51712/backend'));
});

stores.run();
