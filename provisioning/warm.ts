/**
 * What makes the first start of a program as quick and as small as every later one?
 *
 *     node provisioning/warm.ts FILE ...
 *
 * A program whose TypeScript is not in the compile cache loads the type stripper, which costs it 0.1 s and 15 to 40 MB that it
 * never gives back; and the cache is only written when a process ends in good order. So this process imports each FILE with all
 * that it imports, writes the cache, and ends: whoever starts a fleet runs it first. It costs 0.1 s when the cache is
 * warm already. Programs start nothing when they are imported; they ask `import.meta.main` first.
 */
import { flushCompileCache, getCompileCacheDir } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Exit code when there is no cache to warm: NODE_COMPILE_CACHE is not set, or its folder cannot be written. */
const NO_CACHE = 3;

async function warm(files: string[]): Promise<void> {
  for (const file of files) await import(pathToFileURL(resolve(file)).href);
  flushCompileCache();
}

if (import.meta.main) {
  if (getCompileCacheDir() === undefined) process.exitCode = NO_CACHE;
  else await warm(process.argv.slice(2));
}
