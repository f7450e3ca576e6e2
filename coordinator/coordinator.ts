/**
 * How is a coordinator put together? Identity, mesh, ledger, projection and HTTP, started in an order in which each may fail with a sentence.
 */
import { Hono } from 'hono';
import { assert } from '../shared/errors.ts';
import { followMembers, membersOf } from '../shared/ledger/node/follow-members.ts';
import { EtcdLedger } from '../shared/ledger/etcd/etcd-ledger.ts';
import { LedgerNode } from '../shared/ledger/node/ledger-node.ts';
import type { LedgerStore } from '../shared/ledger/node/ports.ts';
import type { LedgerMember } from '../shared/ledger/replicated-log.ts';
import { DEFAULT_PARAMETERS, emptyCell } from '../shared/model/cell.ts';
import { TIMING_PROFILES } from '../shared/model/timing.ts';
import { createEtcdClients } from '../shared/net/etcd-client.ts';
import { loadIdentity } from '../shared/net/identity.ts';
import { createMesh } from '../shared/net/mesh.ts';
import type { Libp2pMesh, MeshOptions } from '../shared/net/mesh.ts';
import { createFiles } from '../shared/process/files.ts';
import { uuid } from '../shared/random.ts';
import { openLedgerStore } from '../shared/store/ledger-store.ts';
import type { Member } from '../shared/wire/mesh.ts';
import type { World } from '../shared/world.ts';
import { createAccounts } from './accounts.ts';
import { createApp } from './app.ts';
import { createCellPort } from './cell-port.ts';
import type { CoordinatorConfig } from './config.ts';
import { openProjection } from './projection.ts';
import type { Projection } from './projection.ts';
import { createRecall } from './recall-events.ts';
import { createFleetPort } from './rest/fleet-port.ts';
import type { RestPorts } from './rest/ports.ts';
import { createRest } from './rest/rest-app.ts';
import { createRoomClient } from './rest/room-client.ts';
import { statusOf } from './rest/service-routes.ts';
import { serveHttp } from './server.ts';

/** A running coordinator. */
export interface Coordinator {
  readonly httpPort: number;
  readonly meshAddresses: readonly string[];
  readonly ledger: LedgerMember;
  stop(): Promise<void>;
}

/**
 * Starts a coordinator. Throws ClusterError with a sentence for people when anything cannot be opened; what was opened
 * before is closed again. `onFatal`: the ledger's store failed, and the process must end. `meshOptions`: for tests, which stop
 * soon: gossipsub keeps its last heartbeat's timer.
 */
export async function startCoordinator(config: CoordinatorConfig, world: World, onFatal: (error: unknown) => void, meshOptions: Pick<MeshOptions, 'gossipHeartbeatMs'> = {}): Promise<Coordinator> {
  const opened: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const close of opened.splice(0).toReversed()) await close();
  };
  try {
    const accounts = createAccounts(config.accounts);
    const projection = await openProjection(config.dataDirectory, config, world);
    opened.push(async () => await projection.close());
    const makeLedger = await openLedger(config, world, onFatal, (close) => opened.push(close));
    const mesh = await openMesh(config, world, meshOptions);
    opened.push(async () => await mesh.stop());
    const ledger = makeLedger(mesh);
    opened.push(() => Promise.resolve(ledger.stop()));
    followMembers(ledger, mesh, () => lastKnownMembers(config, projection));
    projection.follow(ledger, createRecall({ world, mesh, leader: () => ledger.status().leader, nodes: () => ledger.state().nodes.values().map((node) => node.id) }));
    const fleet = createFleetPort({ clock: world.clock, mesh, status: () => ledger.status(), projection });
    const ports: RestPorts = {
      ...world, accounts, fleet, events: projection,
      cell: createCellPort({ world, mesh, log: ledger, projection }),
      room: config.roomSocket === undefined ? null : createRoomClient(config.roomSocket),
    };
    ledger.start();
    const http = await serveHttp(createSite(ports), config.http);
    opened.push(async () => await http.close());
    return { httpPort: http.port, meshAddresses: mesh.addresses, ledger, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Everything that is served: the EC2 endpoint, REST, and a sign of life for whoever watches the process. */
export function createSite(ports: RestPorts): (request: Request) => Response | Promise<Response> {
  const site = new Hono();
  const app = createApp(ports, { rest: createRest(ports) });
  site.get('/healthz', (c) => c.json(statusOf(ports)));
  site.all('*', async (c) => await app.fetch(c.req.raw));
  return (request) => site.fetch(request);
}

async function openStore(config: CoordinatorConfig, world: World): Promise<LedgerStore> {
  const store = await openLedgerStore(createFiles(config.dataDirectory).absolute('ledger'), { newStoreUuid: () => uuid(world.chance) });
  if (store.loaded.kind === 'amnesia') world.log.write({ event: 'ledgerForgotten', level: 'warning', reason: store.loaded.reason, keptAt: store.loaded.keptAt });
  return store;
}

async function openMesh(config: CoordinatorConfig, world: World, options: Pick<MeshOptions, 'gossipHeartbeatMs'>): Promise<Libp2pMesh> {
  const identity = await loadIdentity(createFiles(config.dataDirectory), world.chance);
  return await createMesh({
    cell: config.cell, self: config.member, privateKey: identity.privateKey, listenAddress: config.meshListen,
    presharedKey: new Uint8Array(Buffer.from(config.presharedKey, 'base64')), members: config.seeds, world, ...options,
  });
}

/** Opens what this member's ledger is kept in or reached by; `onOpen` gets how to close that. */
async function openLedger(config: CoordinatorConfig, world: World, onFatal: (error: unknown) => void, onOpen: (close: () => Promise<void>) => void): Promise<(mesh: Libp2pMesh) => LedgerMember> {
  const initial = emptyCell(config.cell, config.clusterUuid, { ...DEFAULT_PARAMETERS, profile: config.profile });
  const profile = TIMING_PROFILES[config.profile];
  const self = config.member;
  if (config.ledger.kind === 'etcd') {
    const endpoints = await createEtcdClients(config.ledger, world.timers);
    onOpen(() => Promise.resolve(endpoints.forEach((endpoint) => endpoint.close())));
    return (mesh) => new EtcdLedger({ self, world, mesh, endpoints, profile, mayLead: false, onFatal }, initial);
  }
  const store = await openStore(config, world);
  onOpen(async () => await store.close());
  const { loaded } = store;
  if (loaded.kind === 'loaded' && loaded.snapshot !== null) {
    const { clusterUuid } = loaded.snapshot.data as { readonly clusterUuid?: unknown };
    assert(clusterUuid === config.clusterUuid, `the ledger in ${config.dataDirectory} is of cluster ${String(clusterUuid)}, the configuration of ${config.clusterUuid}`);
  }
  return (mesh) => new LedgerNode({ self, world, mesh, store, profile, onFatal, seeds: () => config.seeds.map((seed) => seed.id) }, initial);
}

/** Until the ledger was heard, those of the last run and of the configuration are admitted. */
function lastKnownMembers(config: CoordinatorConfig, projection: Projection): readonly Member[] {
  const copied = projection.copiedState();
  return [...new Map([...config.seeds, ...(copied === null ? [] : membersOf(copied))].map((member) => [member.id, member])).values()];
}
