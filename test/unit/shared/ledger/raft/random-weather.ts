/**
 * Which seeds break the log? `node random-weather.ts FIRST [COUNT] [STEPS] [--stores | --short-offices]` plays many, prints those that fail and
 * what was seen, and exits 1 if any did.
 */
import process from 'node:process';
import { Cluster } from './cluster.ts';

const [first = 1, count = 1, steps = 2000] = process.argv.slice(2).filter((word) => !word.startsWith('--')).map(Number);
const seen = { seeds: 0, failed: 0, elections: 0, reads: 0, commits: 0, amnesias: 0 };
for (let seed = first; seed < first + count; seed += 1) {
  const cluster = new Cluster({ seed, steps, stores: process.argv.includes('--stores'), areOfficesShort: process.argv.includes('--short-offices') });
  try {
    cluster.run();
  } catch (error) {
    seen.failed += 1;
    process.stdout.write(`seed ${seed}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  }
  seen.seeds += 1;
  seen.elections += cluster.checks.elections;
  seen.reads += cluster.checks.readsConfirmed;
  seen.commits += cluster.checks.acknowledged;
  seen.amnesias += cluster.amnesias;
}
process.stdout.write(`${JSON.stringify(seen)}\n`);
process.exitCode = seen.failed === 0 ? 0 : 1;
