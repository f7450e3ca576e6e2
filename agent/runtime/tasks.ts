/**
 * Who works on what? One task per object at a time: a change while it works makes it look again, a failure makes it wait.
 */
import { describeError } from '../../shared/errors.ts';
import type { Timer, World } from '../../shared/world.ts';

/** `again`: look at once; `later`: when something changes; a number: after so many ms unless something changes before. */
export type Verdict = 'again' | 'later' | number;

const BACKOFF_FIRST_MS = 250;
const BACKOFF_MAX_MS = 10_000;
/** Looks in a row without a pause: more is a decision that goes in circles. */
const LOOKS_MAX = 60;

interface Task {
  isRunning: boolean;
  isDirty: boolean;
  failures: number;
  timer: Timer | null;
}

/** Runs `work(key)` for every key that was touched. */
export class Tasks<Key extends string> {
  readonly #world: World;
  readonly #name: string;
  readonly #work: (key: Key) => Promise<Verdict>;
  readonly #tasks = new Map<Key, Task>();
  #isStopped = false;

  constructor(world: World, name: string, work: (key: Key) => Promise<Verdict>) {
    this.#world = world;
    this.#name = name;
    this.#work = work;
  }

  /** Something about this object changed. */
  touch(key: Key): void {
    if (this.#isStopped) return;
    const task = this.#tasks.get(key) ?? { isRunning: false, isDirty: false, failures: 0, timer: null };
    this.#tasks.set(key, task);
    task.isDirty = true;
    if (task.isRunning || (task.failures > 0 && task.timer !== null)) return;
    task.timer?.cancel();
    task.timer = null;
    task.isRunning = true;
    // Failures are caught inside and answered by a later look.
    void this.#run(key, task);
  }

  stop(): void {
    this.#isStopped = true;
    for (const task of this.#tasks.values()) task.timer?.cancel();
    this.#tasks.clear();
  }

  async #run(key: Key, task: Task): Promise<void> {
    let pauseMs: number | null = null;
    try {
      for (let looks = 0; task.isDirty && !this.#isStopped; looks += 1) {
        if (looks >= LOOKS_MAX) {
          pauseMs = BACKOFF_MAX_MS;
          this.#world.log.write({ event: 'taskInCircles', task: this.#name, key });
          break;
        }
        task.isDirty = false;
        const verdict = await this.#work(key);
        if (verdict === 'again') task.isDirty = true;
        pauseMs = typeof verdict === 'number' ? verdict : null;
      }
      task.failures = 0;
    } catch (error) {
      task.failures += 1;
      pauseMs = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** (task.failures - 1));
      this.#world.log.write({ event: 'taskFailed', task: this.#name, key, failures: task.failures, error: describeError(error) });
    }
    task.isRunning = false;
    this.#rest(key, task, pauseMs);
  }

  #rest(key: Key, task: Task, pauseMs: number | null): void {
    if (this.#isStopped) return;
    if (pauseMs !== null) {
      task.timer = this.#world.timers.after(pauseMs, () => {
        task.timer = null;
        this.touch(key);
      });
    } else if (task.isDirty) {
      this.touch(key);
    } else {
      this.#tasks.delete(key);
    }
  }
}
