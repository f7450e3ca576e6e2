/*
 * How is the machine's own watchdog held? /dev/watchdogN of the kernel (i6300esb, iTCO, xen_wdt, softdog), opened once
 * (Documentation/watchdog/watchdog-api.rst). And how is the machine reset, without help of user space or disks?
 *
 * The kernel arms it when the device is opened, and disarms it after the letter `V` (magic close), or at any close when
 * the driver knows no magic close. A process that dies with it open must leave it armed: that is the point. So:
 *
 *     closed --arm: opened, timeout set and read back, closing proven harmless--> open --disarm: V, close--> closed
 *     closed --arm: one of these failed--> closed again, with V only if it was inactive before: an earlier keeper of this
 *                                          boot may have armed it for domains that run
 */
#define _GNU_SOURCE
#include "machine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/watchdog.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "scribe.h"

/* The test has files of its own in their place, and never the machine's. */
#ifndef VES_PROC
#define VES_PROC "/proc"
#endif
#ifndef VES_SYS_WATCHDOG
#define VES_SYS_WATCHDOG "/sys/class/watchdog"
#endif

/* Above everything that is not itself real-time; below the kernel's migration and watchdog threads. */
enum { FIFO_PRIORITY = 50, STACK_BYTES = 128 * 1024 };

static struct {
  const char *path;
  int fd;
  bool has_answer;
  struct dog_answer answer;
  char boot_id[UUID_CHARS + 1];
} device = { .fd = -1 };

static bool put(const char *path, const char *bytes) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  bool is_written = write(fd, bytes, strlen(bytes)) == (ssize_t)strlen(bytes);
  int error = errno;
  close(fd);
  errno = error;
  return is_written;
}

static void tell_refused(const char *what) {
  struct text *fact = log_open("machineRefused");
  text_add(fact, ",\"level\":\"warning\",\"what\":\"%s\",\"error\":\"%s\"", what, strerror(errno));
  log_close(fact);
}

/* SAFETY.md 4.1: no pause for a page that is not there, for others' work, or for the kernel's need of memory. Each is worth having alone. */
static void stay_awake(void) {
  volatile char stack[STACK_BYTES];
  for (size_t at = 0; at < sizeof stack; at += 4096) stack[at] = 0;
  if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) tell_refused("mlockall");
  struct sched_param priority = { .sched_priority = FIFO_PRIORITY };
  /* The scribe is started anew by a fork: it must not inherit this. */
  if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &priority) != 0) tell_refused("SCHED_FIFO");
  if (!put(VES_PROC "/self/oom_score_adj", "-1000")) tell_refused("oom_score_adj");
}

static void device_open(const struct config *config) {
  device.path = config->watchdog;
  if (read_file(VES_PROC "/sys/kernel/random/boot_id", device.boot_id, UUID_CHARS) != UUID_CHARS || !is_uuid(device.boot_id)) refuse_to_start("could not read the kernel's boot id");
  stay_awake();
}

/* A read-only attribute that the kernel shows of the device; empty when it does not. */
static void attribute(const char *name, char *value, size_t size) {
  char path[PATH_CHARS_MAX + 64];
  const char *slash = strrchr(device.path, '/');
  snprintf(path, sizeof path, VES_SYS_WATCHDOG "/%s/%s", slash == NULL ? device.path : slash + 1, name);
  long length = read_file(path, value, size - 1);
  value[length < 0 ? 0 : length] = '\0';
  value[strcspn(value, "\n")] = '\0';
}

/* What is wrong with the open device, or NULL. The driver must really keep this timeout: the fence proof stands on it. */
static const char *prepare(int seconds, char *why, size_t size) {
  int wanted = seconds, kept = 0;
  struct watchdog_info info = { 0 };
  char nowayout[8];
  attribute("nowayout", nowayout, sizeof nowayout);
  if (ioctl(device.fd, WDIOC_SETTIMEOUT, &wanted) != 0) snprintf(why, size, "its timeout cannot be set: %s", strerror(errno));
  else if (ioctl(device.fd, WDIOC_GETTIMEOUT, &kept) != 0 || wanted != seconds || kept != seconds) snprintf(why, size, "it keeps %d s", kept);
  else if (ioctl(device.fd, WDIOC_GETSUPPORT, &info) != 0) snprintf(why, size, "it does not say what it can do: %s", strerror(errno));
  else if ((info.options & WDIOF_MAGICCLOSE) == 0 && strcmp(nowayout, "1") != 0) snprintf(why, size, "the death of this process would disarm it");
  else return NULL;
  return why;
}

static bool pet_device(void) { return write(device.fd, "", 1) == 1; }

static bool arm_device(int timeout_ms) {
  char before[16], why[160];
  int seconds = (timeout_ms + 999) / 1000;
  if (device.fd >= 0) return pet_device();
  attribute("state", before, sizeof before);
  device.fd = open(device.path, O_WRONLY | O_CLOEXEC);
  if (device.fd < 0) snprintf(why, sizeof why, "%s", strerror(errno));
  else if (prepare(seconds, why, sizeof why) == NULL && pet_device()) return true;
  snprintf(device.answer.why, sizeof device.answer.why, "could not arm the watchdog with %d s: %s", seconds, why);
  if (device.fd < 0) return false;
  if (strcmp(before, "inactive") == 0 && write(device.fd, "V", 1) != 1) tell_refused("magic close");
  close(device.fd);
  device.fd = -1;
  return false;
}

static void device_arm(int timeout_ms, double at_ms) {
  (void)at_ms;
  device.answer.is_armed = arm_device(timeout_ms);
  device.has_answer = true;
}

static bool device_next_answer(double at_ms, struct dog_answer *answer) {
  (void)at_ms;
  bool has_answer = device.has_answer;
  device.has_answer = false;
  if (has_answer) *answer = device.answer;
  return has_answer;
}

static double device_answers_by_ms(void) { return device.has_answer ? 0 : INFINITY; }
static int device_descriptor(void) { return -1; }
static void device_readable(void) {}
static const char *device_boot_id(void) { return device.boot_id; }
static bool device_is_cable_in(void) { return true; }

static void device_pet(void) {
  if (device.fd >= 0 && !pet_device()) tell_refused("pet");
}

static bool device_disarm(char *why, size_t size) {
  if (device.fd < 0) return true;
  bool is_disarmed = write(device.fd, "V", 1) == 1 && close(device.fd) == 0;
  if (!is_disarmed) snprintf(why, size, "could not disarm %s: %s", device.path, strerror(errno));
  else device.fd = -1;
  return is_disarmed;
}

/* Both writes are one system call each and take effect in the kernel. What it does not obey, the watchdog ends: nobody pets it any more. */
static void device_reset(void) {
  bool is_obeyed = put(VES_PROC "/sys/kernel/sysrq", "1");
  is_obeyed = put(VES_PROC "/sysrq-trigger", "b") && is_obeyed;
  if (!is_obeyed) tell_refused("reset");
}

const struct machine DEVICE_MACHINE = {
  .open = device_open, .descriptor = device_descriptor, .readable = device_readable, .boot_id = device_boot_id, .is_cable_in = device_is_cable_in,
  .arm = device_arm, .next_answer = device_next_answer, .answers_by_ms = device_answers_by_ms, .pet = device_pet, .disarm = device_disarm, .reset = device_reset,
};
