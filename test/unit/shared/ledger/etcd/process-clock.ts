/**
 * How does a process die in virtual time? Its timers never fire again, so nothing that it waited for ever reaches it.
 */
import type { Timer, World } from '../../../../../shared/world.ts';

/** A world whose timers stop with the process. */
export class ProcessClock implements World {
  isDead = false;
  readonly clock;
  readonly chance;
  readonly log;
  readonly timers;

  constructor(world: World) {
    this.clock = world.clock;
    this.chance = world.chance;
    this.log = { write: (fact: Parameters<World['log']['write']>[0]): void => {
      if (!this.isDead) world.log.write(fact);
    } };
    this.timers = {
      after: (delayMs: number, run: () => void): Timer => world.timers.after(delayMs, () => {
        if (!this.isDead) run();
      }),
    };
  }
}
