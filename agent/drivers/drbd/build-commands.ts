/**
 * How is DRBD told what to do? Argument lists of drbdadm, and only of the orders that are ever allowed (SAFETY.md 2.4):
 * `resume-io`, `detach`, `new-current-uuid`, `net-options` and their like cannot be built here.
 */

/** Orders that need no words of their own. */
export type DrbdOrder = 'up' | 'down' | 'adjust' | 'connect' | 'primary' | 'secondary' | 'invalidate';

const drbdadm = (configPath: string, ...words: readonly string[]): readonly string[] => ['drbdadm', `--config-file=${configPath}`, ...words];

export const buildOrder = (configPath: string, order: DrbdOrder, resource: string): readonly string[] => drbdadm(configPath, order, resource);
/** Fresh metadata: the replica counts as just created, and takes a full synchronisation. */
export const buildCreateMetadata = (configPath: string, resource: string): readonly string[] => drbdadm(configPath, 'create-md', '--force', resource);
/** Never the graceful form: that would let the peer go on without being asked (DRBD.md A2). */
export const buildDisconnectForce = (configPath: string, resource: string): readonly string[] => drbdadm(configPath, 'disconnect', '--force', resource);
/** The one forced promotion: of a volume that never had content. */
export const buildPromoteNew = (configPath: string, resource: string): readonly string[] => drbdadm(configPath, 'primary', '--force', resource);
/** The stream of all resources' states and changes. `--json` does not exist for module 8.4. */
export const buildEvents = (): readonly string[] => ['drbdsetup', 'events2', '--statistics'];
/** All resources' states and figures as they are now. */
export const buildLook = (): readonly string[] => ['drbdsetup', 'events2', '--now', '--statistics'];
