/**
 * How is an event shown and named? `INDEX.ORDINAL` is its place in the ledger.
 */
import type { CellEvent } from '../../shared/model/event.ts';
import type { Placed } from '../../shared/store/projection-store.ts';
import type { EventView } from '../../shared/wire/rest.ts';

export function eventView(event: CellEvent): EventView {
  return { id: `${event.index}.${event.ordinal}`, ...event, subjects: [...event.subjects] };
}

/** Ordinals have six digits in the store's keys: after a bare index come the events of the next one. */
const ORDINAL_LAST = 999_999;

/** `12.3`, or `12`: after all events of entry 12; `0` is before the first one. */
export function parsePlace(text: string): Placed {
  const [index = '0', ordinal] = text.split('.');
  return { index: Number(index), ordinal: ordinal === undefined ? ORDINAL_LAST : Number(ordinal) };
}
