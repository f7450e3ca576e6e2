/*
 * Who listens to this keeper? The agents that are connected to its unix socket: lines of JSON, both ways (shared/net/lines.ts).
 *
 *     connecting --accepted--> open --closed, stalled, or nonsense arrived--> closed
 */
#define _GNU_SOURCE
#include "agents.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* A reader that takes nothing for so long is cut off; so is one that lets more wait than fits. */
static const double STALL_MS = 10000;
enum { BACKLOG_BYTES = 8 * 1024 };

struct agent {
  int fd;
  struct lines lines;
  char backlog[BACKLOG_BYTES];
  size_t backlog_length;
  double stalled_since_ms;
};

static struct agent agents[AGENTS_MAX];
static int listener = -1;
static bool has_one_left;

static void drop(struct agent *agent) {
  close(agent->fd);
  agent->fd = -1;
  has_one_left = true;
}

/* Whether another process serves it. */
static bool is_alive(const struct sockaddr_un *address) {
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  bool is_answered = fd >= 0 && (connect(fd, (const struct sockaddr *)address, sizeof *address) == 0 || errno == EAGAIN);
  if (fd >= 0) close(fd);
  return is_answered;
}

bool agents_listen(const char *path, char *why, size_t size) {
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  struct stat found;
  for (int at = 0; at < AGENTS_MAX; at += 1) agents[at].fd = -1;
  if (strlen(path) >= sizeof address.sun_path) {
    snprintf(why, size, "the socket path %s has more than %zu bytes: choose a shorter directory", path, sizeof address.sun_path - 1);
    return false;
  }
  strcpy(address.sun_path, path);
  if (lstat(path, &found) == 0) {
    bool is_socket = S_ISSOCK(found.st_mode);
    if (!is_socket || is_alive(&address)) {
      snprintf(why, size, is_socket ? "another process serves %s: stop that one first" : "%s is there and no socket: move it away", path);
      return false;
    }
    unlink(path);
  }
  listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  /* The file is made within this call: nobody but its owner may ever connect. */
  mode_t mask = umask(0177);
  bool is_served = listener >= 0 && bind(listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(listener, AGENTS_MAX) == 0;
  snprintf(why, size, "could not listen at %s: is its directory there and writable? %s", path, strerror(errno));
  umask(mask);
  return is_served;
}

void agents_poll(struct pollfd *polls) {
  polls[AGENTS_MAX] = (struct pollfd){ .fd = listener, .events = POLLIN };
  for (int at = 0; at < AGENTS_MAX; at += 1) {
    polls[at] = (struct pollfd){ .fd = agents[at].fd, .events = (short)(POLLIN | (agents[at].backlog_length > 0 ? POLLOUT : 0)) };
  }
}

static void flush(struct agent *agent, double now_ms) {
  ssize_t sent = send(agent->fd, agent->backlog, agent->backlog_length, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent > 0) {
    agent->backlog_length -= (size_t)sent;
    memmove(agent->backlog, agent->backlog + sent, agent->backlog_length);
    agent->stalled_since_ms = now_ms;
  } else if (sent < 0 && errno != EAGAIN && errno != EINTR) {
    drop(agent);
  }
}

static void tell(struct agent *agent, const char *line, size_t length, double now_ms) {
  if (agent->backlog_length == 0) agent->stalled_since_ms = now_ms;
  if (now_ms - agent->stalled_since_ms > STALL_MS || length + 1 > BACKLOG_BYTES - agent->backlog_length) {
    drop(agent);
    return;
  }
  memcpy(agent->backlog + agent->backlog_length, line, length);
  agent->backlog[agent->backlog_length + length] = '\n';
  agent->backlog_length += length + 1;
  flush(agent, now_ms);
}

void agents_tell(int agent, const char *line, size_t length, double now_ms) {
  for (int at = 0; at < AGENTS_MAX; at += 1) {
    if (agents[at].fd >= 0 && (agent < 0 || agent == at)) tell(&agents[at], line, length, now_ms);
  }
}

static void hear_agent(struct agent *agent, void (*hear)(const struct json *json)) {
  const char *line;
  size_t length;
  struct json json;
  enum fill fill = lines_fill(&agent->lines, agent->fd);
  while (fill == FILLED && agent->fd >= 0 && lines_next(&agent->lines, &line, &length)) {
    if (json_parse(&json, line, length)) hear(&json);
    else fill = ENDED;
  }
  if (fill == ENDED && agent->fd >= 0) drop(agent);
}

/* Those that find no place are closed at once: their agent tries again. */
static void accept_agents(void (*joined)(int agent)) {
  for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0;) {
    int at = 0;
    while (at < AGENTS_MAX && agents[at].fd >= 0) at += 1;
    if (at == AGENTS_MAX) {
      close(fd);
      continue;
    }
    agents[at].fd = fd;
    agents[at].lines.from = agents[at].lines.held = agents[at].backlog_length = 0;
    joined(at);
  }
}

void agents_serve(const struct pollfd *polls, double now_ms, void (*hear)(const struct json *json), void (*joined)(int agent)) {
  for (int at = 0; at < AGENTS_MAX; at += 1) {
    if (polls[at].fd < 0 || agents[at].fd != polls[at].fd) continue;
    if ((polls[at].revents & POLLOUT) != 0) flush(&agents[at], now_ms);
    if (agents[at].fd >= 0 && (polls[at].revents & ~POLLOUT) != 0) hear_agent(&agents[at], hear);
  }
  if (polls[AGENTS_MAX].revents != 0) accept_agents(joined);
}

bool agents_left(void) {
  bool has_left = has_one_left;
  has_one_left = false;
  return has_left;
}
