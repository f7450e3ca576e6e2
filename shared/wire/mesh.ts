/**
 * How do members speak to each other? The port that libp2p is behind, with its limits.
 */
import type { MemberId } from '../ids.ts';

/** Who is admitted, and where it is reached. From the ledger; nobody else gets a connection. */
export interface Member {
  readonly id: MemberId;
  readonly peerId: string;
  /** Multiaddr with TCP. */
  readonly address: string;
}

/** Topics of gossip. Gossip informs, it never authorises. */
export type Topic = 'health' | 'observed';

/** Channels of one-way messages on a persistent stream per pair: ordered while the stream lives, lost with it. */
export type Channel = 'ledger' | 'feed';

/** Largest message of a channel or request, bytes. A snapshot is sent in chunks below this. */
export const MESSAGE_BYTES_MAX = 1024 * 1024;
/** Largest gossip message, bytes. */
export const GOSSIP_BYTES_MAX = 4096;
/** How many messages may wait for a slow peer per channel before new ones are refused. */
export const SEND_QUEUE_MAX = 1024;

/** The mesh, as one member sees it. Messages are JSON values. */
export interface Mesh {
  readonly self: MemberId;
  /** Replaces who is admitted; connections of those who are not any more are closed. */
  setMembers(members: readonly Member[]): void;
  /** Queues a message; false when the peer is unknown, unreachable or its queue is full. Nothing is retried. */
  send(to: MemberId, channel: Channel, message: unknown): boolean;
  onMessage(channel: Channel, handler: (from: MemberId, message: unknown) => void): void;
  /** Asks one peer. Rejects with ClusterError `PeerUnreachable`, `PeerTimeout` (both retryable) or what the peer threw (its code, message and retryable). */
  request(to: MemberId, method: string, body: unknown, options: { readonly timeoutMs: number }): Promise<unknown>;
  /** Answers requests of one method. What it throws as ClusterError reaches the asker. */
  serve(method: string, handler: (from: MemberId, body: unknown) => Promise<unknown>): void;
  /** Publishes to all members; resolves false when nobody was there to hear or the message was too large. */
  publish(topic: Topic, message: unknown): Promise<boolean>;
  onGossip(topic: Topic, handler: (from: MemberId, message: unknown) => void): void;
  /** Whether there is a connection now. */
  isConnected(member: MemberId): boolean;
  /** Those that this member keeps a connection to, in a large cell not everybody, and has none with now. */
  apart(): readonly MemberId[];
  onConnection(handler: (member: MemberId, connected: boolean) => void): void;
  stop(): Promise<void>;
}
