/**
 * Can a model reach a state that breaks an invariant, and by which shortest way?
 *
 * Breadth first, every state once. States that have the same key are the same state: a key leaves out what can no longer matter, and
 * gives the same name to what differs in name only. Nothing is sampled or hashed away, so `isExhausted` without a violation means that
 * the invariants hold in every state of the bounded model. The trace of a violation is a shortest one.
 */

/** One thing that may happen next. `label` is what people read in a trace. */
export interface ModelStep<State> {
  readonly label: string;
  readonly state: State;
}

export interface Invariant<State> {
  readonly name: string;
  holds(state: State): boolean;
}

/** A protocol, small enough to visit all of it. States are never changed once they were handed out. */
export interface Model<State> {
  /** Where it may begin. The label of one that needs no word is empty. */
  readonly initial: readonly ModelStep<State>[];
  readonly invariants: readonly Invariant<State>[];
  steps(state: State): readonly ModelStep<State>[];
  key(state: State): string;
}

export interface Exploration {
  /** States visited, different by key. */
  readonly states: number;
  /** Steps to the farthest state; without meaning when not exhausted. */
  readonly depth: number;
  /** Whether nothing is left to visit: false after a violation, or when the bound was reached. */
  readonly isExhausted: boolean;
  readonly violation: { readonly invariant: string; readonly trace: readonly string[] } | null;
}

/** Visits states until none is new, one breaks an invariant, or `statesMax` are known. */
export function explore<State>(model: Model<State>, statesMax: number): Exploration {
  const known = new Map<string, number>();
  /** By number of a state: from which one it was first reached, and how. */
  const parents: number[] = [];
  const labels: string[] = [];
  let depth = 0;
  let level: State[] = [];
  let levelNumbers: number[] = [];
  let next: State[] = [];
  let nextNumbers: number[] = [];

  /** Takes in a state; the name of an invariant that it breaks, or null. */
  const meet = (state: State, parent: number, label: string): string | null => {
    const key = model.key(state);
    if (known.has(key)) return null;
    const number = known.size;
    known.set(key, number);
    parents.push(parent);
    labels.push(label);
    next.push(state);
    nextNumbers.push(number);
    return model.invariants.find((invariant) => !invariant.holds(state))?.name ?? null;
  };
  const stop = (violation: Exploration['violation']): Exploration => ({ states: known.size, depth, isExhausted: false, violation });
  const broken = (invariant: string): Exploration => stop({ invariant, trace: traceTo(known.size - 1, parents, labels) });

  for (const { state, label } of model.initial) {
    const invariant = meet(state, -1, label);
    if (invariant !== null) return broken(invariant);
  }
  for (;;) {
    [level, levelNumbers, next, nextNumbers] = [next, nextNumbers, [], []];
    for (const [index, state] of level.entries()) {
      const parent = levelNumbers[index] ?? -1;
      for (const step of model.steps(state)) {
        const invariant = meet(step.state, parent, step.label);
        if (invariant !== null) return broken(invariant);
        if (known.size >= statesMax) return stop(null);
      }
    }
    if (next.length === 0) return { states: known.size, depth, isExhausted: true, violation: null };
    depth += 1;
  }
}

function traceTo(number: number, parents: readonly number[], labels: readonly string[]): string[] {
  const trace: string[] = [];
  for (let at = number; at >= 0; at = parents[at] ?? -1) trace.push(labels[at] ?? '');
  return trace.filter((label) => label !== '').toReversed();
}
