/* How do small messages travel without a connection? Over UDP; failures are silence. As shared/net/datagrams.ts. */
#ifndef VES_DATAGRAMS_H
#define VES_DATAGRAMS_H

#include <stddef.h>
#include <stdint.h>

/* What this process has sent: payload, without the headers of IP and UDP. */
extern struct traffic { uint64_t bytes, datagrams; } traffic;

/* Opens a socket at a literal `host:port`, port 0 for any; -1, with errno. It never makes its reader or writer wait. */
int datagrams_open(const char *address);
/* To a literal `host:port` or `[host]:port`; anything else, and any failure, is silence. */
void datagrams_send(int socket, const char *address, const uint8_t *bytes, size_t length);
/* The next one that is there: its length, or -1 for none. One that is longer than `size` counts as empty. */
long datagrams_receive(int socket, uint8_t *bytes, size_t size);

#endif
