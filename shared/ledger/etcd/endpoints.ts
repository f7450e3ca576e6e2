/**
 * Which member of etcd is asked? One for as long as it answers, then the next.
 */
import { assert } from '../../errors.ts';
import type { Log } from '../../world.ts';
import type { EtcdEndpoint } from './etcd-port.ts';

export class Endpoints {
  readonly #all: readonly EtcdEndpoint[];
  readonly #log: Log;
  #at: number;

  /** `draw` (0 inclusive to 1) says with which one to begin, so that the members of a cell spread. */
  constructor(all: readonly EtcdEndpoint[], draw: number, log: Log) {
    assert(all.length > 0, 'a ledger in etcd has at least one endpoint');
    this.#all = all;
    this.#log = log;
    this.#at = Math.floor(draw * all.length);
  }

  current(): EtcdEndpoint {
    const endpoint = this.#all[this.#at];
    assert(endpoint !== undefined, 'an endpoint is chosen');
    return endpoint;
  }

  /** It did not answer: the next one is asked from now on, unless that was decided already. */
  failed(endpoint: EtcdEndpoint, error: string): void {
    if (this.current() !== endpoint) return;
    this.#at = (this.#at + 1) % this.#all.length;
    this.#log.write({ event: 'etcdEndpointFailed', endpoint: endpoint.name, error, next: this.current().name });
  }
}
