/**
 * How large are the models, and what do they find? `npm run models [-- [--large] [--trace] [NAME ...]]`: one line for each run.
 *
 * `--large` adds the runs that take minutes, `--trace` prints the shortest way to each fault that was planted. NAME is part of a run's name.
 * Exit codes: 0 everything was as it must be, 1 it was not, 2 wrong usage.
 */
import { parseArgs } from 'node:util';
import { faultOf, MODEL_RUNS } from './catalogue.ts';
import type { ModelRun } from './catalogue.ts';

const USAGE = 'usage: npm run models [-- [--large] [--trace] [NAME ...]]\n';

function main(): void {
  const { isTraced, chosen } = readArguments();
  for (const run of chosen) {
    const beganAtMs = performance.now();
    const found = run.run();
    const fault = faultOf(run, found);
    const verdict = fault ?? (found.violation === null ? `holds in every state, ${found.depth} steps deep` : `found in ${found.violation.trace.length} steps`);
    process.stdout.write(`${fault === null ? 'ok  ' : 'FAIL'} ${run.name}: ${verdict}; ${found.states} states, ${Math.round(performance.now() - beganAtMs)} ms\n`);
    if (isTraced && found.violation !== null) process.stdout.write(`       ${found.violation.trace.join('\n       ')}\n`);
    if (fault !== null) process.exitCode = 1;
  }
}

function readArguments(): { readonly isTraced: boolean; readonly chosen: readonly ModelRun[] } {
  try {
    const { values, positionals } = parseArgs({ options: { large: { type: 'boolean' }, trace: { type: 'boolean' }, help: { type: 'boolean' } }, allowPositionals: true });
    if (values.help === true) {
      process.stdout.write(USAGE);
      process.exit(0);
    }
    const chosen = MODEL_RUNS.filter(({ name, isLarge }) => (values.large === true || !isLarge) && (positionals.length === 0 || positionals.some((part) => name.includes(part))));
    if (chosen.length === 0) throw new Error('no run has such a name');
    return { isTraced: values.trace === true, chosen };
  } catch (error) {
    process.stderr.write(`models: ${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    process.exit(2);
  }
}

main();
