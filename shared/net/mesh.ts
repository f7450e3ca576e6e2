/**
 * How do members speak to each other over libp2p? The `Mesh` port (shared/wire/mesh.ts): admission, connections, streams, gossip.
 *
 * What libp2p leaves to its users is done beside this file: who is dialled and when (dialer.ts, dial-plan.ts), who is
 * silent (peer-link.ts), what a frame is (frames.ts), what waits for a slow peer (outbox.ts). Measured reasons: P2P.md.
 */
import { noise } from '@chainsafe/libp2p-noise';
import { yamux } from '@chainsafe/libp2p-yamux';
import { identify } from '@libp2p/identify';
import type { Connection, PrivateKey, Stream } from '@libp2p/interface';
import { peerIdFromString } from '@libp2p/peer-id';
import { ping } from '@libp2p/ping';
import { tcp } from '@libp2p/tcp';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import { ClusterError, describeError } from '../errors.ts';
import type { CellId, MemberId } from '../ids.ts';
import { GOSSIP_BYTES_MAX, MESSAGE_BYTES_MAX, SEND_QUEUE_MAX } from '../wire/mesh.ts';
import type { Channel, Member, Mesh, Topic } from '../wire/mesh.ts';
import type { World } from '../world.ts';
import { answerKnock, chooseTargets, dialsFirst } from './dial-plan.ts';
import { createDialer } from './dialer.ts';
import { encodeFrame } from './frames.ts';
import { createValidator, gossipService, tellOn, TOLD_ON_WITHIN_MS, topicName } from './gossip.ts';
import { noiseCrypto } from './noise-crypto.ts';
import { createOutbox } from './outbox.ts';
import { createLink, readFrames } from './peer-link.ts';
import type { LinkContext, MeshLimits, PeerLink, StreamUse } from './peer-link.ts';
import { asFailure, parseQuestion, REQUESTS_OPEN_MAX } from './requests.ts';
import type { Question } from './requests.ts';
import { countingProtector } from './traffic.ts';
import type { Traffic } from './traffic.ts';

/** Bounds that suit a cell on one Ethernet. A silent peer is given up after 7 to 8 s, a killed one at once. */
const MESH_LIMITS: MeshLimits = {
  messageBytesMax: MESSAGE_BYTES_MAX,
  outbox: { framesMax: SEND_QUEUE_MAX, bytesMax: 8 * 1024 * 1024, deadlineMs: 5_000 },
  dialMs: 3_000,
  beatMs: 3_000,
  silenceMs: 7_000,
  tickMs: 1_000,
  idleMs: 60_000,
};

/** When the process itself stood still for so long, the silence of others proves nothing. */
const STOOD_STILL_MS = 1_000;

/** Strangers are mentioned in the log at most so often. */
const STRANGER_LOG_MS = 10_000;

const TOPICS: readonly Topic[] = ['health', 'observed'];
const USES: readonly StreamUse[] = ['ledger', 'feed', 'request'];

/** Options of {@link createMesh}. */
export interface MeshOptions {
  readonly cell: CellId;
  readonly self: MemberId;
  /** Ed25519 (identity.ts). */
  readonly privateKey: PrivateKey;
  /** Multiaddr to listen at, e.g. `/ip4/127.0.0.1/tcp/0`. */
  readonly listenAddress: string;
  /** Multiaddrs that others reach us by, where they differ from the one we listen at. */
  readonly announce?: readonly string[];
  /** 32 bytes, the same for all members of the cell. */
  readonly presharedKey: Uint8Array;
  /** Who is admitted at first; `self` among them or not. */
  readonly members: readonly Member[];
  readonly world: World;
  readonly limits?: Partial<MeshLimits>;
  /** Default 5 s. */
  readonly gossipHeartbeatMs?: number;
}

/** What the mesh has cost so far. */
export interface MeshStats extends Traffic {
  readonly connections: number;
  /** Messages of channels, questions and answers that were queued, and that arrived. Gossip is not among them. */
  readonly messagesSent: number;
  readonly messagesReceived: number;
  readonly beatsReceived: number;
}

/** The port, and what only the owner of the process needs. */
export interface Libp2pMesh extends Mesh {
  readonly peerId: string;
  /** Multiaddrs that we listen at, with the real port. */
  readonly addresses: readonly string[];
  /** Who votes: in cells of more than 10 members everybody is connected to them. */
  setVoters(voters: readonly MemberId[]): void;
  stats(): MeshStats;
}

/**
 * Starts a member's mesh. Throws ClusterError `MeshNotStarted` when the address cannot be listened at.
 * Handlers must not throw; what they throw is logged as `meshHandlerFailed` and goes no further.
 */
export async function createMesh(options: MeshOptions): Promise<Libp2pMesh> {
  const { cell, self, world } = options;
  const limits: MeshLimits = { ...MESH_LIMITS, ...options.limits };
  const traffic: Traffic = { sentBytes: 0, receivedBytes: 0 };
  const counts = { messagesSent: 0, messagesReceived: 0, beatsReceived: 0 };
  const context: LinkContext = { world, limits, protocolOf: (use) => `/ves/${cell}/${use}/1` };

  const links = new Map<MemberId, PeerLink>();
  const byPeerId = new Map<string, PeerLink>();
  let targets: ReadonlySet<MemberId> = new Set();
  let voters: readonly MemberId[] = [];
  let isStopped = false;

  const channelHandlers = new Map<Channel, ((from: MemberId, message: unknown) => void)[]>();
  const gossipHandlers = new Map<string, ((from: MemberId, message: unknown) => void)[]>();
  const methods = new Map<string, (from: MemberId, body: unknown) => Promise<unknown>>();
  const connectionHandlers: ((member: MemberId, connected: boolean) => void)[] = [];

  let strangerToldAtMs = -Infinity;

  /** Strangers hold the cell's key, so somebody should know; but they shall not fill the log. */
  function tellStranger(peerId: string): void {
    const nowMs = world.clock.nowMs();
    if (nowMs - strangerToldAtMs < STRANGER_LOG_MS) return;
    strangerToldAtMs = nowMs;
    world.log.write({ event: 'meshStrangerRefused', peerId });
  }

  /** Whom the gater admits. Knocking members are judged so that one connection per pair stays (dial-plan.ts). */
  function admitsInbound(peerId: string): boolean {
    const link = byPeerId.get(peerId);
    if (link === undefined || isStopped) {
      tellStranger(peerId);
      return false;
    }
    const existingAgeMs = link.connection === null ? null : world.clock.nowMs() - link.connectedAtMs;
    const answer = answerKnock({ existingAgeMs, isDialing: link.dialing !== null, failures: link.failures, isFirstDialler: dialsFirst(self, link.member.id) });
    if (answer === 'admitInstead') link.connection?.abort(new Error('replaced by a newer connection'));
    return answer !== 'refuse';
  }

  const node = await createLibp2p({
    privateKey: options.privateKey,
    addresses: { listen: [options.listenAddress], announce: [...(options.announce ?? [])] },
    transports: [tcp()],
    connectionEncrypters: [noise({ crypto: noiseCrypto })],
    streamMuxers: [yamux({ enableKeepAlive: false, streamOptions: { maxStreamWindowSize: 1024 * 1024 } })],
    connectionProtector: countingProtector(options.presharedKey, traffic),
    // Our own beats do this for a tenth of the price of pings on fresh streams.
    connectionMonitor: { enabled: false },
    connectionGater: {
      denyDialPeer: (peerId) => !byPeerId.has(peerId.toString()),
      denyInboundEncryptedConnection: (peerId) => !admitsInbound(peerId.toString()),
      denyOutboundEncryptedConnection: (peerId) => !byPeerId.has(peerId.toString()),
    },
    connectionManager: {
      maxConnections: 1200,
      maxParallelDials: 32,
      dialTimeout: limits.dialMs,
      addressDialTimeout: limits.dialMs,
      inboundUpgradeTimeout: 5_000,
      // Many members may share one address (playground), and a returning cell knocks all at once.
      inboundConnectionThreshold: 1000,
      maxIncomingPendingConnections: 100,
      reconnectRetries: 0,
    },
    services: {
      identify: identify({ protocolPrefix: 'ves', timeout: 5_000 }),
      ping: ping({ protocolPrefix: 'ves' }),
      gossip: gossipService(cell, TOPICS, options.gossipHeartbeatMs ?? 5_000),
    },
  }).catch((cause: unknown) => {
    throw new ClusterError('MeshNotStarted', `could not listen at ${options.listenAddress}: is the port taken, or the address not of this machine?`, { retryable: false, cause });
  });
  const { gossip } = node.services;

  const dialer = createDialer({
    self,
    world,
    dialMs: limits.dialMs,
    isWanted: (link) => !isStopped && links.get(link.member.id) === link && targets.has(link.member.id),
    dial: async (link, signal) => attached(await node.dial(link.dialAddress, { signal })),
  });

  function tellConnection(member: MemberId, isConnected: boolean): void {
    for (const handler of connectionHandlers) guarded({ use: 'connection', peer: member }, () => handler(member, isConnected));
  }

  function guarded(about: Readonly<Record<string, unknown>>, work: () => void): void {
    try {
      work();
    } catch (error) {
      world.log.write({ event: 'meshHandlerFailed', ...about, reason: describeError(error) });
    }
  }

  function attached(connection: Connection): void {
    const link = byPeerId.get(connection.remotePeer.toString());
    if (link === undefined || isStopped) return connection.abort(new Error('not a member'));
    if (link.connection === connection || connection.status !== 'open') return;
    if (link.connection !== null) {
      // Both sides dialled at once and the gater saw neither. Gossip would stay with the first connection and die with
      // it: begin anew, one side first.
      const previous = link.connection;
      connection.abort(new Error('dialled by both sides at once'));
      return previous.abort(new Error('dialled by both sides at once'));
    }
    link.attach(connection);
    link.redial?.cancel();
    if (connection.direction === 'inbound') link.dialing?.abort(new Error('the other side got through'));
    world.log.write({ event: 'meshPeerConnected', peer: link.member.id, direction: connection.direction });
    tellConnection(link.member.id, true);
  }

  function closed(connection: Connection): void {
    const link = byPeerId.get(connection.remotePeer.toString());
    if (link === undefined || link.connection !== connection) return;
    detach(link, new Error('the connection was lost'));
    dialer.lost(link);
  }

  function detach(link: PeerLink, reason: Error): void {
    if (link.connection === null) return;
    const { connection } = link;
    link.detach(reason);
    connection.abort(reason);
    world.log.write({ event: 'meshPeerDisconnected', peer: link.member.id, reason: reason.message });
    tellConnection(link.member.id, false);
  }

  function takeStream(use: StreamUse, stream: Stream, connection: Connection): void {
    const link = byPeerId.get(connection.remotePeer.toString());
    if (link === undefined) return stream.abort(new Error('not a member'));
    const onMessage = use === 'request' ? answering(link, stream) : delivering(link, use);
    readFrames(stream, context, link.member, use, (message) => {
      link.heardAtMs = world.clock.nowMs();
      if (message === undefined) {
        counts.beatsReceived += 1;
        return;
      }
      link.usedAtMs = link.heardAtMs;
      counts.messagesReceived += 1;
      onMessage(message);
    });
  }

  function delivering(link: PeerLink, channel: Channel): (message: unknown) => void {
    return (message) => {
      for (const handler of channelHandlers.get(channel) ?? []) guarded({ use: channel, peer: link.member.id }, () => handler(link.member.id, message));
    };
  }

  /** Answers the questions of one stream. */
  function answering(link: PeerLink, stream: Stream): (message: unknown) => void {
    let open = 0;
    const outbox = createOutbox({
      open: async () => await (stream.status === 'open' ? Promise.resolve(stream) : Promise.reject(new Error('the asker is gone'))),
      timers: world.timers,
      limits: { ...limits.outbox, framesMax: REQUESTS_OPEN_MAX },
      onBroken: (reason) => outbox.close(reason instanceof Error ? reason : new Error(describeError(reason))),
      onWritten: () => {
        link.sentAtMs = world.clock.nowMs();
      },
    });
    const reply = (question: Question, result: { readonly b: unknown } | { readonly e: ReturnType<typeof asFailure> }): void => {
      const tooLarge = new ClusterError('MessageTooLarge', `the answer to ${question.m} is larger than ${limits.messageBytesMax} bytes or no JSON`, { retryable: false });
      const frame = encodeFrame({ r: question.q, ...result }, limits.messageBytesMax) ?? encodeFrame({ r: question.q, e: asFailure(tooLarge) }, limits.messageBytesMax);
      if (frame !== null && outbox.push(frame)) counts.messagesSent += 1;
    };
    const handle = async (question: Question): Promise<void> => {
      const method = methods.get(question.m);
      try {
        if (method === undefined) throw new ClusterError('UnknownMethod', `${self} does not answer ${question.m}`, { retryable: false });
        if (open > REQUESTS_OPEN_MAX) throw new ClusterError('PeerBusy', `${self} has ${REQUESTS_OPEN_MAX} questions open`, { retryable: true });
        reply(question, { b: (await method(link.member.id, question.b)) ?? null });
      } catch (error) {
        if (!(error instanceof ClusterError)) world.log.write({ event: 'meshHandlerFailed', use: 'request', peer: link.member.id, method: question.m, reason: describeError(error) });
        reply(question, { e: asFailure(error) });
      } finally {
        open -= 1;
      }
    };
    return (message) => {
      const question = parseQuestion(message);
      if (question === null) throw new Error('not a question');
      open += 1;
      void handle(question); // Handles its own failures.
    };
  }

  /** Adds a member, or takes over a known one's new address. */
  function takeMember(member: Member, known: PeerLink | undefined): void {
    try {
      peerIdFromString(member.peerId);
      const address = multiaddr(member.address.includes('/p2p/') ? member.address : `${member.address}/p2p/${member.peerId}`);
      if (known !== undefined) {
        known.member = member;
        known.dialAddress = address;
        known.failures = 0;
        return dialer.cancel(known, 'the address has changed');
      }
      const link = createLink(member, address, context);
      links.set(member.id, link);
      byPeerId.set(member.peerId, link);
    } catch (error) {
      world.log.write({ event: 'meshMemberInvalid', peer: member.id, address: member.address, reason: describeError(error) });
    }
  }

  function removeMember(link: PeerLink): void {
    links.delete(link.member.id);
    byPeerId.delete(link.member.peerId);
    dialer.cancel(link, 'no longer a member');
    detach(link, new Error('no longer a member'));
  }

  function plan(): void {
    targets = chooseTargets(self, [...links.keys()], voters);
    for (const link of links.values()) if (link.redial === null) dialer.schedule(link);
  }

  function setMembers(members: readonly Member[]): void {
    const wanted = new Map(members.filter((member) => member.id !== self).map((member) => [member.id, member]));
    for (const link of links.values()) {
      if (wanted.get(link.member.id)?.peerId !== link.member.peerId) removeMember(link);
    }
    for (const member of wanted.values()) {
      const known = links.get(member.id);
      if (known?.member.address !== member.address) takeMember(member, known);
    }
    plan();
  }

  let tickedAtMs = world.clock.nowMs();
  let ticking = world.timers.after(limits.tickMs, tick);

  /** Beyond the plan, dialled by us for a question, and long answered. The other side cannot know that, so we close. */
  function isUnused(link: PeerLink, nowMs: number): boolean {
    return !targets.has(link.member.id) && link.connection?.direction === 'outbound' && link.questions.count === 0 && nowMs - link.usedAtMs > limits.idleMs;
  }

  function tick(): void {
    const nowMs = world.clock.nowMs();
    // When this process itself stood still, what others said meanwhile has not been read yet: listen first.
    const stoodStill = nowMs - tickedAtMs > limits.tickMs + STOOD_STILL_MS;
    tickedAtMs = nowMs;
    for (const link of links.values()) {
      if (link.connection === null) continue;
      if (stoodStill) link.heardAtMs = nowMs;
      if (nowMs - link.heardAtMs > limits.silenceMs) link.connection.abort(new Error('silent'));
      else if (isUnused(link, nowMs)) link.connection.abort(new Error('not used'));
      else if (nowMs - link.sentAtMs >= limits.beatMs) link.beat();
    }
    ticking = world.timers.after(limits.tickMs, tick);
  }

  node.addEventListener('connection:open', (event) => attached(event.detail));
  node.addEventListener('connection:close', (event) => closed(event.detail));
  for (const use of USES) {
    await node.handle(context.protocolOf(use), (stream, connection) => takeStream(use, stream, connection), { maxInboundStreams: 4 });
  }
  const judge = createValidator((peerId) => byPeerId.get(peerId)?.member.id, () => world.clock.nowMs());
  for (const topic of TOPICS) {
    gossip.topicValidators.set(topicName(cell, topic), (_, message) => judge(message));
    gossip.subscribe(topicName(cell, topic));
  }
  gossip.addEventListener('gossipsub:message', ({ detail: { msgId, propagationSource } }) => {
    world.timers.after(world.chance.next() * TOLD_ON_WITHIN_MS, () => {
      if (!isStopped) tellOn(gossip, msgId, propagationSource.toString());
    });
  });
  gossip.addEventListener('message', ({ detail: message }) => {
    const link = message.type === 'signed' ? byPeerId.get(message.from.toString()) : undefined;
    if (link === undefined) return;
    guarded({ use: message.topic, peer: link.member.id }, () => {
      const value = JSON.parse(new TextDecoder().decode(message.data)) as unknown;
      for (const handler of gossipHandlers.get(message.topic) ?? []) handler(link.member.id, value);
    });
  });
  setMembers(options.members);

  async function request(to: MemberId, method: string, body: unknown, { timeoutMs }: { readonly timeoutMs: number }): Promise<unknown> {
    const startedAtMs = world.clock.nowMs();
    const link = links.get(to);
    if (link === undefined || isStopped) throw new ClusterError('PeerUnreachable', `${to} is no member of the mesh`, { retryable: true });
    if (link.connection === null) await dialer.dialNow(link, timeoutMs);
    const question = link.questions.add(method, Math.max(1, timeoutMs - (world.clock.nowMs() - startedAtMs)));
    if (question === null) throw new ClusterError('PeerBusy', `${REQUESTS_OPEN_MAX} questions to ${to} are open`, { retryable: true });
    const frame = encodeFrame({ q: question.id, m: method, b: body }, limits.messageBytesMax);
    if (frame === null) {
      question.answer.catch(() => undefined); // Its place is taken by the failure below.
      link.questions.settle({ r: question.id, e: { code: 'MessageTooLarge', message: `${method} to ${to} is larger than ${limits.messageBytesMax} bytes or no JSON`, retryable: false } });
    } else if (!link.send('request', frame)) {
      link.questions.settle({ r: question.id, e: { code: 'PeerUnreachable', message: `${to} takes no more questions now`, retryable: true } });
    } else counts.messagesSent += 1;
    return await question.answer;
  }

  return {
    self,
    peerId: node.peerId.toString(),
    addresses: node.getMultiaddrs().map((address) => address.toString().replace(/\/p2p\/.*$/, '')),
    setMembers,
    setVoters(next) {
      voters = [...next];
      plan();
    },
    send(to, channel, message) {
      const link = links.get(to);
      if (link === undefined || link.connection === null) return false;
      const frame = encodeFrame(message, limits.messageBytesMax);
      if (frame === null) {
        world.log.write({ event: 'meshMessageTooLarge', peer: to, use: channel, bytesMax: limits.messageBytesMax });
        return false;
      }
      if (!link.send(channel, frame)) return false;
      counts.messagesSent += 1;
      return true;
    },
    onMessage(channel, handler) {
      channelHandlers.set(channel, [...(channelHandlers.get(channel) ?? []), handler]);
    },
    request,
    serve(method, handler) {
      methods.set(method, handler);
    },
    async publish(topic, message) {
      const json = JSON.stringify(message) as string | undefined;
      if (isStopped || json === undefined) return false;
      const bytes = new TextEncoder().encode(json);
      if (bytes.byteLength > GOSSIP_BYTES_MAX) {
        world.log.write({ event: 'meshMessageTooLarge', use: topic, bytes: bytes.byteLength, bytesMax: GOSSIP_BYTES_MAX });
        return false;
      }
      try {
        return (await gossip.publish(topicName(cell, topic), bytes)).recipients.length > 0;
      } catch (error) {
        world.log.write({ event: 'meshGossipFailed', topic, reason: describeError(error) });
        return false;
      }
    },
    onGossip(topic, handler) {
      const name = topicName(cell, topic);
      gossipHandlers.set(name, [...(gossipHandlers.get(name) ?? []), handler]);
    },
    isConnected: (member) => (links.get(member)?.connection ?? null) !== null,
    apart: () => [...targets].filter((member) => (links.get(member)?.connection ?? null) === null),
    onConnection(handler) {
      connectionHandlers.push(handler);
    },
    stats: () => ({ ...traffic, ...counts, connections: [...links.values()].filter((link) => link.connection !== null).length }),
    async stop() {
      isStopped = true;
      ticking.cancel();
      for (const link of links.values()) {
        dialer.cancel(link, 'stopped');
        link.questions.rejectAll('stopped');
      }
      await node.stop();
    },
  };
}
