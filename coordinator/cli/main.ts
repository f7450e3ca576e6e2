/**
 * How does `ves` run? Reads the command line, asks the coordinator, prints, and ends with an exit code.
 */
import { endpointOf } from './client.ts';
import { readCommandLine } from './command-line.ts';
import { CliFailure } from './failure.ts';
import { painter } from './table.ts';

// A reader that has seen enough (`ves events | head`) is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

const words = process.argv.slice(2);
try {
  const typed = readCommandLine(words);
  if (typed.kind === 'help') process.stdout.write(typed.text);
  else {
    await typed.command.run({
      ...typed, endpoint: endpointOf(process.env), paint: painter(process.stdout.isTTY, process.env),
      out: (text) => void process.stdout.write(text),
      err: (text) => void process.stderr.write(text),
    });
  }
} catch (error) {
  const failure = error instanceof CliFailure ? error : new CliFailure(1, 'Failed', error instanceof Error ? error.message : String(error));
  // Scripts that asked for JSON can read the failure, too.
  process.stderr.write(words.includes('--json') ? `${JSON.stringify({ error: { code: failure.code, message: failure.message } })}\n` : `ves: ${failure.message}\n`);
  process.exitCode = failure.exitCode;
}
