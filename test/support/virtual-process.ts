/**
 * What does one process of a virtual cell live in? A world that dies with it, and a machine that it asks.
 *
 * Timers of a killed process never fire, its programs never answer, its files are no longer written by it.
 */
import type { Chance, Files, LogFact, Stream, Timer, World } from '../../shared/world.ts';
import type { EventLoops } from './event-loops.ts';
import type { NodeClock } from './node-faults.ts';
import type { VirtualWorld } from './virtual-world.ts';

/** One process's world: dead once its process was killed. */
export class ProcessWorld implements World {
  isDead = false;
  /** Programs that print for it as long as it lives. */
  readonly streams = new Set<Stream>();
  readonly #world: VirtualWorld;
  readonly #who: string;
  readonly #loops: EventLoops;
  readonly clock: NodeClock;

  constructor(world: VirtualWorld, who: string, loops: EventLoops, clock: NodeClock) {
    this.#world = world;
    this.#who = who;
    this.#loops = loops;
    this.clock = clock;
    loops.forget(who);
  }

  get chance(): Chance {
    return this.#world.chance;
  }

  readonly timers = {
    after: (delayMs: number, run: () => void): Timer => {
      // A timer that is due but waits for its turn can still be cancelled.
      let isCancelled = false;
      const timer = this.#world.timers.after(delayMs / this.clock.rate, () => {
        if (this.isDead) return;
        this.#loops.take(this.#who, 'timer', () => {
          if (!this.isDead && !isCancelled) run();
        });
      });
      return {
        cancel: () => {
          isCancelled = true;
          timer.cancel();
        },
      };
    },
  };

  readonly log = {
    write: (fact: LogFact): void => {
      if (!this.isDead) this.#world.log.write({ ...fact, who: this.#who, atMs: this.#world.clock.nowMs() });
    },
  };

  /** For what a process asks of the machine: once it is dead it asks nothing more, and never hears of what it asked. */
  async ask<Value>(work: () => Promise<Value>): Promise<Value> {
    return this.isDead ? await new Promise<never>(() => undefined) : await this.alive(work());
  }

  /** A promise that a dead process never hears of. */
  alive<Value>(promise: Promise<Value>): Promise<Value> {
    return new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        if (!this.isDead) this.#loops.whenFree(this.#who, () => {
          if (!this.isDead) act();
        });
      };
      promise.then((value) => settle(() => resolve(value)), (error: unknown) => settle(() => reject(error instanceof Error ? error : new Error(String(error)))));
    });
  }
}

/** Files in memory, at the paths that a node knows them by. */
export function memoryFiles(files: Map<string, string>, process: ProcessWorld): Files {
  const absolute = (path: string): string => `/node/${path}`;
  return {
    read: (path) => process.ask(() => Promise.resolve(files.get(absolute(path)) ?? null)),
    writeDurably: (path, text) => process.ask(() => Promise.resolve(void files.set(absolute(path), text))),
    remove: (path) => process.ask(() => Promise.resolve(void files.delete(absolute(path)))),
    list: (path) => process.ask(() => Promise.resolve([...files.keys()].filter((name) => name.startsWith(`${absolute(path)}/`)).map((name) => name.slice(absolute(path).length + 1)))),
    absolute,
  };
}

/** Which generation of each target was seen, in memory. */
export function memoryGenerations(generations: Map<string, number>, process: ProcessWorld): { seen(target: string): number; raise(target: string, generation: number): Promise<void> } {
  return {
    seen: (target) => generations.get(target) ?? 0,
    raise: (target, generation) => process.ask(() => Promise.resolve(void generations.set(target, Math.max(generation, generations.get(target) ?? 0)))),
  };
}
