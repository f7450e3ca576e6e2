/*
 * How does a keeper reach its simulated machine? The room's line protocol (agent/room/protocol.ts), as role `keeper`.
 *
 * When the connection ends, the machine is off, resets, or the whole room lost power: this process has no machine any
 * more, and ends.
 */
#define _GNU_SOURCE
#include "lines.h"
#include "machine.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const double CONNECT_TIMEOUT_MS = 5000, REQUEST_TIMEOUT_MS = 10000, RESET_TIMEOUT_MS = 1000;
/* Attempts to arm that are not answered yet. */
enum { ARMS_MAX = 16 };

enum arm_phase { UNUSED, WAITING, DONE, FAILED };

static struct {
  int fd;
  bool is_cable_in;
  char boot_id[UUID_CHARS + 1];
  int last_id;
  struct { enum arm_phase phase; int id; double by_ms; char why[256]; } arms[ARMS_MAX];
  int overdue_arms;
  /* The request that `disarm` waits for. */
  int awaited_id;
  enum arm_phase awaited;
  char awaited_why[256];
  struct lines lines;
} room = { .fd = -1, .is_cable_in = true };

/* A whole line at once or not at all: a pet that waited somewhere could come when the lease is over. */
__attribute__((format(printf, 1, 2))) static bool say(const char *format, ...) {
  char line[256];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  if (length < 0 || (size_t)length >= sizeof line) return false;
  ssize_t sent = send(room.fd, line, (size_t)length, MSG_DONTWAIT | MSG_NOSIGNAL);
  /* Half a line: the room would not understand the next one either. */
  if (sent > 0 && sent < length) _exit(1);
  return sent == length;
}

static bool wait_for_room(double until_ms) {
  double left_ms = until_ms - now_ms();
  struct pollfd wanted = { .fd = room.fd, .events = POLLIN };
  return left_ms > 0 && poll(&wanted, 1, (int)ceil(left_ms)) > 0;
}

static void why_not(const struct json *json, int error, char *why, size_t size) {
  if (!json_string(json, json_field(json, error, "message"), why, size)) snprintf(why, size, "the room answered nonsense");
}

static void on_answer(double id, const struct json *json) {
  int error = json_field(json, 0, "error");
  for (int at = 0; at < ARMS_MAX; at += 1) {
    if (room.arms[at].phase != WAITING || room.arms[at].id != id) continue;
    room.arms[at].phase = error < 0 ? DONE : FAILED;
    why_not(json, error, room.arms[at].why, sizeof room.arms[at].why);
  }
  if (id != room.awaited_id) return;
  room.awaited = error < 0 ? DONE : FAILED;
  why_not(json, error, room.awaited_why, sizeof room.awaited_why);
}

static void hear_lines(void) {
  const char *line;
  size_t length;
  while (lines_next(&room.lines, &line, &length)) {
    struct json json;
    double id;
    if (!json_parse(&json, line, length) || !json_is(&json, 0, JSON_OBJECT)) _exit(1);
    int mesh = json_field(&json, 0, "mesh");
    if (json_is(&json, mesh, JSON_TRUE)) room.is_cable_in = true;
    else if (json_is(&json, mesh, JSON_FALSE)) room.is_cable_in = false;
    else if (json_number(&json, json_field(&json, 0, "id"), &id)) on_answer(id, &json);
  }
}

static void room_readable(void) {
  if (lines_fill(&room.lines, room.fd) == ENDED) _exit(1);
  hear_lines();
}

static void room_open(const struct config *config) {
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  double until_ms = now_ms() + CONNECT_TIMEOUT_MS;
  memcpy(room.boot_id, config->boot_id, sizeof room.boot_id);
  if (strlen(config->room_socket) >= sizeof address.sun_path) refuse_to_start("the socket path %s is too long", config->room_socket);
  strcpy(address.sun_path, config->room_socket);
  room.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (room.fd < 0 || connect(room.fd, (struct sockaddr *)&address, sizeof address) != 0
    || !say("{\"hello\":{\"role\":\"keeper\",\"node\":\"%s\",\"bootId\":\"%s\"}}\n", config->node.name, room.boot_id)) {
    refuse_to_start("could not reach the machine room at %s: %s", config->room_socket, strerror(errno));
  }
  const char *line;
  size_t length;
  while (!lines_next(&room.lines, &line, &length)) {
    if (!wait_for_room(until_ms) || lines_fill(&room.lines, room.fd) == ENDED) refuse_to_start("could not reach the machine room at %s: the room did not answer", config->room_socket);
  }
  struct json json;
  char why[256];
  bool is_json = json_parse(&json, line, length);
  if (is_json && json_is(&json, json_field(&json, 0, "welcome"), JSON_TRUE)) {
    hear_lines();
    return;
  }
  why_not(&json, is_json ? json_field(&json, 0, "refused") : -1, why, sizeof why);
  refuse_to_start("%s", why);
}

static int room_descriptor(void) { return room.fd; }
static const char *room_boot_id(void) { return room.boot_id; }
static bool room_is_cable_in(void) { return room.is_cable_in; }

static void room_arm(int timeout_ms, double at_ms) {
  for (int at = 0; at < ARMS_MAX; at += 1) {
    if (room.arms[at].phase != UNUSED) continue;
    room.last_id += 1;
    room.arms[at].id = room.last_id;
    room.arms[at].by_ms = at_ms + REQUEST_TIMEOUT_MS;
    room.arms[at].phase = say("{\"id\":%d,\"op\":\"watchdog\",\"action\":\"arm\",\"timeoutMs\":%d}\n", room.last_id, timeout_ms) ? WAITING : FAILED;
    snprintf(room.arms[at].why, sizeof room.arms[at].why, "the room takes no more requests");
    return;
  }
  room.overdue_arms += 1;
}

static bool room_next_answer(double at_ms, struct dog_answer *answer) {
  for (int at = 0; at < ARMS_MAX; at += 1) {
    bool is_late = room.arms[at].phase == WAITING && at_ms >= room.arms[at].by_ms;
    if (is_late) snprintf(room.arms[at].why, sizeof room.arms[at].why, "the room did not answer watchdog within %.0f ms", REQUEST_TIMEOUT_MS);
    if (!is_late && room.arms[at].phase != DONE && room.arms[at].phase != FAILED) continue;
    answer->is_armed = room.arms[at].phase == DONE;
    memcpy(answer->why, room.arms[at].why, sizeof answer->why);
    room.arms[at].phase = UNUSED;
    return true;
  }
  if (room.overdue_arms == 0) return false;
  room.overdue_arms -= 1;
  answer->is_armed = false;
  snprintf(answer->why, sizeof answer->why, "the room has not answered %d attempts before", ARMS_MAX);
  return true;
}

static double room_answers_by_ms(void) {
  double by_ms = room.overdue_arms > 0 ? 0 : INFINITY;
  for (int at = 0; at < ARMS_MAX; at += 1) {
    if (room.arms[at].phase == DONE || room.arms[at].phase == FAILED) return 0;
    if (room.arms[at].phase == WAITING && room.arms[at].by_ms < by_ms) by_ms = room.arms[at].by_ms;
  }
  return by_ms;
}

static void room_pet(void) {
  room.last_id += 1;
  say("{\"id\":%d,\"op\":\"watchdog\",\"action\":\"pet\"}\n", room.last_id);
}

static bool room_disarm(char *why, size_t size) {
  double until_ms = now_ms() + REQUEST_TIMEOUT_MS;
  room.awaited_id = room.last_id += 1;
  room.awaited = WAITING;
  snprintf(room.awaited_why, sizeof room.awaited_why, "the room did not answer watchdog within %.0f ms", REQUEST_TIMEOUT_MS);
  if (say("{\"id\":%d,\"op\":\"watchdog\",\"action\":\"disarm\"}\n", room.last_id)) {
    while (room.awaited == WAITING && wait_for_room(until_ms)) room_readable();
  }
  snprintf(why, size, "%s", room.awaited_why);
  return room.awaited == DONE;
}

/* The last thing that this process says. A room that does not take it has the watchdog. */
static void room_reset(void) {
  struct pollfd room_for_more = { .fd = room.fd, .events = POLLOUT };
  room.last_id += 1;
  if (!say("{\"id\":%d,\"op\":\"resetNow\"}\n", room.last_id) && poll(&room_for_more, 1, (int)RESET_TIMEOUT_MS) > 0) say("{\"id\":%d,\"op\":\"resetNow\"}\n", room.last_id);
  raise(SIGKILL);
}

const struct machine ROOM_MACHINE = {
  .open = room_open, .descriptor = room_descriptor, .readable = room_readable, .boot_id = room_boot_id, .is_cable_in = room_is_cable_in,
  .arm = room_arm, .next_answer = room_next_answer, .answers_by_ms = room_answers_by_ms, .pet = room_pet, .disarm = room_disarm, .reset = room_reset,
};
