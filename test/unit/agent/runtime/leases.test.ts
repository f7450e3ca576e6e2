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

/** A link whose connections a test opens, breaks and reads. */
class Line {
  readonly world = new VirtualWorld(1);
  readonly sent: unknown[] = [];
  readonly link: KeeperLink;
  accepts = true;
  #heard: (value: unknown) => void = () => undefined;
  #closed: (reason: string) => void = () => undefined;

  constructor() {
    const log = { state: () => aCell({}), status: () => ({ voters: [] }), subscribe: () => () => undefined, onStatus: () => () => undefined } as unknown as ReplicatedLog;
    this.link = new KeeperLink({
      world: this.world, log, bootId, leaseKeysWith: () => null,
      connect: () => (this.accepts ? Promise.resolve({
        send: (value: unknown) => this.sent.push(value) > 0,
        onMessage: (handler: (value: unknown) => void) => void (this.#heard = handler),
        onClose: (handler: (reason: string) => void) => void (this.#closed = handler),
        close: () => undefined,
      }) : Promise.reject(new Error('nobody listens'))),
    });
  }

  break(): void {
    this.#closed('broken');
  }

  /** The keeper tells of a renewal that it sent `agoMs` ago and that was confirmed now. */
  renewed(agoMs = 0): void {
    this.#heard({ kind: 'lease', bootId, armed: true, validUntilMs: this.world.clock.nowMs() - agoMs + petWindowMs, leader: null, refusal: null, profile: 'standard' });
  }

  /** So many renewals, each sent and confirmed. */
  async renewals(count: number): Promise<void> {
    for (let at = 0; at < count; at += 1) {
      await this.world.advance(renewIntervalMs);
      this.renewed();
    }
  }

  disarms(): readonly unknown[] {
    return this.sent.filter((message) => (message as { readonly kind: string }).kind === 'disarm').map((message) => (message as { readonly allowed: boolean }).allowed);
  }
}

async function bindingLine(): Promise<Line> {
  const line = new Line();
  await line.world.advance(1);
  await line.renewals(3);
  assert.ok(line.link.isBinding());
  return line;
}

const binding = suite('a lease');

binding('binds after three renewals that were sent after the keeper was forbidden to disarm', async () => {
  const line = new Line();
  await line.world.advance(1);
  assert.equal(line.disarms(), [false], 'an agent before this one may have allowed it');
  line.renewed(100);
  await line.renewals(2);
  line.renewed(100);
  assert.not.ok(line.link.isBinding(), 'one was sent before, and one is told twice');
  await line.renewals(1);
  assert.ok(line.link.isBinding());
});

binding('does not bind while the keeper may disarm, however often it is renewed', async () => {
  const line = await bindingLine();
  line.link.allowDisarm(true);
  assert.not.ok(line.link.isBinding());
  await line.renewals(5);
  assert.not.ok(line.link.isBinding());
  line.link.allowDisarm(false);
  assert.equal(line.disarms(), [false, true, false]);
  line.renewed(1);
  await line.renewals(2);
  assert.not.ok(line.link.isBinding());
  await line.renewals(1);
  assert.ok(line.link.isBinding());
});

binding('stays binding when the line breaks, and is not made so by an order that nobody took', async () => {
  const line = await bindingLine();
  line.break();
  await line.world.advance(1_000);
  assert.ok(line.link.isBinding());
  assert.equal(line.disarms(), [false]);
  line.link.allowDisarm(true);
  line.accepts = false;
  line.break();
  line.link.allowDisarm(false);
  await line.renewals(5);
  assert.not.ok(line.link.isBinding());
  line.accepts = true;
  await line.world.advance(1_000);
  assert.equal(line.disarms(), [false, true, false]);
  await line.renewals(3);
  assert.ok(line.link.isBinding());
});

binding.run();
