/**
 * What happened while this coordinator was not there? The members of the ledger remember the latest events; one of them is asked.
 */
import * as v from 'valibot';
import { ClusterError } from '../shared/errors.ts';
import type { MemberId } from '../shared/ids.ts';
import type { CellEvent } from '../shared/model/event.ts';
import type { Placed } from '../shared/store/projection-store.ts';
import type { Mesh } from '../shared/wire/mesh.ts';
import type { World } from '../shared/world.ts';

const ANSWER_MS = 2_000;
const RETRY_MS = 250;
/** Live events wait meanwhile: after so many tries they go first, and what was missed stays missed. */
const TRIES = 8;
/** More answers than a member remembers events for. */
const PAGES_MAX = 16;

const text = v.pipe(v.string(), v.maxLength(1000));
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const answer = v.object({
  events: v.array(v.object({ index: count, ordinal: count, at: text, kind: text, subjects: v.array(text), message: text, level: v.picklist(['info', 'warning', 'alarm']) })),
});

/** What recalling needs. */
export interface RecallOptions {
  readonly world: World;
  readonly mesh: Mesh;
  /** Who leads, as far as it is known. */
  readonly leader: () => MemberId | null;
  /** Who else may remember. */
  readonly nodes: () => readonly MemberId[];
}

/** Asks the leader, or any node while none is known. Rejects with the last failure (ClusterError). */
export function createRecall({ world, mesh, leader, nodes }: RecallOptions): (after: Placed) => Promise<readonly CellEvent[]> {
  async function ask(after: Placed): Promise<readonly CellEvent[]> {
    const leading = leader();
    const member = leading !== null && leading !== mesh.self ? leading : nodes().find((each) => mesh.isConnected(each));
    if (member === undefined) throw new ClusterError('NoLeader', 'nobody is known who remembers', { retryable: true });
    const body = { index: after.index, ordinal: after.ordinal };
    return v.parse(answer, await mesh.request(member, 'ledger.events', body, { timeoutMs: ANSWER_MS })).events;
  }

  async function askUntilAnswered(after: Placed): Promise<readonly CellEvent[]> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await ask(after);
      } catch (error) {
        if (attempt === TRIES) throw error;
        await new Promise<void>((resolve) => void world.timers.after(RETRY_MS, resolve));
      }
    }
  }

  return async (after) => {
    const events: CellEvent[] = [];
    for (let page = 0; page < PAGES_MAX; page += 1) {
      const next = await askUntilAnswered(events.at(-1) ?? after);
      events.push(...next);
      if (next.length === 0) break;
    }
    return events;
  };
}
