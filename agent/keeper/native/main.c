/*
 * How does a keeper start, wait, and end? `ves-keeper --config FILE`, the same file and words as agent/keeper/main.ts.
 *
 * One loop, one process that decides, no memory from malloc: all tables are fixed, so all of it can be locked.
 */
#define _GNU_SOURCE
#include "agents.h"
#include "datagrams.h"
#include "keeper.h"
#include "playground.h"
#include "scribe.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

/* A timer that is always due must not become a loop without rest; Node.js rests as long. Then: what could not be written is tried again. */
static const double REST_MS = 1, RETRY_MS = 250, WAIT_MS_MAX = 60000;

enum { SIGNALS, LEASH, MACHINE, DATAGRAMS, FIRST_AGENT, POLLS = FIRST_AGENT + AGENT_POLLS };

static struct config config;

void refuse_to_start(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("keeper: ", stderr);
  vfprintf(stderr, format, arguments);
  fputs("\n", stderr);
  va_end(arguments);
  exit(1);
}

static double clock_ms(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (double)((int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000) / 1000;
}

double now_ms(void) { return clock_ms(CLOCK_MONOTONIC); }

double wall_offset_ms(void) { return clock_ms(CLOCK_REALTIME) - clock_ms(CLOCK_MONOTONIC); }

static void read_config(int count, char **words) {
  static char bytes[JSON_BYTES_MAX], said[4096];
  const char *path = NULL;
  for (int at = 1; at + 1 < count; at += 1) if (path == NULL && strcmp(words[at], "--config") == 0) path = words[at + 1];
  if (path == NULL) refuse_to_start("usage: ves-keeper --config FILE");
  long length = read_file(path, bytes, sizeof bytes);
  if (length < 0) refuse_to_start("could not read %s: %s", path, strerror(errno));
  struct text problems = { .bytes = said, .size = sizeof said };
  if (!parse_config(bytes, (size_t)length, &config, &problems)) refuse_to_start("the keeper's configuration %s", said);
}

/* Signals come as something to read, between two events and never within one. */
static int open_signals(void) {
  sigset_t wanted;
  sigemptyset(&wanted);
  sigaddset(&wanted, SIGTERM);
  sigaddset(&wanted, SIGINT);
  if (playground_counts()) sigaddset(&wanted, SIGUSR2);
  sigprocmask(SIG_BLOCK, &wanted, NULL);
  signal(SIGPIPE, SIG_IGN);
  return signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* True when this process was asked to end. */
static bool take_signals(int signals) {
  struct signalfd_siginfo signal;
  bool is_end = false;
  while (read(signals, &signal, sizeof signal) == sizeof signal) {
    if (signal.ssi_signo == SIGUSR2) playground_tell_traffic();
    else is_end = true;
  }
  return is_end;
}

static void wait_for_news(struct pollfd *polls, double until_ms) {
  double left_ms = fmin(fmax(REST_MS, until_ms - now_ms()), WAIT_MS_MAX);
  struct timespec timeout = { .tv_sec = (time_t)(left_ms / 1000), .tv_nsec = (long)(fmod(left_ms, 1000) * 1e6) };
  if (ppoll(polls, POLLS, &timeout, NULL) > 0) return;
  for (int at = 0; at < POLLS; at += 1) polls[at].revents = 0;
}

static void run(const struct machine *machine, int signals, int datagrams) {
  struct pollfd polls[POLLS];
  for (;;) {
    polls[SIGNALS] = (struct pollfd){ .fd = signals, .events = POLLIN };
    polls[LEASH] = (struct pollfd){ .fd = playground_descriptor(), .events = POLLIN };
    polls[MACHINE] = (struct pollfd){ .fd = machine->descriptor(), .events = POLLIN };
    polls[DATAGRAMS] = (struct pollfd){ .fd = datagrams, .events = POLLIN };
    agents_poll(polls + FIRST_AGENT);
    double until_ms = keeper_wakes_at_ms();
    if (scribe_retry()) until_ms = fmin(until_ms, now_ms() + RETRY_MS);
    wait_for_news(polls, until_ms);
    if (polls[SIGNALS].revents != 0 && take_signals(signals)) return;
    if (polls[LEASH].revents != 0) playground_readable();
    if (polls[MACHINE].revents != 0) machine->readable();
    if (polls[DATAGRAMS].revents != 0) keeper_receive();
    agents_serve(polls + FIRST_AGENT, now_ms(), keeper_hear, keeper_greet);
    if (agents_left()) keeper_agent_gone();
    keeper_work();
  }
}

int main(int count, char **words) {
  static char cell_file[PATH_CHARS_MAX + 32], why[PATH_CHARS_MAX + 256];
  playground_open();
  read_config(count, words);
  int signals = open_signals();
  snprintf(cell_file, sizeof cell_file, "%s/keeper-cell.json", config.data_directory);
  if (!scribe_start(config.node.name, config.has_log_file ? config.log_file : NULL, cell_file)) {
    refuse_to_start("cannot write the log file %s: make its directory writable, or choose another one (logFile): %s", config.log_file, strerror(errno));
  }
  const struct machine *machine = config.is_room ? &ROOM_MACHINE : &DEVICE_MACHINE;
  machine->open(&config);
  int datagrams = datagrams_open(config.lease_listen);
  if (datagrams < 0) refuse_to_start("could not open UDP %s: is the port taken, or the address not of this machine? %s", config.lease_listen, strerror(errno));
  keeper_start(&config, machine, datagrams);
  if (!agents_listen(config.keeper_socket, why, sizeof why)) refuse_to_start("%s", why);
  struct text *fact = log_open("keeperStarted");
  text_add(fact, ",\"bootId\":\"%s\",\"pid\":%d", machine->boot_id(), (int)getpid());
  log_close(fact);
  run(machine, signals, datagrams);
  keeper_stop();
  scribe_finish();
  return 0;
}
