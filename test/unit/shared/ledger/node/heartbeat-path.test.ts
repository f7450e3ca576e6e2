/** Do heartbeats take the cheap way while it is open, and the mesh as well while it is not? */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseCellId, parseMemberId, parseNodeId } from '../../../../../shared/ids.ts';
import type { MemberId } from '../../../../../shared/ids.ts';
import { createHeartbeatPath } from '../../../../../shared/ledger/node/heartbeat-path.ts';
import type { HeartbeatPath } from '../../../../../shared/ledger/node/heartbeat-path.ts';
import { TIMING_PROFILES } from '../../../../../shared/model/timing.ts';
import type { CellState } from '../../../../../shared/model/cell.ts';
import { leaseKeyFrom } from '../../../../../shared/net/lease-key.ts';
import { createSealer } from '../../../../../shared/net/lease-seal.ts';
import { LEASE_MAGIC } from '../../../../../shared/wire/lease.ts';
import type { Heartbeat } from '../../../../../shared/wire/heartbeat.ts';
import { SealedSocket } from '../../../../../shared/wire/sealed-socket.ts';
import { aCell, aNode } from '../../../../support/records.ts';

const path = suite('the way of heartbeats');
const profile = TIMING_PROFILES.standard;

/** Two nodes and a wire between them that can be cut. */
class Wire {
  nowMs = 1_000;
  isCut = false;
  readonly #handlers = new Map<string, (bytes: Uint8Array, from: string) => void>();
  readonly #ids = [parseNodeId('node-1'), parseNodeId('node-2')];
  readonly #keys = new Map(this.#ids.map((id, at) => [id, leaseKeyFrom(new Uint8Array(32).fill(at + 1))]));
  readonly #publicKeys = new Map<MemberId, string>([...this.#keys].map(([id, key]) => [id, key.publicKey]));
  readonly everybody: CellState = aCell({ nodes: this.#ids.map((id) => aNode({ id, leaseAddress: `127.0.0.1:${id.slice(-1)}` })) });
  state = this.everybody;
  /** What whoever receives a datagram knows, in place of `state`. */
  toldLater: CellState | null = null;

  socket(member: string, keyNumber: number): SealedSocket {
    const address = `127.0.0.1:${member.slice(-1)}`;
    const privateKey = leaseKeyFrom(new Uint8Array(32).fill(keyNumber)).privateKey;
    const sealer = createSealer({ cell: parseCellId('default'), self: parseMemberId(member), privateKey, peers: () => this.#publicKeys });
    return new SealedSocket({
      address, close: () => undefined,
      send: (to, bytes) => {
        if (this.toldLater !== null) this.state = this.toldLater;
        if (!this.isCut) this.#handlers.get(to)?.(bytes, address);
      },
      onReceive: (handler) => void this.#handlers.set(address, handler),
    }, sealer);
  }

  path(member: string, keyNumber: number): { readonly path: HeartbeatPath; readonly heard: Heartbeat[]; readonly socket: SealedSocket } {
    const socket = this.socket(member, keyNumber);
    const created = createHeartbeatPath({ self: parseMemberId(member), socket, clock: { nowMs: () => this.nowMs, wallTime: () => '' }, state: () => this.state, profile });
    const heard: Heartbeat[] = [];
    created.onMessage((from, message) => {
      assert.ok(message.from.startsWith(`${from}.`));
      heard.push(message);
    });
    return { path: created, heard, socket };
  }
}

const [one, two] = [parseMemberId('node-1'), parseMemberId('node-2')];
const beat: Heartbeat = { kind: 'heartbeat', from: 'node-1.00000001', to: 'node-2.00000002', term: 3, round: 4, commit: 5 };
/** Later ones. */
const beatOf = (round: number, term = 3): Heartbeat => ({ ...beat, term, round });
const answer: Heartbeat = { kind: 'heartbeatResponse', from: 'node-2.00000002', to: 'node-1.00000001', term: 3, round: 4 };

path('is the mesh too until the first datagram of the other side', () => {
  const wire = new Wire();
  const [leader, voter] = [wire.path('node-1', 1), wire.path('node-2', 2)];
  assert.is(leader.path.send(two, beat), false, 'nothing was heard yet');
  assert.equal(voter.heard, [beat]);
  assert.is(voter.path.send(one, answer), true, 'the heartbeat itself was heard');
  assert.equal(leader.heard, [answer]);
  assert.is(leader.path.send(two, beat), true);
});

path('is closed for a node that was removed, both ways', () => {
  const wire = new Wire();
  const [leader, voter] = [wire.path('node-1', 1), wire.path('node-2', 2)];
  leader.path.send(two, beat);
  voter.path.send(one, answer);
  assert.equal([leader.heard.length, voter.heard.length], [1, 1]);
  for (const removed of [one, two]) {
    wire.state = aCell({ nodes: [one, two].map((id) => aNode({ id: parseNodeId(id), leaseAddress: `127.0.0.1:${id.slice(-1)}`, phase: id === removed ? 'removed' : 'active' })) });
    assert.is(removed === two ? leader.path.send(two, beatOf(5)) : voter.path.send(one, { ...answer, round: 5 }), false);
    // Whoever does not know yet sends.
    const known = wire.state;
    wire.state = wire.everybody;
    wire.toldLater = known;
    if (removed === one) leader.path.send(two, beatOf(6));
    else voter.path.send(one, { ...answer, round: 6 });
    wire.toldLater = null;
    assert.equal([leader.heard.length, voter.heard.length], [1, 1], `${removed} was removed`);
  }
});

path('is the mesh too again after one datagram that stayed away, before an election', () => {
  const wire = new Wire();
  const [leader, voter] = [wire.path('node-1', 1), wire.path('node-2', 2)];
  leader.path.send(two, beat);
  voter.path.send(one, answer);
  const lastHeardMs = wire.nowMs;
  wire.isCut = true;
  wire.nowMs += profile.heartbeatMs;
  assert.is(leader.path.send(two, beat), true, 'the next one, at its usual time');
  wire.nowMs += profile.heartbeatMs;
  assert.is(leader.path.send(two, beat), false, 'after one that was not answered');
  assert.ok(wire.nowMs - lastHeardMs < profile.electionMinMs, 'and too late to prevent an election');
});

path('is not kept open, and nobody is heard, by what somebody repeats', () => {
  const wire = new Wire();
  const [leader, voter] = [wire.path('node-1', 1), wire.path('node-2', 2)];
  for (const sent of [beatOf(4), beatOf(5), beatOf(5), beatOf(4), beatOf(9, 2), beatOf(1, 4), beatOf(5)]) leader.path.send(two, sent);
  assert.equal(voter.heard, [beatOf(4), beatOf(5), beatOf(1, 4)]);
  for (const round of [4, 5, 4, 5]) voter.path.send(one, { ...answer, round });
  assert.equal(leader.heard.map(({ round }) => round), [4, 5]);
  assert.is(leader.path.send(two, beatOf(2, 4)), true);
  wire.nowMs += 2 * profile.heartbeatMs;
  voter.path.send(one, { ...answer, round: 5 });
  assert.is(leader.path.send(two, beatOf(3, 4)), false, 'the last new answer is long ago');
});

path('is the mesh alone to a member that is no node, and to one whose key is unknown', () => {
  const wire = new Wire();
  const leader = wire.path('node-1', 1);
  assert.is(leader.path.send(parseMemberId('coordinator-1'), { ...beat, to: 'coordinator-1.00000003' }), false);
});

path('takes nothing that the other side did not seal', () => {
  const wire = new Wire();
  const voter = wire.path('node-2', 2);
  const forger = wire.path('node-1', 9);
  forger.path.send(two, beat);
  assert.equal(voter.heard, []);
});

path('shares its socket with leases: each takes its own', () => {
  const wire = new Wire();
  const [leader, voter] = [wire.path('node-1', 1), wire.path('node-2', 2)];
  const leases: Uint8Array[] = [];
  voter.socket.onReceive(LEASE_MAGIC, (bytes) => leases.push(bytes));
  leader.socket.send(two, '127.0.0.1:2', Uint8Array.of(LEASE_MAGIC, 7));
  leader.socket.send(two, '127.0.0.1:2', Uint8Array.of(1, 2, 3));
  leader.path.send(two, beat);
  assert.equal(leases.map((bytes) => [...bytes]), [[LEASE_MAGIC, 7]]);
  assert.equal(voter.heard, [beat]);
});

path.run();
