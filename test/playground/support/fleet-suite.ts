/**
 * How do several tests share one fleet? It is started before them and stopped after them; a failure shows the ends of its logs.
 *
 * With `VES_TEST_LEDGER=etcd` in the environment the ledgers of these fleets are in an etcd, of which a member is killed as each test begins.
 */
import { suite } from 'uvu';
import { ETCD_MEMBERS, removeDirectory, startFleet } from './playground.ts';
import type { Fleet, FleetOptions } from './playground.ts';

/** Tests of one fleet, in order. */
export interface FleetSuite {
  test(name: string, body: (fleet: Fleet) => Promise<void>): void;
  /** Stops the fleet and starts it again in the same directory. Returns how the playground ended and the new fleet. */
  restart(options?: FleetOptions): Promise<{ readonly exitCode: number | null; readonly fleet: Fleet }>;
  run(): void;
}

export function fleetSuite(name: string, asked: FleetOptions): FleetSuite {
  const isMovedToEtcd = asked.ledger === undefined && process.env['VES_TEST_LEDGER'] === 'etcd';
  const options: FleetOptions = isMovedToEtcd ? { ...asked, ledger: 'etcd' } : asked;
  const tests = suite(name);
  let begun = 0;
  let fleet: Fleet | null = null;
  const running = (): Fleet => {
    if (fleet === null) throw new Error('the fleet did not start');
    return fleet;
  };
  tests.before(async () => {
    fleet = await startFleet(options);
  });
  tests.after(async () => {
    if (fleet === null) return;
    await fleet.stop();
    removeDirectory(fleet.directory);
  });
  return {
    test: (what, body) => tests(what, async () => {
      try {
        if (isMovedToEtcd) running().signal(ETCD_MEMBERS[begun % ETCD_MEMBERS.length] ?? '', 'SIGKILL');
        begun += 1;
        await body(running());
      } catch (error) {
        throw new Error(`${error instanceof Error ? error.message : String(error)}\n${running().tails()}`, { cause: error });
      }
    }),
    restart: async (change = {}) => {
      const exitCode = await running().stop();
      fleet = await startFleet({ ...change, directory: running().directory });
      return { exitCode, fleet };
    },
    run: () => tests.run(),
  };
}
