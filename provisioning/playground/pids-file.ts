/**
 * Which process is which? DIR/run/pids.json, for people and tests that kill one: `{"playground": 1, "node-1.agent": 2, ...}`.
 */
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Replaced whole at every change; readers never see half of it. Failures are silent: the fleet does not need it. */
export class PidsFile {
  readonly #path: string;
  readonly #pids = new Map<string, number>([['playground', process.pid]]);

  constructor(path: string) {
    this.#path = path;
  }

  /** `pid` null: it runs no more. */
  set(name: string, pid: number | null): void {
    if (pid === null) this.#pids.delete(name);
    else this.#pids.set(name, pid);
    try {
      mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
      writeFileSync(`${this.#path}.new`, `${JSON.stringify(Object.fromEntries(this.#pids), null, 2)}\n`, { mode: 0o600 });
      renameSync(`${this.#path}.new`, this.#path);
    } catch {
      // See above.
    }
  }

  remove(): void {
    rmSync(this.#path, { force: true });
  }
}
