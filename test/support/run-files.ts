/**
 * In which order and how many at once do test files run?
 *
 * Two at a time, since the smallest machine VES is developed on has two cores; the ones that start whole fleets come
 * last and alone, because their timings are what they test.
 */
import { availableParallelism } from 'node:os';
import { isExclusive } from './find-tests.ts';
import { fileReport } from './report.ts';
import { runFile } from './run-file.ts';
import type { FileResult } from './test-report.ts';

const PARALLEL_MAX = 2;

export interface RunFilesOptions {
  grep?: string | undefined;
  jobs?: number | undefined;
  signal?: AbortSignal;
  print: (text: string) => void;
}

/** Runs all files and prints each file's report when it ends. Results come in the order in which the files ended. */
export async function runFiles(files: string[], options: RunFilesOptions): Promise<FileResult[]> {
  const results: FileResult[] = [];
  const queues = [
    { files: files.filter((file) => !isExclusive(file)), jobs: options.jobs ?? Math.min(PARALLEL_MAX, availableParallelism()) },
    { files: files.filter(isExclusive), jobs: 1 },
  ];
  for (const queue of queues) {
    const waiting = [...queue.files];
    const work = async (): Promise<void> => {
      for (let file = waiting.shift(); file !== undefined && !options.signal?.aborted; file = waiting.shift()) {
        const result = await runFile(file, { grep: options.grep, signal: options.signal });
        results.push(result);
        const isEmpty = result.passed + result.failures.length + result.skips.length === 0;
        if (!isEmpty) options.print(fileReport(result));
      }
    };
    await Promise.all(Array.from({ length: queue.jobs }, work));
  }
  return results;
}
