/*
 * What does the playground ask of the processes that it starts? What leash.ts and nic.ts there do in a process of Node.js.
 *
 * By its environment: VES_PLAYGROUND_LEASH (file 3 is a pipe whose end is the end of this process, and over which lines
 * say whether the cable is in), VES_PLAYGROUND_CABLE=out, VES_PLAYGROUND_TRAFFIC (where SIGUSR2 has the counts written).
 */
#define _GNU_SOURCE
#include "playground.h"

#include "datagrams.h"
#include "lines.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LEASH_FD = 3 };

static int leash = -1;
static bool is_cable_in = true;
static const char *counts_directory;
static struct lines lines;

void playground_open(void) {
  const char *cable = getenv("VES_PLAYGROUND_CABLE");
  is_cable_in = cable == NULL || strcmp(cable, "out") != 0;
  counts_directory = getenv("VES_PLAYGROUND_TRAFFIC");
  if (getenv("VES_PLAYGROUND_LEASH") == NULL) return;
  leash = LEASH_FD;
  fcntl(leash, F_SETFD, FD_CLOEXEC);
  fcntl(leash, F_SETFL, O_NONBLOCK);
}

int playground_descriptor(void) { return leash; }
bool playground_is_cable_in(void) { return is_cable_in; }
bool playground_counts(void) { return counts_directory != NULL; }

void playground_readable(void) {
  const char *line;
  size_t length;
  struct json json;
  if (lines_fill(&lines, leash) == ENDED) raise(SIGKILL);
  while (lines_next(&lines, &line, &length)) {
    if (!json_parse(&json, line, length)) continue;
    int is_up = json_field(&json, 0, "isMeshUp");
    if (json_is(&json, is_up, JSON_TRUE)) is_cable_in = true;
    if (json_is(&json, is_up, JSON_FALSE)) is_cable_in = false;
  }
}

void playground_tell_traffic(void) {
  char path[4200];
  snprintf(path, sizeof path, "%s/%d.json", counts_directory, (int)getpid());
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return;
  dprintf(fd, "{\"tcpBytes\":0,\"tcpWrites\":0,\"udpBytes\":%" PRIu64 ",\"udpDatagrams\":%" PRIu64 "}", traffic.bytes, traffic.datagrams);
  close(fd);
}
