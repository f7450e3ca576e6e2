/**
 * Which keeper do the nodes of a playground run? The one in C that the set-up compiled; the one in TypeScript where there is none.
 *
 * `VES_KEEPER=node` or `VES_KEEPER=native` in the environment of `npm start` decides otherwise.
 */
import { existsSync } from 'node:fs';
import { ClusterError } from '../../shared/errors.ts';
import { keeperPath } from '../build-keeper.mjs';

/** The environment variable with the user's choice. */
export const KEEPER_VARIABLE = 'VES_KEEPER';

/** The program in C, or null when keepers run on Node.js. Throws ClusterError `InvalidConfig` for a choice that cannot be had. */
export function nativeKeeper(checkout: string, choice: string | undefined): string | null {
  const path = keeperPath(checkout);
  const isBuilt = existsSync(path);
  switch (choice) {
    case undefined:
      return isBuilt ? path : null;
    case 'node':
      return null;
    case 'native':
      if (isBuilt) return path;
      throw new ClusterError('InvalidConfig', `${KEEPER_VARIABLE}=native, but no keeper was compiled: install a C compiler (on Debian: apt-get install gcc libc6-dev) and try again`, { retryable: false });
    default:
      throw new ClusterError('InvalidConfig', `${KEEPER_VARIABLE}=${choice}: it is node or native`, { retryable: false });
  }
}
