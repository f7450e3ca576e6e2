/**
 * Where does a process's output go? DIR/log/NAME.jsonl, a JSON line each, never more than twice LOG_BYTES_MAX.
 */
import { closeSync, mkdirSync, openSync, fstatSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Readable } from 'node:stream';

/** When a log is this long it becomes NAME.1.jsonl, in place of the one before. */
export const LOG_BYTES_MAX = 8 * 1024 * 1024;
/** Longer lines are cut. */
const LINE_CHARS_MAX = 64 * 1024;

/** A log that is rotated. Failures to write are silent: there is no other place to tell them, and the fleet goes on. */
export class RotatedLog {
  readonly path: string;
  readonly #bytesMax: number;
  #fd: number | null = null;
  #bytes = 0;

  constructor(path: string, bytesMax = LOG_BYTES_MAX) {
    this.path = path;
    this.#bytesMax = bytesMax;
  }

  write(line: string): void {
    const bytes = Buffer.from(`${line}\n`);
    try {
      this.#fd ??= this.#open();
      if (this.#bytes > 0 && this.#bytes + bytes.length > this.#bytesMax) this.#fd = this.#rotate();
      this.#bytes += writeSync(this.#fd, bytes);
    } catch {
      this.close();
    }
  }

  close(): void {
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = null;
  }

  #open(): number {
    mkdirSync(dirname(this.path), { recursive: true, mode: 0o700 });
    const fd = openSync(this.path, 'a', 0o600);
    this.#bytes = fstatSync(fd).size;
    return fd;
  }

  #rotate(): number {
    this.close();
    renameSync(this.path, this.path.replace(/\.jsonl$/, '.1.jsonl'));
    return this.#open();
  }
}

/** Copies a process's output into a log. What is no JSON (a crash's stack, a warning) is wrapped, with the time. */
export function logOutput(output: Readable, log: RotatedLog, now: () => string, onLine: (line: string) => void = () => undefined): void {
  let rest = '';
  const take = (line: string): void => {
    if (line === '') return;
    const cut = line.slice(0, LINE_CHARS_MAX);
    log.write(cut.length === line.length && cut.startsWith('{') && cut.endsWith('}') ? cut : JSON.stringify({ at: now(), event: 'output', text: cut }));
    onLine(cut);
  };
  output.setEncoding('utf8');
  output.on('data', (piece: string) => {
    const lines = (rest + piece).split('\n');
    rest = (lines.pop() ?? '').slice(0, LINE_CHARS_MAX + 1);
    for (const line of lines) take(line);
  });
  output.on('end', () => take(rest));
  output.on('error', () => undefined); // the process's exit says more
}
