/**
 * How does `ves` run? Reads the command line, asks the coordinator, prints, and ends with an exit code.
 */
import { endpointOf } from './client.ts';
import { readCommandLine } from './command-line.ts';
import { CliFailure } from './failure.ts';
import { fold } from './fold.ts';
import { painter } from './table.ts';

// A reader that has seen enough (`ves events | head`) is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

const words = process.argv.slice(2);
const isJson = words.includes('--json');

function print(stream: NodeJS.WriteStream, text: string): void {
  stream.write(stream.isTTY && !isJson ? fold(text, stream.columns) : text);
}

try {
  const typed = readCommandLine(words);
  if (typed.kind === 'help') print(process.stdout, typed.text);
  else {
    await typed.command.run({
      ...typed, endpoint: endpointOf(process.env), paint: painter(process.stdout.isTTY, process.env),
      out: (text) => print(process.stdout, text),
      err: (text) => print(process.stderr, text),
    });
  }
} catch (error) {
  const failure = error instanceof CliFailure ? error : new CliFailure(1, 'Failed', error instanceof Error ? error.message : String(error));
  // Scripts that asked for JSON can read the failure, too.
  print(process.stderr, isJson ? `${JSON.stringify({ error: { code: failure.code, message: failure.message } })}\n` : `ves: ${failure.message}\n`);
  process.exitCode = failure.exitCode;
}
