/**
 * What do users and operators ask for in a story? Through the coordinator, as they do.
 */
import type { InstanceId } from '../../../shared/ids.ts';
import type { Command } from '../../../shared/ledger/commands.ts';
import { INSTANCE_TYPES } from '../../../shared/model/image.ts';
import type { IntentAnswer } from '../../../shared/wire/intent.ts';
import { moveOf } from '../storm/members.ts';
import type { CommandKind } from './commands.ts';
import { buildCondition } from './conditions.ts';
import { durationMs } from './parse-duration.ts';
import type { Stage } from './stage.ts';

export const USER_COMMANDS: readonly CommandKind[] = [
  { sentence: 'run web, db (as m1.small) (under token T)', pattern: /^run ([\w, ]+?)(?: as (\S+))?(?: under token (\S+))?$/, takesTime: true, run: async (stage, ...words) => {
    await runInstances(stage, ...words);
    if (stage.answers.get('last') !== 'created') throw new Error(`the answer is ${stage.answers.get('last') ?? 'none'}`);
  } },
  { sentence: 'ask to run web (as m1.small) (under token T)', pattern: /^ask to run ([\w, ]+?)(?: as (\S+))?(?: under token (\S+))?$/, run: runInstances, takesTime: true },
  { sentence: 'stop web', pattern: /^stop (\S+)$/, run: async (stage, name = '') => await ask(stage, desired(stage, name, 'stopped', false)), takesTime: true },
  { sentence: 'force stop web', pattern: /^force stop (\S+)$/, run: async (stage, name = '') => await ask(stage, desired(stage, name, 'stopped', true)), takesTime: true },
  { sentence: 'start web', pattern: /^start (\S+)$/, run: async (stage, name = '') => await ask(stage, desired(stage, name, 'running', false)), takesTime: true },
  { sentence: 'terminate web', pattern: /^terminate (\S+)$/, run: async (stage, name = '') => await ask(stage, desired(stage, name, 'terminated', false)), takesTime: true },
  { sentence: 'reboot web', pattern: /^reboot (\S+)$/, run: async (stage, name = '') => await ask(stage, { kind: 'restartInstances', instances: [stage.instanceId(name)] }), takesTime: true },
  { sentence: 'cordon A', pattern: /^cordon (\S+)$/, run: async (stage, name = '') => await ask(stage, { kind: 'cordonNode', node: stage.node(name), cordoned: true }), takesTime: true },
  { sentence: 'uncordon A', pattern: /^uncordon (\S+)$/, run: async (stage, name = '') => await ask(stage, { kind: 'cordonNode', node: stage.node(name), cordoned: false }), takesTime: true },
  { sentence: 'remove A', pattern: /^remove (\S+)$/, run: async (stage, name = '') => await ask(stage, { kind: 'removeNode', node: stage.node(name) }), takesTime: true },
  { sentence: 'A gets another storage address', pattern: /^(\S+) gets another storage address$/, run: async (stage, name = '') => await ask(stage, moved(stage, name)), takesTime: true },
  { sentence: 'tag web every 10 ms until CONDITION within 12 s', pattern: /^tag (\S+) every (.+?) until (.+) within (.+)$/, run: keepAsking, takesTime: true },
];

function desired(stage: Stage, name: string, state: 'running' | 'stopped' | 'terminated', force: boolean): Command {
  return { kind: 'setDesired', instances: [stage.instanceId(name)], desired: state, force };
}

function moved(stage: Stage, name: string): Command {
  const command = moveOf(stage.cell, stage.node(name));
  if (command === null) throw new Error(`${name} is no node of the cell`);
  return command;
}

/** Waits for the answer. A refusal is one: the story may look at it (`the answer was`). */
async function ask(stage: Stage, command: Command): Promise<void> {
  const { result } = await stage.finish(stage.cell.ask(command));
  stage.answers.set('last', result.kind === 'applied' ? 'applied' : `rejected: ${result.reason}`);
}

async function runInstances(stage: Stage, names = '', typeName = '', token = ''): Promise<void> {
  const wanted = names.split(',').map((name) => name.trim());
  const type = INSTANCE_TYPES.find(({ name }) => name === (typeName || 't1.micro'));
  if (type === undefined) throw new Error(`there is no type ${typeName}, but ${INSTANCE_TYPES.map(({ name }) => name).join(', ')}`);
  const { vcpus, memoryMiB } = type;
  const intent = { ...stage.cell.intentToRun(wanted.length), type: type.name, vcpus, memoryMiB, clientToken: token === '' ? null : token };
  for (const [at, name] of wanted.entries()) {
    const id = intent.ids[at]?.instance;
    if (id !== undefined && !stage.tokens.has(token)) stage.instances.set(name, id);
  }
  if (token !== '') stage.tokens.add(token);
  const answer = await stage.finish(stage.cell.coordinatorPort().runInstances(intent));
  stage.answers.set('last', answer.kind === 'rejected' ? `rejected: ${answer.result.reason}` : answer.kind);
  for (const [at, id] of createdBy(answer).entries()) stage.instances.set(wanted[at] ?? '', id);
  // The projection that names are looked up in may be a moment behind.
  for (const id of createdBy(answer)) await stage.until(() => stage.cell.state().instances.has(id), 5_000);
}

function createdBy(answer: IntentAnswer): readonly InstanceId[] {
  return answer.kind === 'created' ? answer.instances : [];
}

async function keepAsking(stage: Stage, name = '', every = '', sentence = '', limit = ''): Promise<void> {
  const condition = buildCondition(stage, sentence);
  const id = stage.instanceId(name);
  let count = 0;
  let isOver = false;
  const next = (): void => {
    if (isOver) return;
    count += 1;
    stage.cell.post({ kind: 'setTags', instances: [id], set: { asked: String(count) }, remove: [] });
    stage.cell.world.timers.after(durationMs(every), next);
  };
  next();
  const isTrue = await stage.until(() => condition() === null, durationMs(limit));
  isOver = true;
  if (!isTrue) throw new Error(`not within ${limit}: ${sentence}. But: ${condition() ?? 'now it is'}`);
}
