/**
 * Which test files are meant?
 */
import { existsSync, globSync, statSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';

/** What `npm test` runs. The playground suite starts whole fleets and comes last, one file at a time. */
export const SUITES = ['test/unit', 'test/api', 'test/clients', 'test/scenarios', 'test/playground'];

/** A path that was asked for but holds no test. */
export class NoTestsError extends Error {}

/**
 * The test files under the given files and folders, relative to the root and sorted.
 *
 * @throws NoTestsError for a path that does not exist. Suites of the default list may be missing.
 */
export function findTests(root: string, paths: string[]): string[] {
  const wanted = paths.length > 0 ? paths : SUITES.filter((suite) => existsSync(join(root, suite)));
  const found = wanted.flatMap((path) => {
    const absolute = resolve(root, path);
    if (!existsSync(absolute)) throw new NoTestsError(`there is no ${path}`);
    if (statSync(absolute).isFile()) return [relative(root, absolute)];
    return globSync('**/*.test.ts', { cwd: absolute }).map((name) => relative(root, join(absolute, name)));
  });
  return [...new Set(found)].toSorted();
}

/** Whether a file needs the machine for itself. */
export function isExclusive(file: string): boolean {
  return file.startsWith('test/playground/');
}
