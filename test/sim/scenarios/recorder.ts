/**
 * What happened, as a person tells it? Room, ledger, leader, keepers and disks of a cell, each fact in one line.
 *
 * Only facts of the protocol are told: what somebody would be woken for, what gave a right away, what ran where. How many messages
 * that took is not. Ids become the names that the story gave (`name`).
 */
import type { RoomEvent } from '../../../agent/room/model/ports.ts';
import type { MemberId } from '../../../shared/ids.ts';
import type { AppliedEntry } from '../../../shared/ledger/commands.ts';
import type { LedgerNode } from '../../../shared/ledger/node/ledger-node.ts';
import type { CellEvent } from '../../../shared/model/event.ts';
import { MINUTE_MS } from '../../../shared/units.ts';
import type { LogFact } from '../../../shared/world.ts';
import type { VirtualCell } from '../../support/virtual-cell.ts';
import type { TraceLine } from './parse-story.ts';

/** The same alarm again within this time is the same one. */
const ALARM_REPEAT_MS = 10 * MINUTE_MS;

/** Listens to one cell from its beginning. Times of the lines are the world's. */
export class Recorder {
  readonly lines: TraceLine[] = [];
  #cell: VirtualCell | null = null;
  #lastIndex = 0;
  #lastLeader = '';
  #frozen = new Set<string>();
  readonly #alarmsAtMs = new Map<string, number>();
  readonly #nameOf: (text: string) => string;

  /** `nameOf` puts the story's names in the place of ids. */
  constructor(nameOf: (text: string) => string) {
    this.#nameOf = nameOf;
  }

  readonly onLedger = (_member: MemberId, ledger: LedgerNode): void => {
    ledger.subscribe((entry) => {
      if (entry === null || entry.index <= this.#lastIndex) return;
      this.#lastIndex = entry.index;
      for (const event of entry.events) {
        const line = ledgerLine(event, entry);
        if (line !== null) this.#tell(`ledger: ${line}`);
      }
    });
  };

  readonly onRoomEvent = (event: RoomEvent): void => {
    const line = roomLine(event);
    if (line !== null) this.#tell(line);
  };

  watch(cell: VirtualCell): void {
    this.#cell = cell;
    cell.world.onFact((fact) => {
      const line = this.#factLine(fact);
      if (line !== null) this.#tell(line);
    });
  }

  /** What shows only to whoever looks. Call it often. */
  look(): void {
    const cell = this.#cell;
    if (cell === null) return;
    const facts = cell.drbd.room?.facts() ?? [];
    const frozen = new Set(facts.filter((fact) => fact.isFrozen).map((fact) => `${fact.resource} ${fact.node}`));
    for (const key of frozen) if (!this.#frozen.has(key)) this.#tell(diskLine(key, 'freezes'));
    for (const key of this.#frozen) {
      const isThere = facts.some((fact) => `${fact.resource} ${fact.node}` === key);
      if (isThere && !frozen.has(key)) this.#tell(diskLine(key, 'goes on'));
    }
    this.#frozen = frozen;
  }

  #factLine(fact: LogFact): string | null {
    const who = String(fact['who'] ?? '').replace(/^keeper /, '');
    switch (fact.event) {
      case 'suspicion':
        if (fact['to'] === 'suspect') return `leader: ${String(fact['node'])} is suspect`;
        return fact['from'] === 'suspect' && fact['to'] === 'trusted' ? `leader: ${String(fact['node'])} is trusted again` : null;
      case 'ledgerStatus':
        return this.#leaderLine(who, fact);
      case 'fenceStorm':
        return 'leader: too many nodes are silent to switch one off';
      case 'fenceAlarm':
        return `leader: alarm: ${String(fact['message'])}`;
      case 'clockDrift':
        return this.#alarmLine(`leader: alarm: the clock of ${String(fact['node'])} goes wrong`);
      case 'twoBootsOneNode':
        return `leader: alarm: two boots of ${String(fact['node'])} renew leases`;
      case 'nodeReset':
        return `${who}: its keeper resets it, because ${String(fact['reason'])}`;
      case 'selfFenced':
        return `${who}: its agent resets it, because ${String(fact['reason'])}`;
      case 'alarm':
        return this.#alarmLine(`${who}: alarm: ${String(fact['subject'])}: ${String(fact['reason'])}`);
      case 'startFailed':
        return `${who}: the start of ${String(fact['instance'])} fails`;
      case 'votersChanging':
        return `leader: ${VOTER_CHANGES[String(fact['change'])] ?? String(fact['change'])} ${String(fact['voter']).replace(/\..*$/, '')}`;
      default:
        return null;
    }
  }

  /** Who was elected is often chance, so it is not told. */
  #leaderLine(who: string, fact: LogFact): string | null {
    if (fact['role'] !== 'leader') return null;
    const leader = `${who} ${String(fact['term'])}`;
    if (leader === this.#lastLeader) return null;
    this.#lastLeader = leader;
    return 'a leader is elected';
  }

  #tell(text: string): void {
    const atMs = this.#cell?.world.clock.nowMs() ?? 0;
    this.lines.push({ atMs, text: this.#nameOf(text) });
  }

  /** Whoever asks for help asks again and again; it is told once in a while. */
  #alarmLine(line: string): string | null {
    const nowMs = this.#cell?.world.clock.nowMs() ?? 0;
    if (nowMs - (this.#alarmsAtMs.get(line) ?? -Infinity) < ALARM_REPEAT_MS) return null;
    this.#alarmsAtMs.set(line, nowMs);
    return line;
  }
}

const VOTER_CHANGES: Readonly<Record<string, string>> = {
  addLearner: 'a voter begins to learn:', promote: 'it shall vote:', remove: 'it shall vote no more:',
};

function diskLine(key: string, what: string): string {
  const [resource = '', node = ''] = key.split(' ');
  return `${resource} ${what} on ${node}`;
}

function roomLine(event: RoomEvent): string | null {
  switch (event.kind) {
    case 'booted':
      return `${event.node} is up`;
    case 'died':
      return DEATHS[event.reason](event.node);
    case 'domainStarted':
      return `${event.name} executes on ${event.node}`;
    case 'domainEnded':
      return `${event.name} executes no more on ${event.node}`;
    case 'powerChanged':
      return event.isOn ? `${event.node} is switched on` : `${event.node} is without power`;
    // Commands of the story pull the cables.
    case 'meshChanged':
    case 'storageChanged':
      return null;
  }
}

const DEATHS: Readonly<Record<Extract<RoomEvent, { kind: 'died' }>['reason'], (node: string) => string | null>> = {
  powerOff: () => null,
  reset: (node) => `${node} is reset`,
  watchdog: (node) => `${node} is reset by its watchdog`,
  selfReset: (node) => `${node} resets itself`,
};

/** The ledger's event kinds are stable; its sentences are for users, and change. */
function ledgerLine(event: CellEvent, entry: AppliedEntry): string | null {
  const [first = '', second = '', third = ''] = event.subjects;
  const { command } = entry.data;
  switch (event.kind) {
    case 'nodeBooted': return `${first} has started`;
    case 'nodeReady': return event.message.includes('cordoned') ? `${first} is ready, and cordoned` : `${first} takes work`;
    case 'nodeFenced': return `${first} is fenced (${command.kind === 'proveFenced' ? command.proof : 'nodeRebooted'})`;
    case 'nodeStaysOff': return `${first} stays off`;
    case 'fenceIntended': return `${first} is to be fenced`;
    case 'instanceLostHolder': return `${first} has lost ${second}`;
    case 'instanceTakenOver': return `${second} takes ${first} over from ${third}`;
    case 'instancePlaced': return `${first} is given to ${second}`;
    case 'instanceCreated': return `${first} is created, for ${second}`;
    case 'instanceStarted': return `${first} runs on ${second}`;
    case 'instanceStopped': return second === '' ? `${first} is stopped` : `${first} is stopped on ${second}, to be placed again`;
    case 'instanceFailed': return `${first} failed on ${second}`;
    case 'instanceUnavailable': return `${first} cannot run now`;
    case 'instanceDelayed': return `${first} is delayed on ${second}`;
    case 'instanceTerminated': return `${first} is terminated`;
    // Whether it was named at once or a moment later hangs on the order of two answers. Stories demand it: A stands by for web.
    case 'standbyChanged': return null;
    case 'volumeFormatted': return `${first} has its first content`;
    case 'volumeShrunk': return `${first} goes on without ${event.subjects.slice(1).join(', ')}`;
    case 'volumeExpanded': return `${first} is in sync on ${second}`;
    case 'volumeAtRisk': return `${first} has no replica in sync but the doubtful one on ${second}`;
    case 'volumeDeleted': return `${first} is gone`;
    case 'replicaTainted': return `the disk of ${first} on ${second} failed`;
    case 'replicaReplaced': return third === '' ? `${first} gets a replica on ${second}` : `${first} gets a replica on ${second} in place of ${third}`;
    case 'replicaWiped': return `the replica of ${first} on ${second} is wiped`;
    default: return `${event.kind} ${event.subjects.join(' ')}`;
  }
}
