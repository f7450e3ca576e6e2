/**
 * Which words run xl and xenstore? Arguments as lists; every name in them was parsed as an id or is a number.
 */

export const buildList = (): readonly string[] => ['xl', 'list'];
export const buildInfo = (): readonly string[] => ['xl', 'info'];
/** Paused: a domain must not execute before it carries its tag. */
export const buildCreatePaused = (configPath: string): readonly string[] => ['xl', 'create', '-p', '-q', configPath];
export const buildDomainId = (name: string): readonly string[] => ['xl', 'domid', name];
export const buildUnpause = (name: string): readonly string[] => ['xl', 'unpause', name];
export const buildShutdown = (name: string): readonly string[] => ['xl', 'shutdown', name];
export const buildDestroy = (nameOrId: string): readonly string[] => ['xl', 'destroy', nameOrId];
export const buildConsoleTail = (name: string, bytesMax: number): readonly string[] => ['tail', '-c', String(bytesMax), `/var/log/xen/console/guest-${name}.log`];

/** What the agent writes about a domain before it executes. */
export interface DomainTag {
  readonly instance: string;
  readonly generation: number;
  readonly bootId: string;
}

const tagPath = (domainId: number): string => `/local/domain/${domainId}/data/ves`;
/** Outside of the domain's own tree, which is gone while a zombie remains: whose last requests are still below? */
const ownerPath = (domainId: number): string => `/ves/domain/${domainId}`;

export const buildWriteTag = (domainId: number, tag: DomainTag): readonly string[] => ['xenstore-write', ownerPath(domainId), tag.instance, tagPath(domainId), `${tag.instance} ${tag.generation} ${tag.bootId}`];
/** What is always there is read first (xen-init-dom0 writes it): only a store that answered it can say that the other is missing. */
const ALWAYS_THERE = '/local/domain/0/name';
export const buildReadTag = (domainId: number): readonly string[] => ['xenstore-read', ALWAYS_THERE, tagPath(domainId)];
export const buildReadOwner = (domainId: number): readonly string[] => ['xenstore-read', ALWAYS_THERE, ownerPath(domainId)];
