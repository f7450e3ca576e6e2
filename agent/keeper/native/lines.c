/* How are lines read off a socket? Into a fixed buffer: a peer whose line does not fit is not worth hearing. */
#define _GNU_SOURCE
#include "lines.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum fill lines_fill(struct lines *lines, int fd) {
  memmove(lines->bytes, lines->bytes + lines->from, lines->held);
  lines->from = 0;
  if (lines->held == sizeof lines->bytes) return ENDED;
  ssize_t count = read(fd, lines->bytes + lines->held, sizeof lines->bytes - lines->held);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return NOTHING_YET;
  if (count <= 0) return ENDED;
  lines->held += (size_t)count;
  return FILLED;
}

bool lines_next(struct lines *lines, const char **line, size_t *length) {
  char *start = lines->bytes + lines->from, *end = memchr(start, '\n', lines->held);
  if (end == NULL) return false;
  *line = start;
  *length = (size_t)(end - start);
  lines->from += *length + 1;
  lines->held -= *length + 1;
  return true;
}
