/** How does a test get a few members on loopback? Real libp2p, real time, seeded chance, and a log that it can read. */
import { parseCellId } from '../../../../shared/ids.ts';
import { identityFrom } from '../../../../shared/net/identity.ts';
import type { Identity } from '../../../../shared/net/identity.ts';
import { createMesh } from '../../../../shared/net/mesh.ts';
import type { Libp2pMesh, MeshOptions } from '../../../../shared/net/mesh.ts';
import { seededChance } from '../../../../shared/random.ts';
import type { Member } from '../../../../shared/wire/mesh.ts';
import type { LogFact } from '../../../../shared/world.ts';
import { eventually, memberId, realWorld } from '../../../support/real-world.ts';

/** One member of a test's cell. */
export interface TestPeer {
  readonly mesh: Libp2pMesh;
  readonly member: Member;
  readonly facts: readonly LogFact[];
  readonly identity: Identity;
}

export const CELL = parseCellId('default');
export const PRESHARED_KEY = new Uint8Array(32).fill(7);

/** Starts member `number`, which admits nobody yet unless told. */
export async function startPeer(number: number, options: Partial<MeshOptions> = {}): Promise<TestPeer> {
  const identity = await identityFrom(seededChance(1000 + number).bytes(32));
  const world = realWorld(number);
  const mesh = await createMesh({
    cell: CELL, self: memberId(number), privateKey: identity.privateKey, listenAddress: '/ip4/127.0.0.1/tcp/0', presharedKey: PRESHARED_KEY, members: [], world, gossipHeartbeatMs: 500, limits: { dialMs: 20_000 }, ...options,
  });
  return { mesh, identity, facts: world.facts, member: { id: memberId(number), peerId: identity.peerId, address: mesh.addresses[0] ?? '' } };
}

/** Runs a test with members 1 to `count` who all admit each other, and stops them afterwards. */
export async function withCell(count: number, use: (peers: TestPeer[]) => Promise<void>, options: Partial<MeshOptions> = {}): Promise<void> {
  const peers = await Promise.all(Array.from({ length: count }, async (_, at) => await startPeer(at + 1, options)));
  const members = peers.map((peer) => peer.member);
  for (const peer of peers) peer.mesh.setMembers(members);
  try {
    await use(peers);
  } finally {
    await Promise.all(peers.map(async (peer) => await peer.mesh.stop()));
  }
}

/** Resolves when each of them is connected to each other one. */
export async function connected(peers: readonly TestPeer[]): Promise<void> {
  await eventually('a full mesh', () => peers.every((one) => peers.every((other) => one === other || one.mesh.isConnected(other.member.id))));
}

/** The peer at a place, which must be there. */
export function at<Item>(items: readonly Item[], index: number): Item {
  const item = items[index];
  if (item === undefined) throw new Error(`nothing at ${index}`);
  return item;
}
