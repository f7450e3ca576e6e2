/**
 * Which benchmarks are there, in the order in which they run?
 */
import type { Benchmark } from './bench.ts';
import { DESCRIBE_INSTANCES } from './describe-instances.ts';
import { FOOTPRINT } from './footprint.ts';
import { HEAL, HEAL_BMC } from './heal.ts';
import { OVERLOAD } from './overload.ts';
import { RUN_INSTANCES } from './run-instances.ts';
import { SIMULATOR } from './sim.ts';

export const BENCHMARKS: readonly Benchmark[] = [RUN_INSTANCES, DESCRIBE_INSTANCES, OVERLOAD, FOOTPRINT, HEAL_BMC, HEAL, SIMULATOR];
