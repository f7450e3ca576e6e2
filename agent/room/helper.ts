/**
 * What does DRBD's helper program do on a node of the room? It asks the agent on its socket, and never guesses.
 *
 * The contract is SAFETY.md 8: `fence-peer` and `local-io-error` wait for the agent for ever (the kernel keeps I/O
 * frozen meanwhile); any other event that the agent does not take is exit 0.
 */
import { createConnection } from 'node:net';
import { isJsonObject } from '../../shared/json.ts';
import { readLines, sendLine } from './protocol.ts';

/** How often the helper tries again when the agent is not there (SAFETY.md 8). */
const RETRY_MS = 200;
/** How long the events that only inform wait for the agent's word. */
const INFORM_TIMEOUT_MS = 5_000;
/** How often a waiting helper looks whether its node still lives. */
const ALIVE_POLL_MS = 1_000;

const MUST_BE_ANSWERED: ReadonlySet<string> = new Set(['fence-peer', 'local-io-error']);

/** Where to ask, and whether it still makes sense. */
export interface HelperCallOptions {
  readonly socketPath: string;
  readonly event: string;
  readonly resource: string;
  /** False once the node's boot is over: then nobody waits for the answer. */
  isAlive(): boolean;
}

/** The exit code of the helper. Never resolves when the node dies first. */
export async function callHelper(options: HelperCallOptions): Promise<number> {
  const isDecisive = MUST_BE_ANSWERED.has(options.event);
  while (options.isAlive()) {
    const exitCode = await ask(options, isDecisive ? null : INFORM_TIMEOUT_MS);
    if (exitCode !== null) return exitCode;
    if (!isDecisive) return 0;
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
  return await new Promise<number>(() => undefined);
}

/** One try: null when the agent was not there, went away, or answered nonsense. */
function ask(options: HelperCallOptions, timeoutMs: number | null): Promise<number | null> {
  return new Promise((resolve) => {
    const socket = createConnection(options.socketPath);
    let answer: number | null = null;
    const deadline = timeoutMs === null ? null : setTimeout(() => socket.destroy(), timeoutMs);
    const watch = setInterval(() => {
      if (!options.isAlive()) socket.destroy();
    }, ALIVE_POLL_MS);
    socket.on('connect', () => sendLine(socket, { event: options.event, resource: options.resource }));
    readLines(socket, (message) => {
      const exitCode = isJsonObject(message) ? message['exitCode'] : null;
      if (typeof exitCode === 'number' && Number.isInteger(exitCode) && exitCode >= 0 && exitCode <= 255) answer = exitCode;
      socket.destroy();
    });
    socket.on('error', () => undefined); // 'close' follows, and says all there is to say
    socket.on('close', () => {
      if (deadline !== null) clearTimeout(deadline);
      clearInterval(watch);
      resolve(answer);
    });
  });
}
