/**
 * What is an action? A name of the service model, and a function from its input to its output.
 */
import type { Account, Ports } from '../ports.ts';
import { dryRunOperation } from './errors.ts';
import type { ActionShapes } from './model/shapes.ts';

/** What an action knows of the request beside its input. */
export interface RequestContext {
  readonly ports: Ports;
  readonly keyId: string;
  readonly account: Account;
  /** `host[:port]` that the client called, for what names an endpoint. */
  readonly host: string;
}

/** How an action treats the world, and how its answer is written. */
export interface ActionTraits {
  /** `changes`: the answer carries `<return>true</return>`, and the action itself honours DryRun before it acts. */
  readonly effect: 'reads' | 'changes';
  /** Absent lists are left out of the answer instead of written empty. */
  readonly sparse?: true;
}

/** An action of any name, for tables. Its input was made by the parser that belongs to it. */
export interface Action {
  readonly name: keyof ActionShapes;
  readonly traits: ActionTraits;
  handle(input: object, context: RequestContext): Promise<object>;
}

/** Ties a handler to the types of its action. Handlers throw Ec2Error to refuse. */
export function defineAction<Name extends keyof ActionShapes>(
  name: Name,
  traits: ActionTraits,
  handle: (input: ActionShapes[Name]['input'], context: RequestContext) => Promise<ActionShapes[Name]['output']>,
): Action {
  return { name, traits, handle: (input, context) => handle(input, context) };
}

/** For changing actions: called when everything was checked and nothing was done. Throws `DryRunOperation` if only that was asked. */
export function stopIfDryRun(input: { readonly DryRun?: boolean | undefined }): void {
  if (input.DryRun === true) throw dryRunOperation();
}
