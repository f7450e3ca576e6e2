/**
 * What does a fence agent read? Its options on standard input, a line each: the only way that a password travels.
 */
import { ClusterError } from '../../../shared/errors.ts';

/** How a node's BMC is reached. */
export interface BmcAccess {
  readonly address: string;
  readonly username: string;
  readonly password: string;
}

/** What a fence agent is asked to do. */
export type FenceAction = 'off' | 'on' | 'status';

/** The options of fence_ipmilan (fence-agents 4.12). `powerTimeoutMs`: how long it waits for the BMC, in whole seconds at least 1. */
export function buildFenceInput(access: BmcAccess, action: FenceAction, powerTimeoutMs: number): string {
  for (const [name, value] of Object.entries(access)) {
    if (value === '' || /[\r\n\0]/.test(String(value))) throw new ClusterError('InvalidPowerAccess', `the BMC's ${name} cannot be handed to a fence agent`, { retryable: false });
  }
  const timeoutSeconds = Math.max(1, Math.ceil(powerTimeoutMs / 1000));
  return `action=${action}\nip=${access.address}\nusername=${access.username}\npassword=${access.password}\nlanplus=1\npower_timeout=${timeoutSeconds}\npower_wait=0\n`;
}
