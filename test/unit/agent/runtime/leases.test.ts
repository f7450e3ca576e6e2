import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { KeeperLink } from '../../../../agent/runtime/leases.ts';
import { parseBootId } from '../../../../shared/ids.ts';
import type { ReplicatedLog } from '../../../../shared/ledger/replicated-log.ts';
import { TIMING_PROFILES } from '../../../../shared/model/timing.ts';
import { aCell } from '../../../support/records.ts';
import { VirtualWorld } from '../../../support/virtual-world.ts';

const bootId = parseBootId('aaaaaaaa-0000-4000-8000-000000000001');
const { renewIntervalMs, petWindowMs } = TIMING_PROFILES.standard;

/** A link whose keeper says what a test says, at the link's own time. */
async function linked(): Promise<{ readonly link: KeeperLink; readonly world: VirtualWorld; readonly hear: (word: { readonly sentAtMs: number | null; readonly armed?: boolean; readonly profile?: 'fast' | 'standard' }) => void }> {
  const world = new VirtualWorld(1);
  let heard: (value: unknown) => void = () => undefined;
  const log = { state: () => aCell({}), status: () => ({ voters: [] }), subscribe: () => () => undefined, onStatus: () => () => undefined } as unknown as ReplicatedLog;
  const link = new KeeperLink({
    world, log, bootId, leaseKeysWith: () => null,
    connect: () => Promise.resolve({ send: () => true, onMessage: (handler: (value: unknown) => void) => void (heard = handler), onClose: () => undefined, close: () => undefined }),
  });
  await world.advance(1);
  return {
    link, world,
    hear: ({ sentAtMs, armed = true, profile = 'standard' }) => heard({ kind: 'lease', bootId, armed, validUntilMs: sentAtMs === null ? null : sentAtMs + petWindowMs, leader: null, refusal: null, profile }),
  };
}

const renewals = suite('renewals in a row');

renewals('are counted as they are confirmed, and no word is counted twice', async () => {
  const { link, hear } = await linked();
  for (let count = 1; count <= 12; count += 1) {
    hear({ sentAtMs: 1_000 + count * renewIntervalMs });
    hear({ sentAtMs: 1_000 + count * renewIntervalMs });
    assert.is(link.renewalsInRow(), count);
  }
});

renewals('begin anew after one that was missed, and stand a late one', async () => {
  const { link, hear } = await linked();
  hear({ sentAtMs: 1_000 });
  hear({ sentAtMs: 1_000 + 2 * renewIntervalMs - 1 });
  assert.is(link.renewalsInRow(), 2);
  hear({ sentAtMs: 1_000 + 4 * renewIntervalMs - 1 });
  assert.is(link.renewalsInRow(), 1);
});

renewals('begin anew when the watchdog was not armed, without a lease, and by another profile', async () => {
  for (const word of [{ sentAtMs: 1_500, armed: false }, { sentAtMs: null }] as const) {
    const { link, hear } = await linked();
    hear({ sentAtMs: 1_000 });
    hear(word);
    assert.is(link.renewalsInRow(), 0);
    hear({ sentAtMs: 2_000 });
    assert.is(link.renewalsInRow(), 1);
  }
  const { link, hear } = await linked();
  hear({ sentAtMs: 1_000 });
  hear({ sentAtMs: 1_250, profile: 'fast' });
  assert.is(link.renewalsInRow(), 1);
});

renewals('count for nothing once the lease has lapsed', async () => {
  const { link, world, hear } = await linked();
  hear({ sentAtMs: world.clock.nowMs() });
  assert.is(link.renewalsInRow(), 1);
  await world.advance(petWindowMs + 1);
  assert.is(link.renewalsInRow(), 0);
});

renewals.run();
