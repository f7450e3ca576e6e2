/**
 * Is this process on a leash, and where? What the supervisor and the processes that it starts agree on (leash.ts).
 */

/** The leash's place among the process's files: behind standard input, output and error. */
export const LEASH_FD = 3;

/** The environment variable that says that the leash is there. */
export const LEASH_VARIABLE = 'VES_PLAYGROUND_LEASH';
