/* Which machine does this keeper guard? A node of the simulated room (room.c), or the one it runs on (device.c). */
#ifndef VES_MACHINE_H
#define VES_MACHINE_H

#include "config.h"

/* What became of an attempt to arm the watchdog. `why`: of a refusal. */
struct dog_answer {
  bool is_armed;
  char why[256];
};

struct machine {
  /* Ends the process, with a word on standard error, when there is no such machine. */
  void (*open)(const struct config *config);
  /* What to wait for, -1 for nothing; and what to do once there is something. */
  int (*descriptor)(void);
  void (*readable)(void);
  const char *(*boot_id)(void);
  /* Whether the network cable is plugged in. */
  bool (*is_cable_in)(void);
  /* The answer comes from `next_answer`: once for each `arm`, at the latest at `answers_by_ms`. */
  void (*arm)(int timeout_ms, double now_ms);
  bool (*next_answer)(double now_ms, struct dog_answer *answer);
  double (*answers_by_ms)(void);
  void (*pet)(void);
  /* Waits for the machine, which may take seconds. False when it could not; `why` says why. */
  bool (*disarm)(char *why, size_t size);
  /* Does not come back, unless the machine does not obey. */
  void (*reset)(void);
};

extern const struct machine ROOM_MACHINE, DEVICE_MACHINE;

/* Ends the process before it began: says why on standard error, exit code 1. */
__attribute__((noreturn, format(printf, 1, 2))) void refuse_to_start(const char *format, ...);
/* CLOCK_MONOTONIC in microseconds, as milliseconds: the same figure as the agent's (shared/process/process-world.ts). */
double now_ms(void);
/* CLOCK_REALTIME minus CLOCK_MONOTONIC: for the moments at which renewals are sent only (lease-holder.h). */
double wall_offset_ms(void);

#endif
