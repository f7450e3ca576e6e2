/**
 * How does a process of the playground end when its supervisor is killed? Preloaded (`node --import`), it reads an
 * inherited pipe: the end of that pipe is the end of the supervisor, by whatever means.
 *
 * The supervisor also says things over it, a line of JSON each: see nic.ts.
 */
import { Socket } from 'node:net';
import { LEASH_FD, LEASH_VARIABLE } from './leash-fd.ts';

const listeners: ((message: unknown) => void)[] = [];
let rest = '';

/** Hears what the supervisor says to this process. */
export function onLeashMessage(listener: (message: unknown) => void): void {
  listeners.push(listener);
}

/** Takes hold of the leash. Without the variable (whoever warms the compile cache imports this, too) there is none. */
function takeLeash(): void {
  const leash = new Socket({ fd: LEASH_FD, readable: true, writable: false });
  leash.setEncoding('utf8');
  leash.on('data', (piece: string) => {
    const lines = (rest + piece).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) hear(JSON.parse(line));
  });
  leash.on('error', () => undefined); // 'close' follows
  leash.on('close', () => process.kill(process.pid, 'SIGKILL'));
  // It keeps no process alive that has nothing else to do.
  leash.unref();
}

function hear(message: unknown): void {
  for (const listener of listeners) listener(message);
}

if (process.env[LEASH_VARIABLE] !== undefined) takeLeash();
