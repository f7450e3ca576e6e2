/**
 * Could these answers have come from one thing that did one call after the other? Wing and Gong's search, with a memory (Lowe).
 *
 * A call takes effect at one moment between being made and being answered. The search puts calls in such an order, one by one; what it
 * has found impossible once (the same calls done, the same state) it does not try again. Calls on different keys do not
 * matter to each other, so each key is judged alone: that is what keeps the search small.
 *
 * A call that nobody heard the answer of may have had its effect at any later moment, or never. Pure.
 */

/** One call by one client. */
export interface Call<Input, Output> {
  readonly key: string;
  readonly input: Input;
  /** Null: nobody heard how it ended. */
  readonly output: Output | null;
  /** Places in the order of all that happened, each used once; not times, since much happens at the same time. */
  readonly calledAt: number;
  /** Infinity: no answer came. */
  readonly returnedAt: number;
  /** For people. */
  readonly who: string;
}

/** What one key should be: a thing that does one call after the other. */
export interface Specification<State, Input, Output> {
  readonly initial: State;
  /** The state after the call; null when it could not have answered so in this state. With an output of null any answer is right. */
  readonly step: (state: State, input: Input, output: Output | null) => State | null;
  /** States with the same name are the same. */
  readonly nameOf: (state: State) => string;
}

export type Verdict<Input, Output> =
  | { readonly kind: 'linearizable' }
  /** `calls`: the shortest beginning of the key's history that has no order, by the time of answers; the last of them does not fit. */
  | { readonly kind: 'violated'; readonly key: string; readonly calls: readonly Call<Input, Output>[] }
  /** The search was given up after as many steps as it may take. */
  | { readonly kind: 'undecided'; readonly key: string };

/** How many steps the search for one key may take: a few seconds of a processor. */
const STEPS_MAX = 2_000_000;

/** Judges a history key by key; the first key without an order is told, else the first that could not be decided. */
export function judge<State, Input, Output>(history: readonly Call<Input, Output>[], specification: Specification<State, Input, Output>, stepsMax = STEPS_MAX): Verdict<Input, Output> {
  let undecided: Verdict<Input, Output> | null = null;
  for (const [key, calls] of Map.groupBy(history, (call) => call.key)) {
    const outcome = hasOrder(calls, specification, stepsMax);
    if (outcome === false) return { kind: 'violated', key, calls: shortestWithoutOrder(calls, specification, stepsMax) };
    if (outcome === null) undecided ??= { kind: 'undecided', key };
  }
  return undecided ?? { kind: 'linearizable' };
}

/** The calls in an order that people can follow, one line each. */
export function describeCalls<Input, Output>(calls: readonly Call<Input, Output>[]): string {
  return calls.toSorted((left, right) => left.calledAt - right.calledAt).map((call) => {
    const answer = call.output === null ? 'no answer' : JSON.stringify(call.output);
    return `${String(call.calledAt).padStart(6)} to ${String(call.returnedAt).padStart(8)} ${call.who}: ${JSON.stringify(call.input)} => ${answer}`;
  }).join('\n');
}

/** What was asked and answered until one of the answers, for the first of them after which there is no order any more. */
function shortestWithoutOrder<State, Input, Output>(calls: readonly Call<Input, Output>[], specification: Specification<State, Input, Output>, stepsMax: number): readonly Call<Input, Output>[] {
  const answers = calls.filter(({ returnedAt }) => returnedAt !== Infinity).map(({ returnedAt }) => returnedAt).toSorted((left, right) => left - right);
  const until = (at: number): readonly Call<Input, Output>[] => calls.filter(({ calledAt }) => calledAt < at).map((call) => (call.returnedAt > at ? { ...call, output: null, returnedAt: Infinity } : call));
  // Once there is none, there is none for whatever follows: the first is found by halving.
  let [low, high] = [0, answers.length - 1];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (hasOrder(until(answers[middle] ?? 0), specification, stepsMax) === false) high = middle;
    else low = middle + 1;
  }
  return until(answers[low] ?? 0);
}

/** One moment of a history: call `index` is made, or answered. In a list whose moments can be taken out and put back. */
interface Moment {
  readonly index: number;
  readonly isCall: boolean;
  before: Moment | null;
  after: Moment | null;
}

/** True: there is an order; false: there is none; null: not found out within `stepsMax`. */
function hasOrder<State, Input, Output>(history: readonly Call<Input, Output>[], { initial, step, nameOf }: Specification<State, Input, Output>, stepsMax: number): boolean | null {
  const calls = history.toSorted((left, right) => left.calledAt - right.calledAt);
  const { head, moments } = linked(calls);
  const seen = new Set<string>();
  const done: { readonly index: number; readonly state: State; readonly latest: number }[] = [];
  /** The latest of the calls that are done. */
  let latest = -1;
  let state = initial;
  let unanswered = calls.filter(({ returnedAt }) => returnedAt !== Infinity).length;
  let moment = head.after;
  for (let steps = 0; unanswered > 0; steps += 1) {
    if (steps > stepsMax) return null;
    const call = moment?.isCall === true ? calls[moment.index] : undefined;
    if (moment !== null && call !== undefined) {
      const next = step(state, call.input, call.output);
      const latestThen = Math.max(latest, moment.index);
      const name = next === null ? '' : `${latestThen} without ${leftBefore(head, latestThen, moment.index).join()}: ${nameOf(next)}`;
      if (next === null || seen.has(name)) {
        moment = moment.after;
        continue;
      }
      seen.add(name);
      done.push({ index: moment.index, state, latest });
      state = next;
      latest = latestThen;
      unanswered -= call.returnedAt === Infinity ? 0 : 1;
      takeOut(moments[moment.index]);
      moment = head.after;
      continue;
    }
    // Whoever was answered here must have had its effect before: something earlier was put in the wrong place.
    const last = done.pop();
    if (last === undefined) return false;
    ({ state, latest } = last);
    unanswered += calls[last.index]?.returnedAt === Infinity ? 0 : 1;
    putBack(moments[last.index]);
    moment = moments[last.index]?.call.after ?? null;
  }
  return true;
}

/** Which calls before `latest` are not done, but for `index`: with `latest` they say which are. Few, however long the history is. */
function leftBefore(head: Moment, latest: number, index: number): readonly number[] {
  const left: number[] = [];
  for (let moment = head.after; moment !== null && (!moment.isCall || moment.index < latest); moment = moment.after) {
    if (moment.isCall && moment.index !== index) left.push(moment.index);
  }
  return left;
}

interface Both {
  readonly call: Moment;
  readonly answer: Moment | null;
}

function linked(calls: readonly Call<unknown, unknown>[]): { readonly head: Moment; readonly moments: readonly Both[] } {
  const head: Moment = { index: -1, isCall: false, before: null, after: null };
  const moments = calls.map(({ returnedAt }, index): Both => ({
    call: { index, isCall: true, before: null, after: null }, answer: returnedAt === Infinity ? null : { index, isCall: false, before: null, after: null },
  }));
  const placed = calls.flatMap(({ calledAt, returnedAt }, index) => {
    const both = moments[index];
    if (both === undefined) return [];
    return both.answer === null ? [{ at: calledAt, moment: both.call }] : [{ at: calledAt, moment: both.call }, { at: returnedAt, moment: both.answer }];
  });
  let last = head;
  for (const { moment } of placed.toSorted((left, right) => left.at - right.at)) {
    moment.before = last;
    last.after = moment;
    last = moment;
  }
  return { head, moments };
}

function takeOut(both: Both | undefined): void {
  for (const moment of [both?.call, both?.answer]) {
    if (moment === undefined || moment === null) continue;
    if (moment.before !== null) moment.before.after = moment.after;
    if (moment.after !== null) moment.after.before = moment.before;
  }
}

/** In the reverse order of taking out, so that each finds its neighbours as they were. */
function putBack(both: Both | undefined): void {
  for (const moment of [both?.answer, both?.call]) {
    if (moment === undefined || moment === null) continue;
    if (moment.before !== null) moment.before.after = moment;
    if (moment.after !== null) moment.after.before = moment;
  }
}
