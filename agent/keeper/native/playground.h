/* What does the playground ask of the processes that it starts? What leash.ts and nic.ts there do in a process of Node.js. */
#ifndef VES_PLAYGROUND_H
#define VES_PLAYGROUND_H

#include <stdbool.h>

/* Looks at the environment. Outside of a playground nothing of this does anything. */
void playground_open(void);
/* What to wait for, -1 for nothing; and what to do once there is something: the end of the leash ends this process. */
int playground_descriptor(void);
void playground_readable(void);
/* Whether the playground lets the network cable be plugged in. */
bool playground_is_cable_in(void);
/* Whether SIGUSR2 asks for what this process has sent, and the answer. */
bool playground_counts(void);
void playground_tell_traffic(void);

#endif
