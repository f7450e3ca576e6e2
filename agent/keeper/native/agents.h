/* Who listens to this keeper? The agents that are connected to its unix socket: lines of JSON, both ways. */
#ifndef VES_AGENTS_H
#define VES_AGENTS_H

#include "lines.h"

#include <poll.h>

enum { AGENTS_MAX = 8, AGENT_POLLS = AGENTS_MAX + 1 };

/* Serves the socket, mode 0600. False, with a sentence in `why`, when it cannot. */
bool agents_listen(const char *path, char *why, size_t size);
/* Fills in what to wait for: AGENT_POLLS entries, which `agents_serve` takes back. */
void agents_poll(struct pollfd *polls);
/* Takes what came. `hear` is called for each line that is JSON; `joined` for each new agent, to tell it the first word. */
void agents_serve(const struct pollfd *polls, double now_ms, void (*hear)(const struct json *json), void (*joined)(int agent));
/* Tells one agent, or all (-1), a line. One that does not read is cut off. */
void agents_tell(int agent, const char *line, size_t length, double now_ms);
/* Whether one of them is gone since this was last asked. */
bool agents_left(void);

#endif
