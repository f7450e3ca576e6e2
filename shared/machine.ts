/**
 * What shape has a decision? A machine takes a state and an event, and returns the next state and the effects it wants.
 */

/** The outcome of one step of a machine. Effects are orders; whoever runs them makes the state durable first where it matters. */
export interface Step<State, Effect> {
  readonly state: State;
  readonly effects: readonly Effect[];
}
