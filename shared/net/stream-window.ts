/**
 * How often does a stream say that it has read? When half of its window is used up, not after each message.
 *
 * @chainsafe/libp2p-yamux 8.0.1 sends a window update after each data frame: a small message is then answered by a
 * frame of its own, which costs both sides a system call, encryption and 30 bytes. The yamux specification leaves the
 * moment to the receiver, and its first implementation (hashicorp/yamux, stream.go) waits for half of the window.
 * The sender never stands still for it: it has at least the other half.
 */
import { StreamState, YamuxStream } from '@chainsafe/libp2p-yamux/stream';
import type { Stream } from '@libp2p/interface';

/** What we need of the stream's inner side. */
interface Window {
  readonly state: StreamState;
  /** Bytes that the other side may have on their way at most. */
  readonly recvWindow: number;
  /** What is left of them as the other side knows it. */
  readonly recvWindowCapacity: number;
  sendWindowUpdate?: () => void;
}

/** From now on this stream updates its window rarely. Streams of other muxers stay as they are. */
export function updateWindowRarely(stream: Stream): void {
  if (!(stream instanceof YamuxStream)) return;
  const window = stream as unknown as Window;
  const update = window.sendWindowUpdate?.bind(stream);
  if (update === undefined) return;
  window.sendWindowUpdate = () => {
    // Before a stream is established, an update also carries what establishes it.
    if (window.state === StreamState.Established && window.recvWindowCapacity > window.recvWindow / 2) return;
    update();
  };
}
