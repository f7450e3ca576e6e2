import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Observed } from '../../../../agent/machines/observed.ts';
import { IdleWatch } from '../../../../agent/runtime/idle-watch.ts';
import { VirtualWorld } from '../../../support/virtual-world.ts';
import { actorOf, nodeIdOf, readyCell } from '../../shared/ledger/test-cell.ts';

const NOTHING: Observed = { replicas: new Map(), resources: new Map(), domains: new Map(), configs: new Map() };

class Bench {
  readonly world = new VirtualWorld(1);
  readonly cell = readyCell();
  readonly told: boolean[] = [];
  observed: Observed | null = NOTHING;
  readonly watch: IdleWatch;
  #listener: () => void = () => undefined;

  constructor() {
    this.watch = new IdleWatch({
      self: actorOf(1), world: this.world, observed: () => this.observed, allowDisarm: (allowed) => void this.told.push(allowed),
      log: { state: () => this.cell.state, subscribe: (listener) => {
        this.#listener = () => listener(null);
        return () => undefined;
      } },
    });
  }

  cordon(cordoned: boolean): void {
    this.cell.run({ kind: 'cordonNode', node: nodeIdOf(1), cordoned });
    this.#listener();
  }
}

const watch = suite('an idle watch');

watch('allows at a look, and withdraws with the very entry that ends it', async () => {
  const bench = new Bench();
  bench.watch.start();
  await bench.world.advance(20_000);
  assert.equal(bench.told, []);
  bench.cordon(true);
  assert.equal(bench.told, []);
  await bench.world.advance(5_000);
  assert.equal(bench.told, [true]);
  bench.cordon(false);
  assert.equal(bench.told, [true, false]);
  bench.watch.stop();
});

watch('does not trust what the programs showed before they fell silent', async () => {
  const bench = new Bench();
  bench.cordon(true);
  bench.observed = null;
  bench.watch.start();
  await bench.world.advance(20_000);
  assert.equal(bench.told, []);
  bench.observed = NOTHING;
  await bench.world.advance(5_000);
  bench.observed = { ...NOTHING, resources: new Map([['vol-1', { role: 'Primary' }]]) } as unknown as Observed;
  await bench.world.advance(5_000);
  assert.equal(bench.told, [true, false]);
  bench.watch.stop();
});

watch.run();
