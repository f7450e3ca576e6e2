/**
 * What does this node show of itself? Replicas, configurations and domains as they were looked at last, DRBD's states as its stream tells them.
 *
 * Looks overlap, and one may take seconds: a program that began first and ends last tells of what was before the others. So the last look is the one that
 * *began* last, and whoever waited for a look afterwards sees nothing older than that. Else a domain that is long gone could be seen in the place of the
 * one that runs, and that one be destroyed for it.
 */
import type { InstanceId, VolumeId } from '../../shared/ids.ts';
import type { ObservedDomain } from '../../shared/model/domain.ts';
import type { Observed, ObservedReplica } from '../machines/observed.ts';
import type { DomainPort, ReplicaPort } from './ports.ts';

/** What sight is made from. */
export interface SightOptions {
  readonly replicas: ReplicaPort;
  readonly domains: DomainPort;
  /** Told of each domain that came, changed its state or went, once it is seen so. */
  readonly onDomainChange: (instance: InstanceId) => void;
}

/** The one memory of what was seen. */
export class Sight {
  readonly #options: SightOptions;
  readonly #looks = { replicas: new Looks(), domains: new Looks() };
  #replicas: ReadonlyMap<VolumeId, ObservedReplica> = new Map();
  #domains: ReadonlyMap<InstanceId, ObservedDomain> = new Map();
  /** Text of each resource's file, as it was read or written last. */
  readonly configs = new Map<VolumeId, string>();
  /** How the last domain of an instance ended, as far as this agent saw it. */
  readonly endedAs = new Map<InstanceId, 'shutdown' | 'crashed'>();

  constructor(options: SightOptions) {
    this.#options = options;
  }

  observed(): Observed {
    return { replicas: this.#replicas, resources: this.#options.replicas.resources(), domains: this.#domains, configs: this.configs };
  }

  domains(): ReadonlyMap<InstanceId, ObservedDomain> {
    return this.#domains;
  }

  async lookAtAll(): Promise<void> {
    await this.lookAtReplicas();
    for (const volume of this.#replicas.keys()) {
      const text = await this.#options.replicas.readConfig(volume);
      if (text !== null) this.configs.set(volume, text);
    }
    await this.lookAtDomains();
  }

  async lookAtReplicas(): Promise<void> {
    const isNewest = this.#looks.replicas.begin();
    const replicas = await this.#options.replicas.listReplicas();
    if (isNewest()) this.#replicas = replicas;
  }

  async lookAtDomains(): Promise<void> {
    const isNewest = this.#looks.domains.begin();
    const domains = await this.#options.domains.list();
    if (!isNewest()) return;
    const before = this.#domains;
    this.#domains = domains;
    const { onDomainChange } = this.#options;
    for (const domain of this.#domains.values()) {
      if (domain.state === 'shutdown' || domain.state === 'crashed') this.endedAs.set(domain.instance, domain.state);
      if (domain.state === 'running') this.endedAs.delete(domain.instance);
      if (before.get(domain.instance)?.state !== domain.state) onDomainChange(domain.instance);
    }
    for (const instance of before.keys()) if (!this.#domains.has(instance)) onDomainChange(instance);
  }
}

/** Looks at the same things, in the order in which they began. */
class Looks {
  #begun = 0;
  #newest = 0;

  /** A look begins. What it returns is asked when the look has ended well, and says whether no later one was before it. */
  begin(): () => boolean {
    this.#begun += 1;
    const place = this.#begun;
    return () => {
      if (place < this.#newest) return false;
      this.#newest = place;
      return true;
    };
  }
}
