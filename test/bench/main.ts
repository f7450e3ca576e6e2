/**
 * How fast is it, and how small? `npm run bench [-- [--json] [NAME ...]]`: figures beside their targets.
 *
 * Exit codes: 0 every target was met, 1 one was missed or a benchmark failed, 2 wrong usage. Each benchmark has its own playground, one
 * after the other; whatever else runs on the machine makes the figures worse, so its load is told, too.
 */
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import type { Benchmark, Figure } from './bench.ts';
import { isMet } from './bench.ts';
import { BENCHMARKS } from './benches.ts';

const USAGE = `usage: npm run bench [-- [--json] [NAME ...]]

${BENCHMARKS.map(({ name, question }) => `  ${name.padEnd(10)} ${question}`).join('\n')}
`;

/** What one benchmark gave. */
interface Outcome {
  readonly name: string;
  readonly figures: readonly Figure[];
  /** Null: it ran to its end. */
  readonly failure: string | null;
  /** Processes that wanted a core while it ran, on average over the last minute. */
  readonly machineLoad: number;
}

async function main(): Promise<void> {
  const { isJson, chosen } = readArguments();
  const outcomes: Outcome[] = [];
  for (const benchmark of chosen) {
    process.stderr.write(`${benchmark.name}: ${benchmark.question}\n`);
    const outcome = await runOne(benchmark);
    outcomes.push(outcome);
    if (!isJson) process.stdout.write(describe(outcome));
  }
  if (isJson) process.stdout.write(`${JSON.stringify({ cores: cpus().length, benchmarks: outcomes.map(withVerdicts) }, null, 2)}\n`);
  if (outcomes.some(({ failure, figures }) => failure !== null || !figures.every(isMet))) process.exitCode = 1;
}

function readArguments(): { readonly isJson: boolean; readonly chosen: readonly Benchmark[] } {
  try {
    const { values, positionals } = parseArgs({ options: { json: { type: 'boolean' }, help: { type: 'boolean' } }, allowPositionals: true });
    if (values.help === true) {
      process.stdout.write(USAGE);
      process.exit(0);
    }
    const unknown = positionals.find((name) => !BENCHMARKS.some((each) => each.name === name));
    if (unknown !== undefined) throw new Error(`there is no benchmark ${unknown}`);
    return { isJson: values.json === true, chosen: positionals.length === 0 ? BENCHMARKS : BENCHMARKS.filter(({ name }) => positionals.includes(name)) };
  } catch (error) {
    process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    process.exit(2);
  }
}

async function runOne(benchmark: Benchmark): Promise<Outcome> {
  const { name, run, withinMs } = benchmark;
  const say = (line: string): void => void process.stderr.write(`  ${line}\n`);
  // Every wait inside is bounded; this is for a mistake in one of them. The playground ends with us.
  const timer = setTimeout(() => {
    process.stderr.write(`bench: ${name} did not end within ${withinMs / 1000} s\n`);
    process.exit(1);
  }, withinMs);
  let figures: readonly Figure[] = [];
  let failure: string | null = null;
  try {
    figures = await run(say);
  } catch (error) {
    failure = error instanceof Error ? error.message : String(error);
  } finally {
    clearTimeout(timer);
  }
  return { name, figures, failure, machineLoad: loadavg()[0] ?? Number.NaN };
}

function describe({ name, figures, failure, machineLoad }: Outcome): string {
  const rows = figures.map((figure) => [figure.what, `${rounded(figure.value)} ${figure.unit}`, targetText(figure), figure.target === null ? '' : isMet(figure) ? 'met' : 'MISSED']);
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const lines = rows.map(([what = '', value = '', target = '', verdict = '']) => `  ${what.padEnd(widths[0] ?? 0)}  ${value.padStart(widths[1] ?? 0)}  ${target.padEnd(widths[2] ?? 0)}  ${verdict}`.trimEnd());
  return `${[`${name} (machine load ${machineLoad.toFixed(1)} on ${cpus().length} cores)`, ...lines, ...(failure === null ? [] : [`  FAILED: ${failure}`])].join('\n')}\n`;
}

function targetText({ target, unit }: Figure): string {
  if (target === null) return '';
  return 'atMost' in target ? `(at most ${target.atMost} ${unit})` : `(at least ${target.atLeast} ${unit})`;
}

function rounded(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function withVerdicts({ figures, ...outcome }: Outcome): unknown {
  return { ...outcome, figures: figures.map((figure) => ({ ...figure, isMet: figure.target === null ? null : isMet(figure) })) };
}

await main();
