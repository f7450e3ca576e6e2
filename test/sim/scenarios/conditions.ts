/**
 * What may a story wait for, and demand? Sentences about the cell, each true or with a word on how it is instead.
 *
 * The list at {@link CONDITIONS} is the manual: a sentence is read by the first pattern that fits all of it.
 */
import { unrest } from '../../support/cell-witness.ts';
import { ackedRecord } from '../../support/virtual-instance.ts';
import type { Stage } from './stage.ts';

/** How it is when the sentence is not true; null: it is true. */
export type Condition = () => string | null;

/** Builds the condition at the moment when its command begins: `writes on` counts from there. */
type Build = (stage: Stage, ...words: readonly string[]) => Condition;

/** N, M: nodes; I: an instance; D: an instance's volume, such as web-disk. */
export const CONDITIONS: readonly { readonly sentence: string; readonly pattern: RegExp; readonly build: Build }[] = [
  { sentence: 'calm', pattern: /^calm$/, build: (stage) => () => listed(unrest(stage.cell).map((line) => stage.named(line))) },
  { sentence: 'I runs', pattern: /^(\S+) runs$/, build: (stage, name = '') => () => runs(stage, name, null) },
  { sentence: 'I runs nowhere', pattern: /^(\S+) runs nowhere$/, build: (stage, name = '') => () => listed(running(stage, name)) },
  { sentence: 'I runs on N', pattern: /^(\S+) runs on (.+)$/, build: (stage, name = '', node = '') => () => runs(stage, name, stage.node(node)) },
  { sentence: 'I executes on N (whatever the ledger says)', pattern: /^(\S+) executes on (.+)$/, build: (stage, name = '', node = '') => () => equal(running(stage, name).join(), stage.named(stage.node(node))) },
  { sentence: 'I is a phase of instances', pattern: /^(\S+) is (pending|starting|running|stopping|stopped|takeover|unavailableData|unavailableCapacity|crashBackoff|terminated)$/,
    build: (stage, name = '', phase = '') => () => equal(stage.instance(name).phase, phase) },
  { sentence: 'I writes on', pattern: /^(\S+) writes on$/, build: writesOn },
  { sentence: 'I is told "..."', pattern: /^(\S+) is told "(.+)"$/, build: (stage, name = '', text = '') => () => includes(stage.named(stage.instance(name).reason?.message ?? 'nothing'), text) },
  { sentence: 'I never moved', pattern: /^(\S+) never moved$/, build: (stage, name = '') => () => equal(stage.instance(name).generation, stage.generationBefore(stage.instanceId(name))) },
  { sentence: 'I was started at most 3 times', pattern: /^(\S+) was started at most (\d+) times?$/, build: (stage, name = '', most = '') => () => atMost(stage.starts(stage.instanceId(name)), Number(most)) },
  { sentence: 'I has failed 3 times', pattern: /^(\S+) has failed (\d+) times?$/, build: (stage, name = '', count = '') => () => equal(stage.instance(name).failures, Number(count)) },
  { sentence: 'N stands by for I', pattern: /^(\S+) stands by for (\S+)$/, build: (stage, node = '', name = '') => () => equal(stage.named(stage.instance(name).standby ?? 'nobody'), stage.named(stage.node(node))) },
  { sentence: 'why I shows leaseExpired', pattern: /^why (\S+) shows (\S+)$/, build: (stage, name = '', proof = '') => () => equal(stage.instance(name).moves.at(-1)?.proof?.kind ?? 'nothing', proof) },
  { sentence: 'I and I are one', pattern: /^(\S+) and (\S+) are one$/, build: (stage, one = '', other = '') => () => equal(stage.named(stage.instanceId(one)), stage.named(stage.instanceId(other))) },
  { sentence: 'there are 2 instances', pattern: /^there (?:is|are) (\d+) instances?$/, build: (stage, count = '') => () => equal(stage.cell.state().instances.size, Number(count)) },
  { sentence: 'D in sync on N, M', pattern: /^(\S+-disk) in sync on (.+)$/, build: (stage, name = '', nodes = '') => () => equal(nodesOf(stage, stage.volume(name).inSync), nodesOf(stage, stage.nodeList(nodes))) },
  { sentence: 'D has replicas on N, M', pattern: /^(\S+-disk) has replicas on (.+)$/, build: (stage, name = '', nodes = '') => () => equal(nodesOf(stage, stage.volume(name).replicas), nodesOf(stage, stage.nodeList(nodes))) },
  { sentence: 'D is tainted nowhere', pattern: /^(\S+-disk) is tainted nowhere$/, build: (stage, name = '') => () => listed(stage.volume(name).tainted) },
  { sentence: 'D is tainted on N', pattern: /^(\S+-disk) is tainted on (.+)$/, build: (stage, name = '', nodes = '') => () => equal(nodesOf(stage, stage.volume(name).tainted), nodesOf(stage, stage.nodeList(nodes))) },
  { sentence: 'D is frozen on N', pattern: /^(\S+-disk) is frozen on (.+)$/, build: (stage, name = '', node = '') => () => (kernel(stage, name, node)?.isFrozen === true ? null : 'it is not frozen') },
  { sentence: 'D on N shows StandAlone (or any state of DRBD)', pattern: /^(\S+-disk) on (\S+) shows (\S+)$/, build: (stage, name = '', node = '', word = '') => () => {
    const fact = kernel(stage, name, node);
    return fact === undefined ? 'it is not up' : includes(`${fact.connection} ${fact.role} ${fact.disk} ${fact.peerDisk}`, word);
  } },
  { sentence: 'N has no domain', pattern: /^(\S+) has no domain$/, build: (stage, node = '') => () => listed(stage.cell.room.nodeReport(stage.node(node)).domains.map(({ name, state }) => `${stage.named(name)} is ${state}`)) },
  { sentence: 'N has 1 volume', pattern: /^(\S+) has (\d+) volumes?$/, build: (stage, node = '', count = '') => () => equal(stage.cell.room.nodeReport(stage.node(node)).volumes, Number(count)) },
  { sentence: 'N are active (or any phase of nodes)', pattern: /^(.+) (?:is|are) (admitted|joining|active|draining|maintenance|fencing|fenced|removed)$/, build: (stage, nodes = '', phase = '') => () =>
    listed(stage.nodeList(nodes).filter((node) => stage.cell.state().nodes.get(node)?.phase !== phase).map((node) => `${stage.named(node)} is ${stage.cell.state().nodes.get(node)?.phase}`)) },
  { sentence: 'N are up', pattern: /^(.+) (?:is|are) up$/, build: (stage, nodes = '') => () => listed(stage.nodeList(nodes).filter((node) => !isUp(stage, node)).map((node) => `${stage.named(node)} is down`)) },
  { sentence: 'N are down', pattern: /^(.+) (?:is|are) down$/, build: (stage, nodes = '') => () => listed(stage.nodeList(nodes).filter((node) => isUp(stage, node)).map((node) => `${stage.named(node)} is up`)) },
  { sentence: 'nobody died', pattern: /^nobody died$/, build: (stage) => () => listed(stage.deaths().map((node) => stage.named(node))) },
  { sentence: 'nobody died but N, M', pattern: /^nobody died but (.+)$/, build: (stage, nodes = '') => () => listed(stage.deaths().filter((node) => !stage.nodeList(nodes).includes(node)).map((node) => stage.named(node))) },
  { sentence: 'N leads', pattern: /^(\S+) leads$/, build: (stage, who = '') => () => leads(stage, who) },
  { sentence: 'N, M vote', pattern: /^(.+) votes?$/, build: (stage, nodes = '') => () => equal(voters(stage), nodesOf(stage, stage.members(nodes))) },
  { sentence: 'it was told "..."', pattern: /^it was told "(.+)"$/, build: (stage, text = '') => () => (stage.recorder.lines.some((line) => line.text.includes(text)) ? null : 'it was not') },
  { sentence: 'the answer was ...', pattern: /^the answer was (.+)$/, build: (stage, text = '') => () => includes(stage.answers.get('last') ?? 'none', text) },
];

/** Reads a sentence; `not` before it turns it round. Throws when no pattern fits. */
export function buildCondition(stage: Stage, sentence: string): Condition {
  if (sentence.startsWith('not ')) {
    const inner = buildCondition(stage, sentence.slice(4));
    return () => (inner() === null ? 'it is so' : null);
  }
  for (const { pattern, build } of CONDITIONS) {
    const found = pattern.exec(sentence);
    if (found !== null) return build(stage, ...found.slice(1));
  }
  throw new Error(`nobody understands "${sentence}"; there is: ${CONDITIONS.map((each) => each.sentence).join('; ')}`);
}

function running(stage: Stage, name: string): readonly string[] {
  return (stage.cell.room.report().instances[stage.instanceId(name)]?.running ?? []).map(({ node }) => stage.named(node));
}

/** By the ledger's word and in truth. */
function runs(stage: Stage, name: string, node: string | null): string | null {
  const { phase, holder, restarting } = stage.instance(name);
  const where = running(stage, name).join();
  const isSo = phase === 'running' && !restarting && holder !== null && where === stage.named(holder) && (node === null || holder === node);
  return isSo ? null : `${name} is ${phase} on ${stage.named(holder ?? 'no node')}, and executes on ${where === '' ? 'no node' : where}`;
}

function writesOn(stage: Stage, name = ''): Condition {
  const before = ackedRecord(stage.cell, stage.instanceId(name));
  return () => (ackedRecord(stage.cell, stage.instanceId(name)) > before + 2 ? null : 'no record more was acknowledged');
}

function kernel(stage: Stage, name: string, node: string): { readonly isFrozen: boolean; readonly connection: string; readonly role: string; readonly disk: string; readonly peerDisk: string } | undefined {
  return stage.cell.drbd.room?.facts().find((fact) => fact.resource === stage.volumeId(name) && fact.node === stage.node(node));
}

function leads(stage: Stage, who: string): string | null {
  const leader = stage.cell.leader();
  if (who === 'nobody') return leader === null ? null : `${stage.named(leader)} leads`;
  if (who === 'somebody') return leader !== null && isUp(stage, leader) ? null : 'nobody who lives leads';
  return leader === stage.node(who) ? null : `${stage.named(leader ?? 'nobody')} leads`;
}

function isUp(stage: Stage, node: string): boolean {
  return !stage.cell.nodeIds.some((each) => each === node) || stage.cell.room.nodeReport(node).bootId !== null;
}

function voters(stage: Stage): string {
  return stage.cell.voters().map((voter) => stage.named(voter.replace(/\..*$/, ''))).toSorted().join(', ');
}

function nodesOf(stage: Stage, nodes: readonly string[]): string {
  return nodes.map((node) => stage.named(node)).toSorted().join(', ');
}

const listed = (found: readonly string[]): string | null => (found.length === 0 ? null : found.join('; '));
const equal = (is: string | number, shall: string | number): string | null => (is === shall ? null : `it is ${is === '' ? 'none' : is}`);
const atMost = (is: number, most: number): string | null => (is <= most ? null : `it is ${is}`);
const includes = (is: string, text: string): string | null => (is.includes(text) ? null : `it is "${is}"`);
