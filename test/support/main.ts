/**
 * Is everything that can be checked on this machine in order? (`npm test`)
 *
 * With no arguments: types, rules, then every suite. With arguments (paths, `--grep`) only the tests they name.
 */
import { addTotals, checkAll } from './lint.ts';
import type { Totals } from './report.ts';
import { conclude, runOrExplain } from './run.ts';

const args = process.argv.slice(2);
const checks: Totals[] = args.length === 0 ? await checkAll() : [];
const tests = await runOrExplain(args);
if (tests !== undefined) conclude(addTotals([...checks, tests]));
