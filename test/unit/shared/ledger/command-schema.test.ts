import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { COMMAND_KINDS, parseCommand, parseEntryData, parseIntent } from '../../../../shared/ledger/command-schema.ts';
import type { Command } from '../../../../shared/ledger/commands.ts';
import { INSTANCES_PER_REQUEST_MAX } from '../../../../shared/model/limits.ts';
import { USER_COMMANDS } from '../../../../shared/wire/intent.ts';
import { HostileCell } from './hostile-cell.ts';
import { actorOf, admission, creation, IMAGE_RECORD, instanceIdOf, LEADER, nodeIdOf, placementOn, volumeIdOf } from './test-cell.ts';

const schema = suite('the schema of commands');

/** One of each kind: those of a hostile life, and what it does not use. */
function examples(): Map<Command['kind'], Command> {
  const found = new Map<Command['kind'], Command>();
  for (let seed = 1; seed <= 5; seed += 1) {
    const cell = new HostileCell(seed);
    for (let step = 0; step < 400; step += 1) cell.step();
    for (const command of cell.commands) found.set(command.kind, command);
  }
  const others: readonly Command[] = [
    admission(1), { kind: 'registerImage', image: IMAGE_RECORD }, { kind: 'removeNode', node: nodeIdOf(1) },
    { kind: 'admitCoordinator', coordinator: { id: LEADER, peerId: 'p', meshAddress: 'm', storeUuid: null } },
    { kind: 'setTags', instances: [instanceIdOf(1)], set: { a: 'b' }, remove: [{ key: 'c', value: null }] },
    { kind: 'setAttributes', instance: instanceIdOf(1), terminationProtected: true }, { kind: 'setParameters', change: { profile: 'fast' } },
  ];
  for (const command of others) found.set(command.kind, command);
  return found;
}

schema('reads every kind of command, and gives it back unchanged', () => {
  const found = examples();
  for (const kind of COMMAND_KINDS) {
    const command = found.get(kind);
    assert.ok(command !== undefined, `no example of ${kind}`);
    const parsed = parseCommand(JSON.parse(JSON.stringify(command)));
    assert.equal(parsed, { kind: 'valid', value: command });
  }
});

schema('refuses a command with an unknown key, or without one of its keys', () => {
  const optional = new Set(['terminationProtected', 'shutdownBehavior']);
  for (const [kind, command] of examples()) {
    assert.is(parseCommand({ ...command, surprise: 1 }).kind, 'invalid', kind);
    for (const key of Object.keys(command)) {
      if (kind === 'setAttributes' && optional.has(key)) continue;
      const { [key as keyof Command]: _, ...rest } = command;
      assert.is(parseCommand(rest).kind, 'invalid', `${kind} without ${key}`);
    }
  }
});

schema('names the place of what is wrong', () => {
  const parsed = parseCommand({ kind: 'readyNode', actor: { ...actorOf(1), bootId: 'nonsense' } });
  assert.equal(parsed, { kind: 'invalid', message: 'actor.bootId: not a valid boot id' });
  assert.equal(parseCommand({ kind: 'toString' }), { kind: 'invalid', message: 'no such command: toString' });
});

schema('reads an entry with its time and its proposer', () => {
  const data = { command: { kind: 'readyNode', actor: actorOf(1) }, at: '2026-11-22T00:00:00Z', by: LEADER };
  assert.equal(parseEntryData(data), { kind: 'valid', value: data });
  assert.is(parseEntryData({ ...data, by: 'Not A Member' }).kind, 'invalid');
  assert.is(parseEntryData({ ...data, at: 'x'.repeat(65) }).kind, 'invalid');
  assert.is(parseEntryData({ ...data, more: 1 }).kind, 'invalid');
});

schema('reads an intent whose ids suffice', () => {
  const create = creation(1, placementOn(1, 2)) as Extract<Command, { kind: 'createInstances' }>;
  const { instances: _, ...launch } = create;
  const ids = [{ instance: instanceIdOf(1), volume: volumeIdOf(1) }, { instance: instanceIdOf(2), volume: volumeIdOf(2) }];
  const intent = { ...launch, kind: 'runInstances', minCount: 2, ids, dryRun: false };
  assert.equal(parseIntent(JSON.parse(JSON.stringify(intent))), { kind: 'valid', value: intent });
  assert.is(parseIntent({ ...intent, minCount: 3 }).kind, 'invalid');
  assert.is(parseIntent({ ...intent, minCount: 0 }).kind, 'invalid');
  assert.is(parseIntent({ ...intent, ids: Array.from({ length: INSTANCES_PER_REQUEST_MAX + 1 }, () => ids[0]) }).kind, 'invalid');
  assert.is(parseIntent({ ...intent, kind: 'stopInstances' }).kind, 'invalid');
});

schema('knows every command that users may propose', () => {
  for (const kind of USER_COMMANDS) assert.ok(COMMAND_KINDS.includes(kind), kind);
});

schema.run();
