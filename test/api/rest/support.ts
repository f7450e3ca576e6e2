/**
 * How does a test speak to REST? The whole site over a cell in memory (the real `apply`), with its events, signed as clients sign.
 */
import { HttpRequest } from '@smithy/protocol-http';
import { SignatureV4 } from '@smithy/signature-v4';
import * as assert from 'uvu/assert';
import * as v from 'valibot';
import { createAccounts } from '../../../coordinator/accounts.ts';
import { Sha256 } from '../../../coordinator/auth/sha256.ts';
import { createSite } from '../../../coordinator/coordinator.ts';
import type { FleetPort, HeardHealth, LeaderSight, RestPorts, RoomPort } from '../../../coordinator/rest/ports.ts';
import { parseMemberId, parseNodeId, parseVoterId } from '../../../shared/ids.ts';
import type { NodeId } from '../../../shared/ids.ts';
import { apply } from '../../../shared/ledger/apply.ts';
import type { Command } from '../../../shared/ledger/commands.ts';
import type { LeaderStatus, LedgerStatus, Proposed } from '../../../shared/ledger/replicated-log.ts';
import type { CellEvent } from '../../../shared/model/event.ts';
import { seededChance } from '../../../shared/random.ts';
import type { Placed } from '../../../shared/store/projection-store.ts';
import type { LogFact } from '../../../shared/world.ts';
import { realWorld } from '../../support/real-world.ts';
import { StillClock } from '../support/client.ts';
import { FakeCell } from '../support/fake-cell.ts';
import type { FakeCellOptions } from '../support/fake-cell.ts';

export const OPERATOR = { accessKeyId: 'AKIAVESEXAMPLE00001', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', environment: 'alice', name: 'alice', role: 'operator' } as const;
export const USER = { accessKeyId: 'AKIAVESEXAMPLE00002', secretAccessKey: 'anotherSecretAnotherSecretAnotherSecret0', environment: 'bob', name: 'bob', role: 'user' } as const;

/** A fake cell that remembers what happened, as the projection does. */
export class ToldCell extends FakeCell {
  // Declared only: the parent's constructor already commits.
  declare told: CellEvent[] | undefined;
  declare listeners: Set<() => void> | undefined;

  override commit(command: Command): Proposed {
    const before = this.state();
    const proposed = super.commit(command);
    const entry = { index: proposed.index, term: 1, data: { command, at: WALL_TIME, by: parseMemberId('node-1') } };
    this.told = [...(this.told ?? []), ...apply(before, entry).events];
    for (const listener of this.listeners ?? []) listener();
    return proposed;
  }

  readEvents(after: Placed | null, limit: number): Promise<readonly CellEvent[]> {
    const isAfter = (event: CellEvent): boolean => after === null || event.index > after.index || (event.index === after.index && event.ordinal > after.ordinal);
    return Promise.resolve((this.told ?? []).filter(isAfter).slice(0, limit));
  }

  latestEvents(limit: number): Promise<readonly CellEvent[]> {
    return Promise.resolve((this.told ?? []).slice(-limit));
  }

  settled(): Promise<void> {
    return Promise.resolve();
  }

  onEvents(listener: () => void): () => void {
    this.listeners ??= new Set();
    this.listeners.add(listener);
    return () => this.listeners?.delete(listener);
  }
}

export const WALL_TIME = '2026-11-22T12:00:00.000Z';

/** What the cell's machinery shows in a test; change it as the story goes. */
export class ShownFleet implements FleetPort {
  readonly #cell: ToldCell;
  leader: string | null = 'node-1';
  sights: ReadonlyMap<string, LeaderSight> | null = new Map();
  readonly heard = new Map<NodeId, HeardHealth>();
  leading: LeaderStatus | null = null;

  constructor(cell: ToldCell) {
    this.#cell = cell;
  }

  asOf() {
    return { index: this.#cell.told?.at(-1)?.index ?? 0, isStale: this.leader === null, leader: this.leader };
  }

  status(): LedgerStatus {
    const voters = [1, 2, 3].map((number) => parseVoterId(`node-${number}.1111111${number}`));
    const index = this.asOf().index;
    return {
      member: parseMemberId('coordinator-1'), role: 'subscriber', term: 1, leader: this.leader === null ? null : parseMemberId(this.leader),
      appliedIndex: index, commitIndex: index, voters, learners: [],
    };
  }

  health() {
    return this.heard;
  }

  leaderSight() {
    return Promise.resolve(this.sights);
  }

  leaderStatus() {
    return Promise.resolve(this.leading);
  }
}

/** Everything a test of REST needs. */
export interface RestBench {
  readonly site: (request: Request) => Response | Promise<Response>;
  readonly ports: RestPorts;
  readonly cell: ToldCell;
  readonly fleet: ShownFleet;
  readonly clock: StillClock;
  readonly facts: LogFact[];
}

export function restBench(options: FakeCellOptions & { readonly room?: RoomPort | null } = {}): RestBench {
  const clock = new StillClock();
  const cell = new ToldCell(clock, options);
  const fleet = new ShownFleet(cell);
  const facts: LogFact[] = [];
  const ports: RestPorts = {
    clock, cell, fleet, chance: seededChance(1), events: cell, timers: realWorld(1).timers,
    log: { write: (fact) => void facts.push(fact) },
    accounts: createAccounts([OPERATOR, USER]),
    room: options.room ?? null,
  };
  return { site: createSite(ports), ports, cell, fleet, clock, facts };
}

export interface CallOptions {
  readonly as?: typeof OPERATOR | typeof USER | null;
  readonly body?: unknown;
  readonly rawBody?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
}

/** A signed request, as SDKs sign. */
export async function request(on: RestBench, method: string, path: string, options: CallOptions = {}): Promise<Response> {
  const { as = OPERATOR, query = {}, headers = {} } = options;
  const body = options.rawBody ?? (options.body === undefined ? undefined : JSON.stringify(options.body));
  const unsigned = new HttpRequest({ method, hostname: 'ves.test', path: `/v1${path}`, query: { ...query }, headers: { host: 'ves.test' }, body: body ?? '' });
  const signer = as === null ? null : new SignatureV4({ service: 'ves', region: 'ves-1', sha256: Sha256, credentials: as });
  const sent = signer === null ? unsigned : await signer.sign(unsigned, { signingDate: new Date(on.clock.wallMs) });
  const search = Object.keys(query).length === 0 ? '' : `?${new URLSearchParams(query).toString()}`;
  return await on.site(new Request(`http://ves.test/v1${path}${search}`, { method, headers: { ...sent.headers, ...headers }, ...(body === undefined ? {} : { body }) }));
}

/** What came back. */
export interface Answer {
  readonly status: number;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into any answer
  readonly body: any;
}

export async function call(on: RestBench, method: string, path: string, options: CallOptions = {}): Promise<Answer> {
  const response = await request(on, method, path, options);
  return { status: response.status, body: await response.json() };
}

export const NODE_1 = parseNodeId('node-1');
export const NODE_2 = parseNodeId('node-2');
export const NODE_3 = parseNodeId('node-3');

/** Holds an answer to its schema; what differs is named with its path. */
export function assertForm(schema: v.GenericSchema, value: unknown): void {
  const { issues } = v.safeParse(schema, value);
  assert.equal(issues?.map((issue) => `${v.getDotPath(issue)}: ${issue.message}`) ?? [], []);
}
