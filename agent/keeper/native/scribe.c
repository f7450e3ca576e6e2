/*
 * How does a keeper write to disks without ever waiting for one? It tells a small process of its own, the scribe.
 *
 * No flag keeps a write to a file from waiting for a disk that stalls, and the watchdog must not wait with it. So the
 * keeper hands each line over a socket that never blocks it; when that is full, facts are dropped, and counted. The
 * scribe ends at the end of the socket, hence of the keeper, after it wrote all of it; one that died is replaced.
 */
#define _GNU_SOURCE
#include "scribe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A log is renamed to FILE.1 when it has grown to about this size (shared/process/process-log.ts). */
static const off_t LOG_BYTES_MAX = 16 * 1024 * 1024;
enum { RESTART_MS = 1000, FINISH_MS = 1000, SCRIBE_FD = 3, PATH_BYTES_MAX = 4096 + 8 };
/* The first byte of what the scribe is told. */
enum { LOG_LINE = 'L', CELL_LINE = 'C' };

static struct {
  const char *node, *log_file, *cell_file;
  int socket;
  pid_t pid;
  struct timespec started_at;
  unsigned dropped;
  size_t unsaved_length;
  char unsaved[SCRIBE_BYTES_MAX];
} scribe = { .socket = -1 };

/* Who speaks, and when. */
static void begin_fact(struct text *fact, const char *event) {
  struct timespec now;
  struct tm utc;
  char second[32];
  clock_gettime(CLOCK_REALTIME, &now);
  gmtime_r(&now.tv_sec, &utc);
  strftime(second, sizeof second, "%Y-%m-%dT%H:%M:%S", &utc);
  text_add(fact, "{\"at\":\"%s.%03ldZ\",\"process\":\"keeper\",\"node\":\"%s\",\"event\":\"%s\"", second, now.tv_nsec / 1000000, scribe.node, event);
}

/* ---- the scribe ---- */

static int log_fd = -1;

static void write_all(int fd, const char *bytes, size_t length) {
  while (length > 0) {
    ssize_t count = write(fd, bytes, length);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return; /* There is nowhere to tell it. */
    bytes += count;
    length -= (size_t)count;
  }
}

static void write_log(const char *line, size_t length) {
  if (scribe.log_file == NULL) {
    write_all(STDERR_FILENO, line, length);
    return;
  }
  struct stat status;
  if (log_fd >= 0 && fstat(log_fd, &status) == 0 && status.st_size > LOG_BYTES_MAX) {
    char old[PATH_BYTES_MAX];
    snprintf(old, sizeof old, "%s.1", scribe.log_file);
    rename(scribe.log_file, old); /* If somebody moved it away, the new file begins anyway. */
    close(log_fd);
    log_fd = -1;
  }
  if (log_fd < 0) log_fd = open(scribe.log_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (log_fd >= 0) write_all(log_fd, line, length);
}

static void write_cell_file(const char *line, size_t length) {
  char draft[PATH_BYTES_MAX], bytes[512];
  snprintf(draft, sizeof draft, "%s.new", scribe.cell_file);
  int fd = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  bool is_written = fd >= 0 && write(fd, line, length) == (ssize_t)length;
  if (fd >= 0 && close(fd) != 0) is_written = false;
  if (is_written && rename(draft, scribe.cell_file) == 0) return;
  struct text fact = { .bytes = bytes, .size = sizeof bytes };
  const char *why = strerror(errno);
  begin_fact(&fact, "cellNotSaved");
  text_add(&fact, ",\"level\":\"warning\",\"error\":\"%s\"}\n", why);
  write_log(bytes, fact.length);
}

/* It holds nothing of the keeper's but its end of the socket: least of all the watchdog, or the socket that agents come to. */
__attribute__((noreturn)) static void be_scribe(int socket) {
  static char told[SCRIBE_BYTES_MAX];
  dup2(socket, SCRIBE_FD);
  for (int fd = SCRIBE_FD + 1; fd < 64; fd += 1) close(fd);
  prctl(PR_SET_NAME, "ves-scribe");
  for (;;) {
    ssize_t length = recv(SCRIBE_FD, told, sizeof told, 0);
    if (length < 0 && errno == EINTR) continue;
    if (length <= 0) _exit(0);
    if (told[0] == LOG_LINE) write_log(told + 1, (size_t)length - 1);
    else write_cell_file(told + 1, (size_t)length - 1);
  }
}

/* ---- the keeper's side ---- */

static bool start_process(void) {
  int pair[2];
  clock_gettime(CLOCK_MONOTONIC, &scribe.started_at);
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) return false;
  scribe.pid = fork();
  if (scribe.pid == 0) be_scribe(pair[1]);
  close(pair[1]);
  if (scribe.pid > 0) {
    scribe.socket = pair[0];
    return true;
  }
  close(pair[0]);
  return false;
}

/* A scribe that is gone is replaced, at most once a second. */
static bool has_scribe(void) {
  if (scribe.socket >= 0) return true;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  double since_ms = (double)(now.tv_sec - scribe.started_at.tv_sec) * 1e3 + (double)(now.tv_nsec - scribe.started_at.tv_nsec) / 1e6;
  if (since_ms < RESTART_MS) return false;
  waitpid(scribe.pid, NULL, WNOHANG);
  return start_process();
}

static bool tell(const char *bytes, size_t length) {
  if (!has_scribe()) return false;
  if (send(scribe.socket, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)length) return true;
  if (errno != EAGAIN && errno != EMSGSIZE && errno != ENOBUFS) {
    close(scribe.socket);
    scribe.socket = -1;
  }
  return false;
}

static bool make_directory_of(const char *file) {
  char path[PATH_BYTES_MAX];
  snprintf(path, sizeof path, "%s", file);
  for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    if (mkdir(path, 0700) != 0 && errno != EEXIST) return false;
    *slash = '/';
  }
  return true;
}

bool scribe_start(const char *node, const char *log_file, const char *cell_file) {
  scribe.node = node;
  scribe.log_file = log_file;
  scribe.cell_file = cell_file;
  if (log_file != NULL && !make_directory_of(log_file)) return false;
  return start_process();
}

static char fact_bytes[2048];
static struct text open_fact;

struct text *log_open(const char *event) {
  open_fact = (struct text){ .bytes = fact_bytes, .size = sizeof fact_bytes - 64 };
  text_add(&open_fact, "%c", LOG_LINE);
  begin_fact(&open_fact, event);
  return &open_fact;
}

struct text *log_alarm(const char *event) {
  struct text *fact = log_open(event);
  text_add(fact, ",\"level\":\"alarm\"");
  return fact;
}

void log_close(struct text *fact) {
  /* Room for the end was kept. A fact that was cut would be no JSON: its beginning is told instead. */
  if (fact->is_cut) {
    char event[64] = "";
    sscanf(strstr(fact->bytes, "\"event\":\"") + 9, "%63[^\"]", event);
    fact = log_open(event);
    text_add(fact, ",\"unloggable\":\"too long\"");
  }
  fact->size += 64;
  if (scribe.dropped > 0) text_add(fact, ",\"droppedFacts\":%u", scribe.dropped);
  text_add(fact, "}\n");
  if (tell(fact->bytes, fact->length)) scribe.dropped = 0;
  else scribe.dropped += 1;
}

void scribe_save_cell(const char *line, size_t length) {
  if (length + 2 > sizeof scribe.unsaved) return;
  scribe.unsaved[0] = CELL_LINE;
  memcpy(scribe.unsaved + 1, line, length);
  scribe.unsaved[length + 1] = '\n';
  scribe.unsaved_length = length + 2;
  scribe_retry();
}

bool scribe_retry(void) {
  if (scribe.unsaved_length > 0 && tell(scribe.unsaved, scribe.unsaved_length)) scribe.unsaved_length = 0;
  return scribe.unsaved_length > 0;
}

void scribe_finish(void) {
  if (scribe.socket < 0) return;
  shutdown(scribe.socket, SHUT_WR);
  struct pollfd end = { .fd = scribe.socket, .events = POLLIN };
  poll(&end, 1, FINISH_MS);
}
