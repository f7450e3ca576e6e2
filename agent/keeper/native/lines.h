/* How are lines read off a socket? Into a fixed buffer: a peer whose line does not fit is not worth hearing. */
#ifndef VES_LINES_H
#define VES_LINES_H

#include "json.h"

#include <stdbool.h>

struct lines {
  char bytes[JSON_BYTES_MAX];
  size_t from, held;
};

enum fill { FILLED, NOTHING_YET, ENDED };

/* Reads what is there, once, and never waits when the socket does not. ENDED: by the peer, by an error, or by a line that is too long. */
enum fill lines_fill(struct lines *lines, int fd);
/* The next whole line, without its end; false when there is none. Valid until the next fill. */
bool lines_next(struct lines *lines, const char **line, size_t *length);

#endif
