/**
 * Whose access key is this, and what may it do? The accounts of the configuration.
 */
import { createHash } from 'node:crypto';
import { ClusterError } from '../shared/errors.ts';
import type { AccountConfig } from './config.ts';
import { FLEET_ACCOUNT } from './ec2/region.ts';
import type { Account, AccountsPort } from './ports.ts';

/** The fleet's accounts, and which of them may operate the fleet. */
export interface Accounts extends AccountsPort {
  /** Whether this key may see and change the whole fleet. */
  isOperator(keyId: string): boolean;
}

/** Throws ClusterError `InvalidConfig` when two environments would have the same account id. */
export function createAccounts(configured: readonly AccountConfig[]): Accounts {
  const environments = new Map<string, string>();
  const accounts = new Map<string, { readonly account: Account; readonly isOperator: boolean }>();
  for (const { accessKeyId, secretAccessKey, environment, name, role } of configured) {
    const accountId = accountIdOf(environment);
    const other = accountId === FLEET_ACCOUNT ? 'the fleet itself' : (environments.get(accountId) ?? environment);
    if (other !== environment) {
      throw new ClusterError('InvalidConfig', `accounts: the environments ${environment} and ${other} would share the account id ${accountId}: rename one`, { retryable: false });
    }
    environments.set(accountId, environment);
    accounts.set(accessKeyId, { account: { secretKey: secretAccessKey, environment, accountId, name }, isOperator: role === 'operator' });
  }
  return {
    find: (keyId) => Promise.resolve(accounts.get(keyId)?.account ?? null),
    isOperator: (keyId) => accounts.get(keyId)?.isOperator ?? false,
  };
}

/** EC2's account id of an environment: 12 digits that depend on its name alone, so that they are the same after a reinstallation. */
export function accountIdOf(environment: string): string {
  const hash = createHash('sha256').update(`ves account ${environment}`).digest('hex');
  return String(BigInt(`0x${hash.slice(0, 16)}`) % 1_000_000_000_000n).padStart(12, '0');
}
