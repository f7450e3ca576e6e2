/* What does the keeper do? It runs lease-holder.c between a socket, the watchdog and the agent's line. As agent/keeper/keeper.ts. */
#ifndef VES_KEEPER_H
#define VES_KEEPER_H

#include "machine.h"

/* Starts to renew, if the cell file names voters. `config` must stay. */
void keeper_start(const struct config *config, const struct machine *machine, int datagrams);
/* When it must be called at the latest, though nothing came. */
double keeper_wakes_at_ms(void);
/* The timer, and answers of the watchdog, if they are due. */
void keeper_work(void);
/* Datagrams came. */
void keeper_receive(void);
/* An agent said something, came, or is gone: what it said of its domains holds no more. */
void keeper_hear(const struct json *json);
void keeper_greet(int agent);
void keeper_agent_gone(void);
/* Ends in order: disarms where the agent allowed it. Otherwise the watchdog stays armed, and the node resets. */
void keeper_stop(void);

#endif
