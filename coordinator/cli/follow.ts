/**
 * How are events followed for as long as somebody watches? Server-sent events, taken up again where they were lost.
 *
 * Format: WHATWG HTML, "Server-sent events", as far as the coordinator uses it.
 */
import * as v from 'valibot';
import { eventView } from '../../shared/wire/rest.ts';
import type { EventView } from '../../shared/wire/rest.ts';
import { openStream } from './client.ts';
import type { Endpoint } from './client.ts';
import { CliFailure } from './failure.ts';

const COME_BACK_MS = 1_000;
/** Longest message, characters. */
const MESSAGE_CHARS_MAX = 1024 * 1024;

/** What to follow. */
export interface Following {
  readonly after: string | null;
  readonly subject: string | undefined;
  onEvent(event: EventView): void;
  /** The connection was lost; it is taken up again. */
  onLost(reason: string): void;
}

/** Follows until the process ends. Throws CliFailure when the first connection fails, or a later one is refused. */
export async function followEvents(endpoint: Endpoint, following: Following): Promise<never> {
  let place = following.after;
  let isFirst = true;
  for (;;) {
    try {
      const body = await openStream(endpoint, {
        path: '/events/stream', query: { after: isFirst ? (place ?? undefined) : undefined, subject: following.subject },
        headers: isFirst || place === null ? {} : { 'last-event-id': place },
      });
      isFirst = false;
      await readMessages(body, (event) => {
        place = event.id;
        following.onEvent(event);
      });
      following.onLost('the coordinator ended the stream');
    } catch (error) {
      const isLost = !(error instanceof CliFailure) || error.code === 'Unreachable' || error.code === 'TooManyRequests';
      if (isFirst || !isLost) throw error;
      following.onLost(error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error));
    }
    await new Promise((resolve) => setTimeout(resolve, COME_BACK_MS));
  }
}

/** Reads messages until the body ends. Throws what the connection throws. */
export async function readMessages(body: AsyncIterable<Uint8Array>, onEvent: (event: EventView) => void): Promise<void> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > MESSAGE_CHARS_MAX) throw new Error('a message is too long');
    const messages = text.split('\n\n');
    text = messages.pop() ?? '';
    for (const message of messages) {
      const data = message.split('\n').filter((line) => line.startsWith('data: ')).map((line) => line.slice('data: '.length)).join('\n');
      if (data !== '') onEvent(v.parse(eventView, JSON.parse(data)));
    }
  }
}
