/**
 * What may be wrong with a node's clock, watchdog and programs? Knobs of a virtual cell, by node.
 */
import { unreachable } from '../../shared/errors.ts';
import type { Clock, RunResult } from '../../shared/world.ts';
import { isoTime } from './virtual-world.ts';
import type { VirtualWorld } from './virtual-world.ts';

/**
 * What happens to a program that is started: `hang`, it does nothing and never ends; `fail`, it does nothing and says so; `failAfter`, it does its work and says that it
 * failed; `lie`, it does nothing and says that it did.
 */
export type ProgramFault = 'hang' | 'fail' | 'failAfter' | 'lie';

/** A machine's clock: it may be off by any amount, and run at a rate of its own. */
export class NodeClock implements Clock {
  readonly #world: VirtualWorld;
  #rate = 1;
  #fromMs = 0;
  #atMs = 0;
  #wallOffsetMs = 0;

  constructor(world: VirtualWorld) {
    this.#world = world;
  }

  get rate(): number {
    return this.#rate;
  }

  /** Milliseconds of this clock for one of true time, from now on. Timers that run already keep their moment. */
  setRate(rate: number): void {
    const nowMs = this.nowMs();
    this.#fromMs = this.#world.clock.nowMs();
    this.#atMs = nowMs;
    this.#rate = rate;
  }

  /** Only while the node is off: a boot's clock never jumps. */
  jump(byMs: number): void {
    this.#atMs += byMs;
  }

  /** Steps the wall clock, and nothing else. */
  stepWall(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }

  nowMs(): number {
    return this.#atMs + (this.#world.clock.nowMs() - this.#fromMs) * this.#rate;
  }

  wallMs(): number {
    return this.#world.wallMs() + this.#wallOffsetMs;
  }

  wallTime(): string {
    return isoTime(this.wallMs());
  }
}

/** One node's faults. */
export class NodeFaults {
  readonly clock: NodeClock;
  /** How late the watchdog bites, ms: its resolution and latency (SAFETY.md 4.1, w_r). */
  watchdogLatencyMs = 0;
  /** False: it is armed and petted, and never bites. */
  doesWatchdogBite = true;
  /** Decides about each program that is started; null: all run. */
  programFault: ((argv: readonly string[]) => ProgramFault | null) | null = null;
  /** Told each program that is started, before it runs. */
  onProgram: ((argv: readonly string[]) => void) | null = null;
  /** True: the next helper programs that DRBD's kernel starts are killed. */
  areHelpersKilled = false;

  constructor(world: VirtualWorld) {
    this.clock = new NodeClock(world);
  }

  /** Runs a program as these faults have it. */
  async run(argv: readonly string[], run: () => Promise<RunResult>): Promise<RunResult> {
    this.onProgram?.(argv);
    const fault = this.programFault?.(argv) ?? null;
    switch (fault) {
      case null: return await run();
      case 'hang': return await new Promise<never>(() => undefined);
      case 'fail': return { exitCode: 1, stdout: '', stderr: 'error: it failed\n' };
      case 'lie': return { exitCode: 0, stdout: '', stderr: '' };
      case 'failAfter': return { ...(await run()), exitCode: 1, stderr: 'error: it failed in the end\n' };
      default: return unreachable(fault);
    }
  }
}
