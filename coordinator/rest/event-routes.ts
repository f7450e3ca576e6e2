/**
 * What happened? Events by page, and as a stream that goes on.
 */
import * as v from 'valibot';
import type { CellEvent } from '../../shared/model/event.ts';
import type { Placed } from '../../shared/store/projection-store.ts';
import { eventsAnswer } from '../../shared/wire/rest.ts';
import type { EventsAnswer } from '../../shared/wire/rest.ts';
import { invalidRequest, tooBusy } from './errors.ts';
import { createEventStream } from './event-stream.ts';
import { eventView, parsePlace } from './event-view.ts';
import { sees } from './instance-routes.ts';
import type { RestPorts } from './ports.ts';
import { defineRoute } from './route.ts';
import type { Caller, Route } from './route.ts';

const LIMIT_MAX = 1000;
const LIMIT_DEFAULT = 100;
/** Events that are read at once while looking for those of a subject. */
const PAGE = 1000;
/** Streams that are open at once. */
export const STREAMS_MAX = 64;

const place = v.pipe(v.string(), v.regex(/^\d{1,15}(\.\d{1,6})?$/, 'not an event id such as 12.0'));
const subject = v.pipe(v.string(), v.regex(/^[a-z][a-z0-9.-]{0,60}$/, 'not the id of a node, instance or volume'));
const query = v.strictObject({
  after: v.exactOptional(place),
  limit: v.exactOptional(v.pipe(v.string(), v.regex(/^\d{1,4}$/, `not a number from 1 to ${LIMIT_MAX}`))),
  subject: v.exactOptional(subject),
});
const streamQuery = v.strictObject({ after: v.exactOptional(place), subject: v.exactOptional(subject) });

/** The routes of one app, which count its open streams. */
export function eventRoutes(): readonly Route[] {
  let open = 0;
  return [
    defineRoute({
      method: 'GET', path: '/events', operation: 'listEvents', tag: 'events', access: 'user',
      summary: 'Events in order: the newest, or those after a place. Users see what concerns their instances.',
      query, answer: eventsAnswer,
      handle: async ({ ports, query: { after, limit, subject: about }, caller }): Promise<EventsAnswer> => {
        const most = limit === undefined ? LIMIT_DEFAULT : Number(limit);
        if (most < 1 || most > LIMIT_MAX) throw invalidRequest(`limit: not a number from 1 to ${LIMIT_MAX}`);
        const accepts = acceptor(ports, caller, about);
        // Whoever has just changed something through us reads its event.
        await ports.cell.fresh();
        await ports.events.settled();
        const events = after === undefined ? await newest(ports, most, accepts) : await following(ports, parsePlace(after), most, accepts);
        const last = events.at(-1);
        return { events: events.map((event) => eventView(event)), next: last === undefined ? (after ?? null) : eventView(last).id };
      },
    }),
    defineRoute({
      method: 'GET', path: '/events/stream', operation: 'streamEvents', tag: 'events', access: 'user',
      summary: 'Server-sent events from now on, or from after a place; the header Last-Event-ID resumes. Each message: id, event (its kind), data (JSON).',
      query: streamQuery, media: 'text/event-stream',
      handle: async ({ ports, query: { after, subject: about }, headers, caller }) => {
        if (open >= STREAMS_MAX) throw tooBusy(`${STREAMS_MAX} event streams are open`);
        const from = await startOf(ports, headers.get('last-event-id') ?? after ?? null);
        open += 1;
        const stream = createEventStream({
          book: ports.events, timers: ports.timers, after: from, accepts: acceptor(ports, caller, about),
          onEnd: () => {
            open -= 1;
          },
        });
        return new Response(stream, { headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' } });
      },
    }),
  ];
}

/** Where a stream begins: after the given place, else after the newest event. */
async function startOf(ports: RestPorts, given: string | null): Promise<Placed> {
  if (given === null) return (await ports.events.latestEvents(1))[0] ?? { index: 0, ordinal: 0 };
  if (!v.is(place, given)) throw invalidRequest('Last-Event-ID: not an event id such as 12.0');
  return parsePlace(given);
}

function acceptor(ports: RestPorts, caller: Caller | null, about: string | undefined): (event: CellEvent) => boolean {
  return (event) => {
    if (about !== undefined && !event.subjects.includes(about)) return false;
    if (caller?.isOperator === true) return true;
    const { instances } = ports.cell.state();
    return event.subjects.some((id) => {
      const instance = instances.get(id as never);
      return instance !== undefined && sees(caller, instance);
    });
  };
}

async function newest(ports: RestPorts, most: number, accepts: (event: CellEvent) => boolean): Promise<readonly CellEvent[]> {
  const few = (await ports.events.latestEvents(most)).filter((event) => accepts(event));
  if (few.length === most) return few;
  // Something was left out: look through all that is kept.
  return (await ports.events.latestEvents(Number.MAX_SAFE_INTEGER)).filter((event) => accepts(event)).slice(-most);
}

async function following(ports: RestPorts, after: Placed, most: number, accepts: (event: CellEvent) => boolean): Promise<readonly CellEvent[]> {
  const found: CellEvent[] = [];
  let from = after;
  for (;;) {
    const page = await ports.events.readEvents(from, PAGE);
    found.push(...page.filter((event) => accepts(event)));
    const last = page.at(-1);
    if (found.length >= most || last === undefined || page.length < PAGE) return found.slice(0, most);
    from = last;
  }
}
