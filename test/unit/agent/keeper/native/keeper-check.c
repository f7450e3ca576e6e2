/*
 * Does keeper.c read the clock again right before it touches the watchdog? Only a clock that moves between two readings can show it.
 *
 *     keeper-check arm|pet CONFIG JUMP   how far the clock jumps right before that is done, ms; prints what the watchdog saw
 *
 * Around it: a machine and a leader that are made of functions, and a clock that only moves when it is told.
 */
#define _GNU_SOURCE
#include "agents.h"
#include "datagrams.h"
#include "keeper.h"
#include "lease-wire.h"
#include "scribe.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double clock_ms = 1000, jump_ms;
/* How many readings until the clock jumps; -1 for never. */
static int readings_left = -1;
static bool has_answer;

void refuse_to_start(const char *format, ...) { (void)format; abort(); }

double now_ms(void) {
  if (readings_left == 0) clock_ms += jump_ms;
  if (readings_left >= 0) readings_left -= 1;
  return clock_ms;
}

double wall_offset_ms(void) { return 0; }

static int none(void) { return -1; }
static const char *boot_id(void) { return "21111111-2222-4333-8444-555555555555"; }
static bool yes(void) { return true; }
static void arm(int timeout_ms, double at_ms) { (void)at_ms, printf("arm %d\n", timeout_ms), has_answer = true; }
static bool next_answer(double at_ms, struct dog_answer *answer) {
  bool had_answer = has_answer;
  (void)at_ms;
  has_answer = false;
  answer->is_armed = true;
  return had_answer;
}
static double answers_by_ms(void) { return INFINITY; }
static void pet(void) { puts("pet"); }
static void reset(void) { puts("reset"); }
static const struct machine FAKE = { .descriptor = none, .boot_id = boot_id, .is_cable_in = yes, .arm = arm, .next_answer = next_answer, .answers_by_ms = answers_by_ms, .pet = pet, .reset = reset };

/* The newest renewal, as a leader that grants it at once: both keys of the pair are the same here. */
static uint8_t sent[DATAGRAM_BYTES_MAX];
static size_t sent_length;
static bool is_granted;
struct traffic traffic;

void datagrams_send(int socket, const char *address, const uint8_t *bytes, size_t length) {
  (void)socket, (void)address;
  memcpy(sent, bytes, sent_length = length);
  is_granted = true;
}

long datagrams_receive(int socket, uint8_t *bytes, size_t size) {
  /* The mark of node-2. */
  static const uint8_t HEAD[] = { 3, 0x35, 0x16 };
  uint8_t tag[SHA256_BYTES], key[HMAC_KEY_BYTES];
  size_t head = sizeof HEAD, length = head + 19;
  (void)socket, (void)size;
  if (!is_granted) return -1;
  is_granted = false;
  memset(bytes, 0, length);
  memcpy(bytes, HEAD, head);
  memcpy(bytes + head, "L\x32", 2);
  /* The renewal's nonce lies behind the seal's head, two bytes, a hash and two uuids. */
  memcpy(bytes + head + 7, sent + head + 2 + 4 + 32, NONCE_BYTES);
  memset(key, 0xaa, sizeof key);
  hmac_sha256(key, bytes, length, tag);
  memcpy(bytes + length, tag, 16);
  return (long)length + 16;
}

/* What the time of one step is, and how far the clock jumps at which reading within it. */
static void step(double at_ms, int readings, double by_ms, void (*work)(void)) {
  clock_ms = at_ms;
  readings_left = readings;
  jump_ms = by_ms;
  work();
  readings_left = -1;
}

int main(int count, char **words) {
  static struct config config;
  static char bytes[4096];
  struct text problems = { .bytes = bytes, .size = sizeof bytes };
  if (count != 4 || !parse_config(words[2], strlen(words[2]), &config, &problems)) abort();
  scribe_start("node-1", "/dev/null", "/dev/null");
  keeper_start(&config, &FAKE, -1);
  double by_ms = atof(words[3]);
  /* Renewed at 1000; granted with P = 1500 from then on. */
  step(1000, -1, 0, keeper_work);
  if (strcmp(words[1], "arm") == 0) {
    step(2400, 1, by_ms, keeper_receive);
    return 0;
  }
  step(1001, -1, 0, keeper_receive);
  step(1002, -1, 0, keeper_work);
  /* A pet is due; the lease lasts until 2500. */
  step(1600, 3, by_ms, keeper_work);
  return 0;
}
