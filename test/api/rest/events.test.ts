/** Are events told in order, by page and as a stream that can be taken up again? */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readMessages } from '../../../coordinator/cli/follow.ts';
import { STREAMS_MAX } from '../../../coordinator/rest/event-routes.ts';
import { eventsAnswer } from '../../../shared/wire/rest.ts';
import type { EventView } from '../../../shared/wire/rest.ts';
import { eventually } from '../../support/real-world.ts';
import { fence, launch, run } from './stories.ts';
import { assertForm, call, NODE_3, request, restBench, USER } from './support.ts';
import type { RestBench } from './support.ts';

const events = suite('events');

const ids = (body: { events: EventView[] }): string[] => body.events.map((event) => event.id);

events('are the newest ones unless a place is given', async () => {
  const on = restBench();
  launch(on.cell, 1);
  const all = await call(on, 'GET', '/events');
  assertForm(eventsAnswer, all.body);
  assert.ok(ids(all.body).length > 10);
  const { body } = await call(on, 'GET', '/events', { query: { limit: '2' } });
  assert.equal(ids(body), ids(all.body).slice(-2));
  assert.is(body.next, ids(all.body).at(-1));
});

events('come page by page, none twice and none left out', async () => {
  const on = restBench();
  launch(on.cell, 1);
  fence(on.cell);
  const all = ids((await call(on, 'GET', '/events', { query: { limit: '1000' } })).body);
  const paged: string[] = [];
  let after = '0';
  for (;;) {
    const { body } = await call(on, 'GET', '/events', { query: { after, limit: '3' } });
    if (body.events.length === 0) {
      assert.is(body.next, after);
      break;
    }
    paged.push(...ids(body));
    after = body.next;
  }
  assert.equal(paged, all);
});

events('can be asked for by subject', async () => {
  const on = restBench();
  const id = launch(on.cell, 1);
  launch(on.cell, 2);
  const { body } = await call(on, 'GET', '/events', { query: { subject: id } });
  assert.ok(body.events.length > 0);
  assert.ok(body.events.every((event: EventView) => event.subjects.includes(id)));
  const few = await call(on, 'GET', '/events', { query: { subject: id, limit: '1' } });
  assert.is(few.body.events.length, 1);
});

events('that concern others are not told to a user', async () => {
  const on = restBench();
  launch(on.cell, 1, 'alice');
  const own = launch(on.cell, 2, 'bob');
  const { body } = await call(on, 'GET', '/events', { as: USER });
  assert.ok(body.events.length > 0);
  assert.ok(body.events.every((event: EventView) => event.subjects.includes(own)));
});

events('are not given for a place, number or subject that is none', async () => {
  const on = restBench();
  const wrong: readonly Record<string, string>[] = [{ after: 'x' }, { after: '1.2.3' }, { after: '-1' }, { limit: '0' }, { limit: '1001' }, { limit: 'all' }, { subject: '<b>' }, { colour: 'red' }];
  for (const query of wrong) {
    const { status, body } = await call(on, 'GET', '/events', { query });
    assert.is(status, 400, JSON.stringify(query));
    assert.is(body.error.code, 'InvalidRequest');
  }
});

const stream = suite('event stream');

/** Reads a stream until it is told to stop. */
async function follow(on: RestBench, options: { readonly headers?: Record<string, string>; readonly query?: Record<string, string>; readonly as?: typeof USER } = {}) {
  const response = await request(on, 'GET', '/events/stream', options);
  assert.is(response.status, 200);
  assert.is(response.headers.get('content-type'), 'text/event-stream');
  const heard: EventView[] = [];
  const source = (response.body ?? new ReadableStream<Uint8Array>()).getReader();
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const { done, value } = await source.read();
      if (done) return;
      yield value;
    }
  }
  const reading = readMessages(chunks(), (event) => void heard.push(event));
  return { heard, stop: async () => {
    await source.cancel();
    await reading;
  } };
}

stream('tells what happens from now on, at once and in order', async () => {
  const on = restBench();
  launch(on.cell, 1);
  const before = on.cell.told?.length ?? 0;
  const { heard, stop } = await follow(on);
  launch(on.cell, 2);
  fence(on.cell);
  const expected = (on.cell.told ?? []).slice(before).map((event) => `${event.index}.${event.ordinal}`);
  await eventually('all events', () => heard.length >= expected.length);
  assert.equal(heard.map((event) => event.id), expected);
  await stop();
});

stream('is taken up again after the event that was seen last', async () => {
  const on = restBench();
  launch(on.cell, 1);
  const told = (on.cell.told ?? []).map((event) => `${event.index}.${event.ordinal}`);
  const seen = told.at(-4) ?? '';
  const { heard, stop } = await follow(on, { headers: { 'last-event-id': seen }, query: { after: '0' } });
  await eventually('the missed events', () => heard.length >= 3);
  assert.equal(heard.map((event) => event.id), told.slice(-3));
  run(on.cell, { kind: 'cordonNode', node: NODE_3, cordoned: true });
  await eventually('the next one', () => heard.some((event) => event.kind === 'nodeCordoned'));
  await stop();
});

stream('begins after the given place', async () => {
  const on = restBench();
  const { heard, stop } = await follow(on, { query: { after: '0' } });
  await eventually('all of them', () => heard.length === on.cell.told?.length);
  await stop();
});

stream('keeps what concerns others from a user', async () => {
  const on = restBench();
  const { heard, stop } = await follow(on, { as: USER });
  launch(on.cell, 1, 'alice');
  const own = launch(on.cell, 2, 'bob');
  await eventually('the own ones', () => heard.some((event) => event.kind === 'instanceStarted'));
  assert.ok(heard.every((event) => event.subjects.includes(own)));
  await stop();
});

stream('is refused when there are too many, and again possible when one has ended', async () => {
  const on = restBench();
  const open = await Promise.all(Array.from({ length: STREAMS_MAX }, async () => await follow(on)));
  const refused = await call(on, 'GET', '/events/stream');
  assert.is(refused.status, 503);
  assert.is(refused.body.error.retryable, true);
  await open[0]?.stop();
  const again = await follow(on);
  await Promise.all([...open.slice(1), again].map(async (each) => await each.stop()));
  assert.is(on.cell.listeners?.size, 0);
});

stream('is refused for a place that is none', async () => {
  const { status } = await call(restBench(), 'GET', '/events/stream', { headers: { 'last-event-id': 'then' } });
  assert.is(status, 400);
});

events.run();
stream.run();
