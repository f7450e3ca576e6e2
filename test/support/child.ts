/**
 * How does one test file run inside its own process?
 *
 * Usage: child.ts FILE [GREP]; started by run-file.ts with an IPC channel. It redirects `uvu` to observed-uvu.ts, loads
 * the file, lets uvu run the suites, and tells the runner every outcome as it happens, so that nothing is lost when the
 * process ends in an unexpected way. It never calls process.exit after good tests: a process that does not end by
 * itself has leaked something.
 */
import { registerHooks } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describeFailure } from './describe-failure.ts';
import type { TestMessage } from './test-report.ts';

/** How long the process may take to end by itself once all tests are over. */
const LINGER_MS_MAX = 2_000;

const observedUrl = new URL('./observed-uvu.ts', import.meta.url).href;
const [file = '', grep] = process.argv.slice(2);

// uvu reads these when it is loaded: queue the suites, and leave it to us to start them.
Object.assign(globalThis, { UVU_DEFER: true, UVU_QUEUE: [[null]], UVU_INDEX: 0 });

registerHooks({
  resolve: (specifier, context, next) =>
    specifier === 'uvu' && context.parentURL !== observedUrl && context.parentURL !== import.meta.url
      ? { url: observedUrl, format: 'module-typescript', shortCircuit: true }
      : next(specifier, context),
});

function tell(message: TestMessage, afterwards?: () => void): void {
  process.send?.(message, undefined, undefined, () => afterwards?.());
}

const uvu = await import('uvu');
const observed = await import('./observed-uvu.ts');
observed.setObserver({ tell, grep: grep === undefined ? undefined : new RegExp(grep) });

process.on('unhandledRejection', (reason) => {
  const failure = describeFailure(reason);
  const message = `a promise that nobody awaited was rejected: ${failure.message}`;
  tell({ kind: 'failed', ...observed.currentPlace(), ...failure, message });
});
// After an exception that nobody caught the process is in an unknown state; later results would mean nothing.
process.on('uncaughtException', (error) => {
  const failure = describeFailure(error);
  const message = `an exception that nobody caught ended the process: ${failure.message}`;
  tell({ kind: 'crashed', ...observed.currentPlace(), ...failure, message }, () => process.exit(1));
});

/** Keeps uvu's progress marks out of what the file printed. Returns the undo. */
function muteUvu(): () => void {
  const write = process.stdout.write.bind(process.stdout);
  process.stdout.write = ((...args: Parameters<typeof write>) => !observed.isInUserCode() || write(...args)) as typeof write;
  return () => {
    process.stdout.write = write;
  };
}

async function main(): Promise<void> {
  try {
    await import(pathToFileURL(resolve(file)).href);
  } catch (error) {
    const failure = describeFailure(error);
    tell({ kind: 'failed', suite: '', name: '', ...failure, message: `the file could not be loaded: ${failure.message}` });
  }
  const unmute = muteUvu();
  await uvu.exec();
  unmute();
  observed.tellSuiteFaults();
  tell({ kind: 'finished', registered: observed.registeredCount() });
  const timer = setTimeout(() => {
    tell({ kind: 'lingers', resources: lingering() }, () => process.exit(1));
  }, LINGER_MS_MAX);
  timer.unref();
}

/** What keeps the process alive, but for the streams and the channel that every test process has. */
function lingering(): string[] {
  const own = new Set(['PipeWrap', 'Pipe', 'TTYWrap', 'Timeout', 'CloseReq']);
  const all = process.getActiveResourcesInfo();
  const telling = all.filter((resource) => !own.has(resource));
  return telling.length > 0 ? telling : all;
}

await main();
