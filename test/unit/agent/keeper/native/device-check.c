/*
 * What does device.c do with a watchdog? It is compiled with files of a test in the place of the kernel's, and with these
 * stand-ins for the calls that a test must not make. Orders come as words, and each is answered with what became of it.
 *
 *     device-check DEVICE KEEPS CLOSING arm 2000 pet disarm reset ...
 *
 * KEEPS: the seconds that the driver keeps whatever it is asked (0: what it is asked). CLOSING: `magic` for a driver that
 * knows magic close, `plain` for one that does not.
 */
#define _GNU_SOURCE
#include "machine.h"
#include "scribe.h"

#include <linux/watchdog.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if !defined VES_PROC || !defined VES_SYS_WATCHDOG || !defined ioctl || !defined mlockall || !defined sched_setscheduler
#error "this would reach the machine itself"
#endif

static int keeps_seconds, kept_seconds;
static bool has_magic_close;

void refuse_to_start(const char *format, ...) {
  (void)format;
  puts("refused to start");
  exit(1);
}

double now_ms(void) { return 0; }
int mlockall(int flags) { return (void)flags, 0; }
int sched_setscheduler(pid_t pid, int policy, const struct sched_param *param) { return (void)pid, (void)policy, (void)param, 0; }

int ioctl(int fd, unsigned long request, ...) {
  va_list arguments;
  va_start(arguments, request);
  void *into = va_arg(arguments, void *);
  va_end(arguments);
  (void)fd;
  if (request == WDIOC_SETTIMEOUT) kept_seconds = keeps_seconds == 0 ? *(int *)into : keeps_seconds;
  if (request == WDIOC_SETTIMEOUT || request == WDIOC_GETTIMEOUT) *(int *)into = kept_seconds;
  if (request == WDIOC_GETSUPPORT) ((struct watchdog_info *)into)->options = WDIOF_SETTIMEOUT | (has_magic_close ? WDIOF_MAGICCLOSE : 0);
  return 0;
}

int main(int count, char **words) {
  static struct config config;
  static char why[256];
  struct dog_answer answer;
  snprintf(config.watchdog, sizeof config.watchdog, "%s", words[1]);
  keeps_seconds = atoi(words[2]);
  has_magic_close = strcmp(words[3], "magic") == 0;
  scribe_start("node-1", NULL, "/nowhere");
  DEVICE_MACHINE.open(&config);
  printf("boot %s\n", DEVICE_MACHINE.boot_id());
  for (int at = 4; at < count; at += 1) {
    if (strcmp(words[at], "arm") == 0) {
      DEVICE_MACHINE.arm(atoi(words[++at]), 0);
      if (!DEVICE_MACHINE.next_answer(0, &answer) || DEVICE_MACHINE.next_answer(0, &answer)) puts("not one answer");
      puts(answer.is_armed ? "armed" : answer.why);
    } else if (strcmp(words[at], "pet") == 0) DEVICE_MACHINE.pet();
    else if (strcmp(words[at], "disarm") == 0) puts(DEVICE_MACHINE.disarm(why, sizeof why) ? "disarmed" : why);
    else if (strcmp(words[at], "reset") == 0) DEVICE_MACHINE.reset();
  }
  scribe_finish();
  return 0;
}
