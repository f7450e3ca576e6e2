/**
 * How do messages leave, when the other side may be slow or dead? A bounded queue in front of one stream.
 *
 *     idle --push--> opening --opened--> writing --all written--> idle
 *     opening, writing --deadline or error--> idle (what waited is lost, the owner is told)
 *     any --close--> closed
 */
import type { Stream } from '@libp2p/interface';
import type { Timers } from '../world.ts';

/** Bounds of an outbox. */
export interface OutboxLimits {
  readonly framesMax: number;
  readonly bytesMax: number;
  /** Deadline of opening the stream and of each write that has to wait. */
  readonly deadlineMs: number;
}

/** A queue in front of a stream. */
export interface Outbox {
  /** False when the queue is full or closed. */
  push(frame: Uint8Array): boolean;
  readonly waiting: number;
  close(reason: Error): void;
}

/** What an outbox needs. `open` is called again after a broken stream, when there is something to send. */
export interface OutboxOptions {
  readonly open: (signal: AbortSignal) => Promise<Stream>;
  readonly timers: Timers;
  readonly limits: OutboxLimits;
  /** The stream broke or could not be opened; everything that waited is lost. */
  readonly onBroken: (reason: unknown) => void;
  readonly onWritten: (bytes: number) => void;
}

/** Frames are handed to the stream together up to this size: one packet for many small ones. */
const WRITE_BYTES_MAX = 64 * 1024;

/** Runs `work` with a signal that is aborted at the deadline. */
async function withDeadline<Result>(timers: Timers, deadlineMs: number, what: string, work: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
  const controller = new AbortController();
  const timer = timers.after(deadlineMs, () => controller.abort(new Error(`${what} took longer than ${deadlineMs} ms`)));
  try {
    return await work(controller.signal);
  } catch (error) {
    throw controller.signal.aborted ? controller.signal.reason : error;
  } finally {
    timer.cancel();
  }
}

/** A new, empty outbox. */
export function createOutbox(options: OutboxOptions): Outbox {
  const { limits, timers } = options;
  let queue: Uint8Array[] = [];
  let queuedBytes = 0;
  let stream: Stream | null = null;
  let isPumping = false;
  let isClosed = false;

  function take(): Uint8Array {
    const first = queue[0] ?? new Uint8Array(0);
    let count = 1;
    let bytes = first.byteLength;
    for (let next = queue[count]; next !== undefined && bytes + next.byteLength <= WRITE_BYTES_MAX; next = queue[count]) {
      bytes += next.byteLength;
      count += 1;
    }
    const frames = queue.splice(0, count);
    queuedBytes -= bytes;
    return count === 1 ? first : Buffer.concat(frames, bytes);
  }

  async function ready(): Promise<Stream> {
    if (stream !== null) return stream;
    const opened = await withDeadline(timers, limits.deadlineMs, 'opening a stream', options.open);
    if (isClosed) {
      opened.abort(new Error('closed meanwhile'));
      throw new Error('closed meanwhile');
    }
    opened.addEventListener('close', () => {
      if (stream !== opened) return;
      stream = null;
      if (!isPumping) broken(new Error('the other side closed the stream'));
    });
    stream = opened;
    return opened;
  }

  function broken(reason: unknown): void {
    stream?.abort(reason instanceof Error ? reason : new Error(String(reason)));
    stream = null;
    queue = [];
    queuedBytes = 0;
    options.onBroken(reason);
  }

  async function pump(): Promise<void> {
    try {
      while (queue.length > 0) {
        const current = await ready();
        const bytes = take();
        if (bytes.byteLength === 0) continue;
        const hasRoom = current.send(bytes);
        options.onWritten(bytes.byteLength);
        if (!hasRoom) await withDeadline(timers, limits.deadlineMs, 'writing', async (signal) => await current.onDrain({ signal }));
      }
      isPumping = false;
    } catch (error) {
      isPumping = false;
      if (!isClosed) broken(error);
    }
  }

  return {
    push(frame) {
      if (isClosed || queue.length >= limits.framesMax || (queue.length > 0 && queuedBytes + frame.byteLength > limits.bytesMax)) return false;
      queue.push(frame);
      queuedBytes += frame.byteLength;
      if (!isPumping) {
        isPumping = true;
        // After the current turn: messages that are sent together travel together. `pump` handles its failures.
        queueMicrotask(() => void pump());
      }
      return true;
    },
    get waiting() {
      return queue.length;
    },
    close(reason) {
      isClosed = true;
      queue = [];
      queuedBytes = 0;
      stream?.abort(reason);
      stream = null;
    },
  };
}
