/**
 * Which benchmarks are there, in the order in which they run? The one over an etcd is there only where there is one.
 */
import { ETCD_MISSING } from '../support/real-etcd.ts';
import type { Benchmark } from './bench.ts';
import { DESCRIBE_INSTANCES } from './describe-instances.ts';
import { FOOTPRINT } from './footprint.ts';
import { HEAL, HEAL_BMC, HEAL_ETCD } from './heal.ts';
import { OVERLOAD } from './overload.ts';
import { RUN_INSTANCES } from './run-instances.ts';
import { SIMULATOR } from './sim.ts';

export const BENCHMARKS: readonly Benchmark[] = [
  RUN_INSTANCES, DESCRIBE_INSTANCES, OVERLOAD, FOOTPRINT, HEAL_BMC, HEAL, ...(ETCD_MISSING === null ? [HEAL_ETCD] : []), SIMULATOR,
];
