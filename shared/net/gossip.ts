/**
 * How does gossip behave? Settings of gossipsub for a cell, and what is refused before anybody sees it.
 *
 * Gossip informs, it never authorises. Whoever receives it checks (bootId, sequence) against replays.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { gossipsub, TopicValidatorResult } from '@chainsafe/libp2p-gossipsub';
import type { GossipSub, GossipSubComponents, Message } from '@chainsafe/libp2p-gossipsub';
import type { StreamHandler } from '@libp2p/interface';
import type { CellId, MemberId } from '../ids.ts';
import { GOSSIP_BYTES_MAX } from '../wire/mesh.ts';
import type { Topic } from '../wire/mesh.ts';
import { updateWindowRarely } from './stream-window.ts';

/** Messages per second and author that are passed on (SAFETY.md 7); as many may come at once. */
export const GOSSIP_RATE_MAX = 5;

/**
 * A message is told on after a pause of up to this, drawn anew each time, ms. Whoever told us meanwhile needs not be told: of the connections
 * that gossip flows over, those that would carry each message both ways carry it once, or not at all. Nothing waits for gossip.
 */
export const TOLD_ON_WITHIN_MS = 200;

/** The name that a topic has between peers. */
export function topicName(cell: CellId, topic: Topic): string {
  return `/ves/${cell}/${topic}/1`;
}

/**
 * The service. Few neighbours and a slow heartbeat, because health is published every 10 s: measured figures in P2P.md,
 * "Gossip". Co-location weighs nothing, as all nodes of a playground share one address.
 */
export function gossipService(cell: CellId, topics: readonly Topic[], heartbeatIntervalMs: number): ReturnType<typeof gossipsub> {
  const service = gossipsub({
    D: 3,
    Dlo: 2,
    Dhi: 4,
    // What is told to neighbours outside of the mesh: each message once, to one of them, 16 bytes each. Whoever missed one asks for it, and the
    // next one of its author comes in 10 s anyway.
    Dlazy: 1,
    gossipFactor: 0,
    mcacheLength: 3,
    mcacheGossip: 1,
    Dscore: 1,
    Dout: 1,
    floodPublish: false,
    heartbeatInterval: heartbeatIntervalMs,
    msgIdFn: shortId,
    fastMsgIdFn: signatureId,
    dataTransform: { outboundTransform: (_, data) => pack(data), inboundTransform: (_, data) => unpack(data) },
    globalSignaturePolicy: 'StrictSign',
    // Told on when we say so: {@link TOLD_ON_WITHIN_MS}.
    asyncValidation: true,
    allowPublishToZeroTopicPeers: true,
    emitSelf: false,
    doPX: false,
    allowedTopics: topics.map((topic) => topicName(cell, topic)),
    scoreParams: { IPColocationFactorWeight: 0, decayInterval: 10_000 },
    // Several messages and the lists of known ones travel together; a longer one would end the stream.
    maxInboundDataLength: 1024 * 1024,
    maxOutboundBufferSize: 4 * 1024 * 1024,
  });
  return (components) => withoutKeys(service(withRareUpdates(components)));
}

/** What we need of gossipsub's inner side: its exported type leaves them out. */
interface Inner {
  reportMessageValidationResult(messageId: string, from: string, result: TopicValidatorResult): void;
  sendRpc?: (peer: string, rpc: { readonly messages?: readonly { from?: Uint8Array; key?: Uint8Array | undefined }[] }) => boolean;
}

/** Tells a message on that was found good, but not to those who told us of it. */
export function tellOn(service: GossipSub, messageId: string, from: string): void {
  (service as unknown as Inner).reportMessageValidationResult(messageId, from, TopicValidatorResult.Accept);
}

/** The code of multihashes that hold what they stand for, here the author's public key. */
const IDENTITY_MULTIHASH = 0;

/**
 * Messages name their author by an id that holds his Ed25519 key, and then once more by the key, which the specification of pubsub leaves to
 * the sender and the signature does not cover. Without it a message is a seventh shorter.
 */
function withoutKeys(service: GossipSub): GossipSub {
  const inner = service as unknown as Inner;
  const send = inner.sendRpc?.bind(service);
  if (send === undefined) return service;
  inner.sendRpc = (peer, rpc) => {
    for (const message of rpc.messages ?? []) if (message.from?.[0] === IDENTITY_MULTIHASH) message.key = undefined;
    return send(peer, rpc);
  };
  return service;
}

/** Gossipsub opens and takes its streams by itself: the ones that it takes pass by here. (libp2p's `use` would add up the handlers of all streams before.) */
function withRareUpdates(components: GossipSubComponents): GossipSubComponents {
  const { registrar } = components;
  const watched = Object.create(registrar) as typeof registrar;
  watched.handle = async (protocol, handler: StreamHandler, options) => {
    await registrar.handle(protocol, (stream, connection) => {
      updateWindowRarely(stream);
      return handler(stream, connection);
    }, options);
  };
  return Object.create(components, { registrar: { value: watched } }) as GossipSubComponents;
}

/**
 * Words that health messages repeat: they cost a few bits each then. Part of what version 1 of the topics means, so it
 * may only change together with that number.
 */
const DICTIONARY = Buffer.from('"unreachable":[],"volume":"vol-","role":"Secondary","Primary","disk":"Inconsistent","UpToDate","peerDisk":"UpToDate","connection":"Connected","syncPercent":null,"suspended":false},{"instance":"i-","generation":1},{"node":"node-1","bootId":"","sequence":1,"freeMemoryMiB":,"freeDiskBytes":,"load":0.0,"loopDelayMsMax":,"unreachable":[],"running":[{"instance":"i-","generation":1}],"volumes":[{"volume":"vol-', 'latin1');

/** Deflates a payload: idle, gossip is most of what a node sends. */
export function pack(data: Uint8Array): Uint8Array {
  return deflateRawSync(data, { dictionary: DICTIONARY, windowBits: 13, memLevel: 6 });
}

/** Undoes {@link pack}. Throws for what was not packed, and for what would be larger than gossip may be. */
export function unpack(data: Uint8Array): Uint8Array {
  return inflateRawSync(data, { dictionary: DICTIONARY, maxOutputLength: GOSSIP_BYTES_MAX });
}

/** The author's last 8 bytes and the 8 random ones of the message: nobody can take another author's names. */
function shortId(message: Message): Uint8Array {
  if (message.type !== 'signed') return new Uint8Array(16); // Refused anyway: all our messages are signed.
  const id = new Uint8Array(16);
  id.set(message.from.toMultihash().bytes.slice(-8));
  new DataView(id.buffer).setBigUint64(8, message.sequenceNumber);
  return id;
}

/**
 * What tells a message that came before, by another neighbour, without looking into it: each comes by two or three ways, and to check its
 * signature is most of what gossip costs. A message is only remembered by this once its signature was found good, and to a
 * good signature there is no other message.
 */
export function signatureId(message: { readonly signature?: Uint8Array }): string {
  return Buffer.from((message.signature ?? new Uint8Array(0)).subarray(0, SIGNATURE_ID_BYTES)).toString('latin1');
}

/** Half of the signature's point R, which only who has the key can choose: enough to be told from any other. */
const SIGNATURE_ID_BYTES = 16;

/** A token bucket per author, for as many authors as there are members. */
export function createRateLimit(perSecondMax: number): (author: string, nowMs: number) => boolean {
  const buckets = new Map<string, { tokens: number; atMs: number }>();
  return (author, nowMs) => {
    const bucket = buckets.get(author) ?? { tokens: perSecondMax, atMs: nowMs };
    bucket.tokens = Math.min(perSecondMax, bucket.tokens + ((nowMs - bucket.atMs) / 1000) * perSecondMax);
    bucket.atMs = nowMs;
    buckets.set(author, bucket);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  };
}

/** Judges a message before it is delivered or passed on. Members only, so the buckets stay few. */
export function createValidator(memberOf: (peerId: string) => MemberId | undefined, nowMs: () => number): (message: Message) => TopicValidatorResult {
  const isWithinRate = createRateLimit(GOSSIP_RATE_MAX);
  return (message) => {
    if (message.data.byteLength > GOSSIP_BYTES_MAX || message.type !== 'signed') return TopicValidatorResult.Reject;
    const author = memberOf(message.from.toString());
    // The neighbour that passed it on may have a newer list of members: it is not to blame.
    if (author === undefined || !isWithinRate(author, nowMs())) return TopicValidatorResult.Ignore;
    return TopicValidatorResult.Accept;
  };
}
