/**
 * What happens inside uvu while it runs a file's suites?
 *
 * In a test process every `import ... from 'uvu'` arrives here (see child.ts). uvu still registers and runs the tests;
 * this module stands between, and tells each start and outcome. That is needed because uvu by itself forgets a hook that
 * throws (it counts the suite as passed), and does not know of suites whose `.run()` was never called.
 */
import { suite as uvuSuite } from 'uvu';
import type { Callback, Context, Test, uvu } from 'uvu';
import { describeFailure } from './describe-failure.ts';
import type { TestMessage, TestPlace } from './test-report.ts';

type Hook<T> = uvu.Hook<T>;

interface SuiteRecord {
  name: string;
  /** Tests declared since the last `.run()`; they would be forgotten. */
  pending: number;
  isFocused: boolean;
}

/** What the test process wants to know. `grep` is matched against `suite name`; unset means every test. */
export interface Observer {
  tell: (message: TestMessage) => void;
  grep: RegExp | undefined;
}

const suites: SuiteRecord[] = [];
let registered = 0;
let place: TestPlace = { suite: '', name: '' };
let userCodeDepth = 0;
let observer: Observer = { tell: () => undefined, grep: undefined };

export function setObserver(next: Observer): void {
  observer = next;
}

/** The test or hook that runs now, so that a stray error can be put down to it. */
export function currentPlace(): TestPlace {
  return place;
}

/** False while uvu itself is at work: what is printed then is uvu's own progress display. */
export function isInUserCode(): boolean {
  return userCodeDepth > 0;
}

/** How many tests the file declared so far. */
export function registeredCount(): number {
  return registered;
}

/** What is wrong with the suites although no test failed. Call when uvu has run everything. */
export function tellSuiteFaults(): void {
  for (const record of suites) {
    if (record.pending > 0) {
      tellFault(record.name, `${record.pending} tests were declared but never run: call .run() at the end of the file`);
    }
    if (record.isFocused) {
      tellFault(record.name, 'a test is focused with .only, so others did not run: remove .only');
    }
  }
  if (registered === 0) tellFault('', 'the file declares no tests');
}

function tellFault(suite: string, message: string): void {
  observer.tell({ kind: 'failed', suite, name: '', message, details: '', stack: '' });
}

async function inPlace(next: TestPlace, code: () => unknown): Promise<void> {
  place = next;
  userCodeDepth += 1;
  try {
    await code();
  } finally {
    userCodeDepth -= 1;
  }
}

function observedTest<T>(record: SuiteRecord, name: string, handler: Callback<T>): Callback<T> {
  return async (context) => {
    const here = { suite: record.name, name };
    observer.tell({ kind: 'started', ...here });
    try {
      await inPlace(here, () => handler(context));
    } catch (error) {
      observer.tell({ kind: 'failed', ...here, ...describeFailure(error) });
      return;
    }
    observer.tell({ kind: 'passed', ...here });
  };
}

/**
 * A throwing hook is told. One that prepares then stops uvu from running the tests whose ground is missing; one that
 * cleans up does not throw again, since uvu would repeat it, or end.
 */
function observedHook<T>(record: SuiteRecord, kind: string, hook: Callback<T>): Callback<T> {
  return async (context) => {
    try {
      await inPlace({ suite: record.name, name: place.name }, () => hook(context));
    } catch (error) {
      const failure = describeFailure(error);
      observer.tell({ kind: 'failed', suite: record.name, name: place.name, ...failure, message: `the ${kind} hook threw: ${failure.message}` });
      if (kind.startsWith('before')) throw new Error(`the ${kind} hook threw`, { cause: error });
    }
  };
}

function observedHooks<T>(record: SuiteRecord, kind: 'before' | 'after', hook: Hook<T>): Hook<T> {
  const all = (callback: Callback<T>): void => {
    hook(observedHook(record, kind, callback));
  };
  const each = (callback: Callback<T>): void => {
    hook.each(observedHook(record, `${kind}.each`, callback));
  };
  return Object.assign(all, { each });
}

function skip(record: SuiteRecord, name: string | undefined): void {
  const reason = /\bbecause (.{3,})$/s.exec(name ?? '')?.[1];
  if (reason === undefined) {
    tellFault(record.name, `the skipped test "${name ?? ''}" does not say why: end its name with "because ..."`);
    return;
  }
  observer.tell({ kind: 'skipped', suite: record.name, name: name ?? '', reason });
}

/** uvu's `suite`, observed. Same parameters, same result. */
export function suite<T = Context>(name = '', context?: T): Test<T> {
  const real = context === undefined ? uvuSuite<T>(name) : uvuSuite<T>(name, context);
  const record: SuiteRecord = { name, pending: 0, isFocused: false };
  suites.push(record);
  const register = (into: (name: string, handler: Callback<T>) => void, testName: string, handler: Callback<T>): void => {
    registered += 1;
    record.pending += 1;
    if (observer.grep?.test(`${name} ${testName}`) !== false) into(testName, observedTest(record, testName, handler));
  };
  const declare = (testName: string, handler: Callback<T>): void => register(real, testName, handler);
  return Object.assign(declare, {
    before: observedHooks(record, 'before', real.before),
    after: observedHooks(record, 'after', real.after),
    only: (testName: string, handler: Callback<T>): void => {
      record.isFocused = true;
      register((as, run) => real.only(as, run), testName, handler);
    },
    skip: (testName?: string): void => {
      registered += 1;
      skip(record, testName);
    },
    run: (): void => {
      record.pending = 0;
      real.run();
    },
  });
}

/** uvu's suite without a name. */
export const test = suite();
