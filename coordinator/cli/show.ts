/**
 * How do answers look to a person? Tables of nodes, instances, events, the ledger and the room.
 */
import type { AsOf, EventView, InstancesAnswer, InstanceView, LedgerAnswer, NodesAnswer, NodeView, RoomReportView } from '../../shared/wire/rest.ts';
import { MIB } from '../../shared/units.ts';
import { duration, share, table } from './table.ts';
import type { Cell, Colour, Paint } from './table.ts';

const GOOD = new Set(['active', 'running', 'info']);
const BAD = new Set(['fenced', 'fencing', 'unavailableData', 'unavailableCapacity', 'takeover', 'alarm', 'ranTwice', 'lostAckedRecord']);

function tone(word: string): Colour {
  return GOOD.has(word) ? 'green' : BAD.has(word) ? 'red' : 'yellow';
}

/** A warning under an answer that may be old; empty where it is not. */
export function staleNote(asOf: Pick<AsOf, 'index' | 'isStale'>): string {
  return asOf.isStale ? `No leader is heard at the moment: this is how it was at ledger entry ${asOf.index}.\n` : '';
}

export function showNodes({ nodes }: NodesAnswer, paint: Paint): string {
  if (nodes.length === 0) return 'There are no nodes.\n';
  return table(
    ['NODE', 'PHASE', 'LEDGER', '>INSTANCES', '>MEMORY', '>DISK', '>LEASE', 'NOTE'],
    nodes.map((node) => [
      node.id, { text: node.phase, colour: tone(node.phase) }, node.roles.includes('leader') ? 'leader' : (node.roles[0] ?? '-'), String(node.usage.instances),
      share(node.usage.memoryMiB * MIB, node.capacity.memoryMiB * MIB), share(node.usage.diskBytes, node.capacity.diskBytes),
      renewal(node), note(node),
    ]),
    paint,
  );
}

/** How long ago the lease was renewed. A new leader counts a suspect's silence from its own beginning, as the note below does. */
function renewal({ phase, suspect, renewalAgeMs }: NodeView): string {
  const ageMs = suspect?.silentForMs ?? renewalAgeMs;
  return ageMs === null || phase === 'fenced' ? '-' : duration(ageMs);
}

function note(node: NodeView): Cell {
  if (node.suspect !== null && node.phase !== 'fenced') {
    return { text: `suspect: silent for ${duration(node.suspect.silentForMs)}, proven dead in ${duration(node.suspect.provenInMs)}`, colour: 'red' };
  }
  if (node.phase === 'fenced') return { text: `dead since ${clockTime(node.fence?.at ?? '')} (${node.fence?.kind ?? 'proven'})`, colour: 'red' };
  const unreachable = node.health?.unreachable ?? [];
  if (unreachable.length > 0) return { text: `does not reach ${unreachable.join(', ')}`, colour: 'yellow' };
  if (node.cordoned) return { text: 'takes no new instances', colour: 'yellow' };
  return { text: '' };
}

/** The endpoint is named because not every aws reads AWS_ENDPOINT_URL (Debian's 2.9 does not), and would ask Amazon. */
const NO_INSTANCES = `There are no instances. Ask for one:
  aws --endpoint-url "$AWS_ENDPOINT_URL" ec2 run-instances \\
    --image-id ami-... --instance-type t1.micro
`;

export function showInstances({ instances }: InstancesAnswer, paint: Paint): string {
  if (instances.length === 0) return NO_INSTANCES;
  return table(
    ['INSTANCE', 'STATE', 'NODE', 'STANDBY', '>GEN', 'TYPE', 'ADDRESS', 'NOTE'],
    instances.map((one) => [
      one.id, { text: one.state, colour: tone(one.phase) }, one.holder ?? '-', one.standby ?? '-', String(one.generation), one.type, one.privateAddress,
      instanceNote(one),
    ]),
    paint,
  );
}

/** Its name, and what the state, which is EC2's word, leaves out. */
function instanceNote({ state, phase, tags, reason }: InstanceView): string {
  const isSaid = state === phase || (state === 'shutting-down' && phase === 'stopping');
  return [tags['Name'] ?? '', isSaid ? '' : phase, reason?.message ?? ''].filter((part) => part !== '').join(', ');
}

export function showEvents(events: readonly EventView[], paint: Paint): string {
  return events.map((event) => showEvent(event, paint)).join('');
}

/** One line: when, where in the ledger, and the sentence. */
export function showEvent(event: EventView, paint: Paint): string {
  return `${paint('dim', `${clockTime(event.at)} ${event.id.padStart(8)}`)}  ${paint(event.level === 'info' ? null : tone(event.level), event.message)}\n`;
}

/** `14:05:09.123` of an ISO time, in UTC as the ledger has it. */
export function clockTime(at: string): string {
  return at.slice(11, 23) || '-';
}

export function showLedger(ledger: LedgerAnswer, paint: Paint): string {
  const head = ledger.leader === null ? paint('red', 'No leader is known.') : `${ledger.leader} leads in term ${ledger.term}; entry ${ledger.commitIndex} is committed.`;
  const voters = table(
    ['VOTER', 'MEMBER', 'ROLE', '>STORED', '>BEHIND'],
    ledger.voters.map((one) => [one.id, one.member, one.isLeader ? 'leader' : one.role, one.matchIndex === null ? '-' : String(one.matchIndex), one.lag === null ? '-' : String(one.lag)]),
    paint,
  );
  return `${head}\n${voters}${paint('dim', `Asked through ${ledger.member} (${ledger.role}), which has applied entry ${ledger.appliedIndex}.`)}\n`;
}

export function showRoom(report: RoomReportView, paint: Paint): string {
  const nodes = table(
    ['NODE', 'POWER', 'MESH', 'STORAGE', 'WATCHDOG', 'BMC', '>DISKS', 'DOMAINS'],
    report.nodes.map((node) => [
      node.node, { text: node.isOn ? (node.bootId === null ? 'starting' : 'on') : 'off', colour: node.isOn ? 'green' : 'red' },
      { text: node.isMeshUp ? 'up' : 'cut', colour: node.isMeshUp ? null : 'red' }, { text: node.isStorageUp ? 'up' : 'cut', colour: node.isStorageUp ? null : 'red' },
      node.isWatchdogArmed ? 'armed' : '-', node.bmc === null ? '-' : node.bmc.address, String(node.volumes),
      node.domains.filter((domain) => domain.domid !== 0).map((domain) => domain.name).join(' '),
    ]),
    paint,
  );
  const { violations } = report;
  if (violations.length === 0) return `${nodes}${paint('green', 'No instance ever ran twice, and no acknowledged record was lost.')}\n`;
  return `${nodes}${paint('red', `Broken promises: ${violations.map((one) => `${one.kind} of ${one.instance}`).join(', ')}`)}\n`;
}
