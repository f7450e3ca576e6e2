/**
 * What does a member hold towards one other member? At most one connection, and one outgoing stream per use of it.
 *
 *     apart --attach--> connected --detach (closed, silent, removed)--> apart
 *
 * Uses do not share a stream, so that a ledger message never waits behind a large answer. A beat goes out on the
 * ledger's stream when nothing else did, and a connection that is silent for too long is given up (P2P.md: nobody else
 * notices a peer that is stopped or cut off).
 */
import type { Connection, Stream } from '@libp2p/interface';
import type { Multiaddr } from '@multiformats/multiaddr';
import { describeError } from '../errors.ts';
import type { Channel, Member } from '../wire/mesh.ts';
import type { Timer, World } from '../world.ts';
import { BEAT, createFrameReader, FrameError } from './frames.ts';
import { createOutbox } from './outbox.ts';
import type { Outbox, OutboxLimits } from './outbox.ts';
import { createOpenQuestions, parseAnswer } from './requests.ts';
import type { OpenQuestions } from './requests.ts';
import { updateWindowRarely } from './stream-window.ts';

/** What a stream is for. */
export type StreamUse = Channel | 'request';

/** Bounds of the mesh; see {@link MESH_LIMITS}. */
export interface MeshLimits {
  readonly messageBytesMax: number;
  readonly outbox: OutboxLimits;
  readonly dialMs: number;
  /** A beat goes out after so long without another message. */
  readonly beatMs: number;
  /** A connection is given up after so long without any message. */
  readonly silenceMs: number;
  /** How often beats and silence are looked at. */
  readonly tickMs: number;
  /** In cells that are no full mesh: a connection beyond the plan is closed after so long without a message. */
  readonly idleMs: number;
}

/** What links share. */
export interface LinkContext {
  readonly world: World;
  readonly limits: MeshLimits;
  readonly protocolOf: (use: StreamUse) => string;
}

/** One other member. */
export interface PeerLink {
  /** Its address may change while it is a member; its id and peer id do not. */
  member: Member;
  dialAddress: Multiaddr;
  readonly questions: OpenQuestions;
  connection: Connection | null;
  connectedAtMs: number;
  heardAtMs: number;
  sentAtMs: number;
  /** Last message that was no beat, either way. */
  usedAtMs: number;
  failures: number;
  redial: Timer | null;
  dialing: { readonly done: Promise<void>; readonly abort: (reason: Error) => void } | null;
  attach(connection: Connection): void;
  /** Forgets the connection and what waited for it. */
  detach(reason: Error): void;
  send(use: StreamUse, frame: Uint8Array): boolean;
  beat(): void;
}

/** Reads frames from a stream; a stream that sends anything else is closed, and a fact says so. */
export function readFrames(stream: Stream, context: LinkContext, member: Member, use: StreamUse, onMessage: (message: unknown) => void): void {
  const reader = createFrameReader(context.limits.messageBytesMax, onMessage);
  updateWindowRarely(stream);
  stream.addEventListener('message', (event) => {
    if (stream.status === 'aborted') return;
    try {
      for (const piece of event.data instanceof Uint8Array ? [event.data] : event.data) reader.push(piece);
    } catch (error) {
      context.world.log.write({ event: 'meshStreamRefused', peer: member.id, use, reason: describeError(error) });
      stream.abort(error instanceof Error ? error : new FrameError('not a frame'));
    }
  });
}

/** A member that we are not connected to yet. */
export function createLink(member: Member, dialAddress: Multiaddr, context: LinkContext): PeerLink {
  const { world, limits } = context;
  const outboxes = new Map<StreamUse, Outbox>();
  const questions = createOpenQuestions(member.id, world.timers);

  async function openStream(use: StreamUse, connection: Connection, signal: AbortSignal): Promise<Stream> {
    const stream = await connection.newStream(context.protocolOf(use), { signal });
    readFrames(stream, context, member, use, (message) => {
      link.heardAtMs = world.clock.nowMs();
      const answer = use === 'request' ? parseAnswer(message) : null;
      if (answer !== null) questions.settle(answer);
    });
    return stream;
  }

  function outboxFor(use: StreamUse, connection: Connection): Outbox {
    const existing = outboxes.get(use);
    if (existing !== undefined) return existing;
    const outbox = createOutbox({
      open: async (signal) => await openStream(use, connection, signal),
      timers: world.timers,
      limits: limits.outbox,
      onBroken(reason) {
        if (link.connection === connection) world.log.write({ event: 'meshStreamBroken', peer: member.id, use, reason: describeError(reason) });
        if (use === 'request') questions.rejectAll(describeError(reason));
      },
      onWritten() {
        link.sentAtMs = world.clock.nowMs();
      },
    });
    outboxes.set(use, outbox);
    return outbox;
  }

  const link: PeerLink = {
    member,
    dialAddress,
    questions,
    connection: null,
    connectedAtMs: 0,
    heardAtMs: 0,
    sentAtMs: 0,
    usedAtMs: 0,
    failures: 0,
    redial: null,
    dialing: null,
    attach(connection) {
      const nowMs = world.clock.nowMs();
      link.connection = connection;
      link.connectedAtMs = nowMs;
      link.heardAtMs = nowMs;
      link.sentAtMs = nowMs;
      link.usedAtMs = nowMs;
    },
    detach(reason) {
      link.connection = null;
      for (const outbox of outboxes.values()) outbox.close(reason);
      outboxes.clear();
      questions.rejectAll(describeError(reason));
    },
    send(use, frame) {
      if (link.connection === null) return false;
      link.usedAtMs = world.clock.nowMs();
      return outboxFor(use, link.connection).push(frame);
    },
    beat() {
      if (link.connection !== null) outboxFor('ledger', link.connection).push(BEAT);
    },
  };
  return link;
}
