/** Does an event stream stay alive, keep pace with its client, and end when nobody takes it? */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { EventBook } from '../../../../coordinator/projection.ts';
import { createEventStream, KEEP_ALIVE_MS } from '../../../../coordinator/rest/event-stream.ts';
import type { CellEvent } from '../../../../shared/model/event.ts';
import { VirtualWorld } from '../../../support/virtual-world.ts';

const event = (index: number): CellEvent => ({ index, ordinal: 0, at: '2026-11-22T12:00:00.000Z', kind: 'nodeReady', subjects: ['node-1'], message: `event ${index}`, level: 'info' });

/** A book of as many events as a test says, which counts what is read of it. */
class Book implements EventBook {
  size: number;
  reads = 0;
  failure: Error | null = null;
  listeners = new Set<() => void>();

  constructor(size: number) {
    this.size = size;
  }

  readEvents(after: { readonly index: number } | null, limit: number): Promise<readonly CellEvent[]> {
    this.reads += 1;
    if (this.failure !== null) return Promise.reject(this.failure);
    const from = (after?.index ?? 0) + 1;
    return Promise.resolve(Array.from({ length: Math.max(0, Math.min(limit, this.size - from + 1)) }, (_, at) => event(from + at)));
  }

  latestEvents(): Promise<readonly CellEvent[]> {
    return Promise.resolve([]);
  }

  settled(): Promise<void> {
    return Promise.resolve();
  }

  onEvents(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  add(): void {
    this.size += 1;
    for (const listener of this.listeners) listener();
  }
}

function streamOf(book: Book, accepts: (each: CellEvent) => boolean = () => true) {
  const world = new VirtualWorld(1);
  const ended = { count: 0 };
  const stream = createEventStream({ book, timers: world.timers, after: { index: 0, ordinal: 0 }, accepts, onEnd: () => void (ended.count += 1) });
  const reader = stream.getReader();
  const read = async (): Promise<string> => {
    let text: string | null = null;
    void reader.read().then(({ value }) => {
      text = new TextDecoder().decode(value);
    });
    await world.until('a piece comes', () => text !== null, 60_000);
    return text ?? '';
  };
  return { world, reader, read, ended };
}

const stream = suite('event stream');

stream('begins by saying when to come back, and from where it tells', async () => {
  const { read } = streamOf(new Book(0));
  assert.is(await read(), 'retry: 1000\n: events after 0.0\n\n');
});

stream('says that it lives when there is no news', async () => {
  const { world, read } = streamOf(new Book(0));
  await read();
  const startedAtMs = world.clock.nowMs();
  assert.is(await read(), ': still here\n\n');
  const tookMs = world.clock.nowMs() - startedAtMs;
  assert.ok(Math.abs(tookMs - KEEP_ALIVE_MS) < 50, `${tookMs} ms`);
});

stream('tells news at once', async () => {
  const book = new Book(0);
  const { world, read } = streamOf(book);
  await read();
  world.timers.after(100, () => book.add());
  assert.match(await read(), /^id: 1\.0\nevent: nodeReady\ndata: \{.*\}\n\n$/);
  assert.ok(world.clock.nowMs() < 200);
});

stream('reads no further than its client takes', async () => {
  const book = new Book(100_000);
  const { world, read } = streamOf(book);
  await read();
  await world.advance(1_000);
  assert.ok(book.reads <= 2, `${book.reads} reads`);
});

stream('passes over what its client may not or will not hear, however much that is', async () => {
  const { read } = streamOf(new Book(5_000), (each) => each.index === 4_999);
  await read();
  assert.match(await read(), /^id: 4999\.0\n/);
});

stream('lets go of a client that takes nothing, and frees its place once', async () => {
  const book = new Book(10);
  const { world, reader, ended } = streamOf(book);
  await world.advance(59_000);
  assert.is(ended.count, 0);
  await world.advance(2_000);
  assert.is(ended.count, 1);
  assert.is(book.listeners.size, 0);
  await reader.cancel().catch(() => undefined);
  assert.is(ended.count, 1);
});

stream('ends with its client', async () => {
  const book = new Book(0);
  const { reader, read, ended } = streamOf(book);
  await read();
  await reader.cancel();
  assert.is(ended.count, 1);
  assert.is(book.listeners.size, 0);
});

stream('ends when the book cannot be read', async () => {
  const book = new Book(0);
  book.failure = new Error('disk');
  const { world, read, ended } = streamOf(book);
  await read();
  await world.advance(1);
  assert.is(ended.count, 1);
});

stream.run();
