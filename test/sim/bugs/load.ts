/**
 * How is a command run with a planted bug? In a process of its own, with the bug's hook preloaded.
 *
 * For `npm run sim -- --bug NAME`: main.ts calls `startWithBug(name, [main.ts itself, ...arguments without --bug])` and
 * exits with the code that it resolves with.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import { changeNamed } from './list.ts';

/** Options of node that plant the bug. Throws for a name that is none. */
export function plantingOptions(name: string): readonly string[] {
  const url = pathToFileURL(join(import.meta.dirname, 'plant.ts'));
  url.searchParams.set('bug', changeNamed(name).name);
  return ['--import', url.href];
}

/** Runs `argv` (a script and its arguments) with the bug, on this process's streams. Resolves with its exit code; 1 when a signal ended it. */
export function startWithBug(name: string, argv: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...plantingOptions(name), ...argv], { stdio: 'inherit' });
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}
