/**
 * How do events reach a client that stays? Server-sent events, read from the kept events at the client's own pace.
 *
 * Nothing is queued per client: a slow one reads later from the same book, and one that takes nothing for a minute is
 * let go. It comes back with Last-Event-ID and misses nothing that is still kept.
 * Format: WHATWG HTML, "Server-sent events".
 */
import type { CellEvent } from '../../shared/model/event.ts';
import type { Placed } from '../../shared/store/projection-store.ts';
import type { Timer, Timers } from '../../shared/world.ts';
import { MINUTE_MS } from '../../shared/units.ts';
import type { EventBook } from '../projection.ts';
import { eventView } from './event-view.ts';

/** A comment is sent after this silence, so that proxies and clients know that the stream lives. */
export const KEEP_ALIVE_MS = 15_000;
/** A client that has not taken the last piece for so long is gone. */
const STALL_MS = MINUTE_MS;
/** How soon a client should come back, ms. */
const RETRY_MS = 1_000;
/** Events of one piece. */
const PAGE = 100;

/** What a stream is made from. */
export interface EventStreamOptions {
  readonly book: EventBook;
  readonly timers: Timers;
  readonly after: Placed;
  readonly accepts: (event: CellEvent) => boolean;
  /** Called once, when the stream is over for whatever reason. */
  readonly onEnd: () => void;
}

/** A stream of server-sent events. It ends when the client cancels it or stalls. */
export function createEventStream({ book, timers, after, accepts, onEnd }: EventStreamOptions): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let place = after;
  let hasNews = false;
  let isOver = false;
  let wake: (() => void) | null = null;
  let stall: Timer | null = null;
  const forget = book.onEvents(() => {
    hasNews = true;
    wake?.();
  });

  function end(): void {
    if (isOver) return;
    isOver = true;
    stall?.cancel();
    forget();
    wake?.();
    onEnd();
  }

  /** Resolves on news, at the stream's end, or after a silence that wants a sign of life. */
  async function pause(): Promise<void> {
    if (hasNews || isOver) return;
    let timer: Timer | null = null;
    await new Promise<void>((resolve) => {
      wake = resolve;
      timer = timers.after(KEEP_ALIVE_MS, resolve);
    });
    (timer as Timer | null)?.cancel();
    wake = null;
  }

  /** The next piece: events, or a comment after a silence. Null: the stream is over. */
  async function next(): Promise<string | null> {
    for (;;) {
      hasNews = false;
      const events = await book.readEvents(place, PAGE);
      if (isOver) return null;
      place = events.at(-1) ?? place;
      const wanted = events.filter((event) => accepts(event));
      if (wanted.length > 0) return wanted.map((event) => message(event)).join('');
      if (events.length > 0) continue;
      await pause();
      if (isOver) return null;
      if (!hasNews) return ': still here\n\n';
    }
  }

  /** From here on the client has to take what it was given. */
  function give(controller: ReadableStreamDefaultController<Uint8Array>, piece: string): void {
    controller.enqueue(encoder.encode(piece));
    stall = timers.after(STALL_MS, () => {
      end();
      controller.error(new Error('the client takes nothing'));
    });
  }

  return new ReadableStream<Uint8Array>({
    start(controller) {
      give(controller, `retry: ${RETRY_MS}\n: events after ${after.index}.${after.ordinal}\n\n`);
    },
    async pull(controller) {
      stall?.cancel();
      try {
        const piece = await next();
        if (piece === null) return;
        give(controller, piece);
      } catch (error) {
        end();
        throw error;
      }
    },
    cancel: end,
  });
}

function message(event: CellEvent): string {
  const view = eventView(event);
  return `id: ${view.id}\nevent: ${view.kind}\ndata: ${JSON.stringify(view)}\n\n`;
}
