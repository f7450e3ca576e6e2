/*
 * What do a keeper and the voters say to each other, and how is it sealed?
 *
 *     renewal  'L' 0x31 constants:u32 cluster:16 boot:16 nonce:12 node:text cell:text     (shared/wire/lease.ts)
 *     grant    'L' 0x32 status:u8 constants:u32 nonce:12
 *     seal     version, two bytes of mark, the payload, 16 bytes of HMAC-SHA256           (shared/net/lease-seal.ts)
 *
 * The mark only says whose keys to try: who sent it is whose key fits. Numbers are big-endian; a text is one byte of length and ASCII.
 */
#include "lease-wire.h"

#include <stdio.h>
#include <string.h>

enum {
  MAGIC = 'L', RENEWAL = 0x31, GRANT = 0x32, SEAL_VERSION = 3, SEAL_BYTES = 3, TAG_BYTES = 16,
  HEAD_BYTES = 2, STATUS_AT = HEAD_BYTES, GRANT_NONCE_AT = STATUS_AT + 1 + 4, GRANT_BYTES = GRANT_NONCE_AT + NONCE_BYTES,
};

/* FNV-1a. */
static uint32_t fnv(const char *text, size_t length) {
  uint32_t hash = 0x811c9dc5;
  for (size_t at = 0; at < length; at += 1) hash = (hash ^ (uint8_t)text[at]) * 0x01000193;
  return hash;
}

static uint16_t mark_of(const char *id) { return (uint16_t)fnv(id, strlen(id)); }

uint32_t constants_hash(const struct profile *profile) {
  char figures[96];
  /* The last is CLOCK_RATE_ERROR (SAFETY.md 4.2). */
  int length = snprintf(figures, sizeof figures, "%s %d %d %d %d %d %d 0.02", profile->name, profile->renew_interval_ms, profile->pet_window_ms,
    profile->watchdog_ms, profile->watchdog_latency_ms, profile->margin_ms, profile->fence_wait_ms);
  return fnv(figures, (size_t)length);
}

static uint8_t *put_uuid(uint8_t *to, const char *uuid) {
  for (int left = 16; left > 0; left -= 1) {
    unsigned byte = 0;
    if (*uuid == '-') uuid += 1;
    sscanf(uuid, "%2x", &byte);
    uuid += 2;
    *to++ = (uint8_t)byte;
  }
  return to;
}

static uint8_t *put_text(uint8_t *to, const char *text) {
  size_t length = strlen(text);
  *to++ = (uint8_t)length;
  memcpy(to, text, length);
  return to + length;
}

size_t seal_renewal(uint8_t datagram[DATAGRAM_BYTES_MAX], const struct renewal *renewal, const struct cell *cell, const struct voter *voter) {
  uint32_t constants = constants_hash(renewal->profile);
  uint8_t *to = datagram, tag[SHA256_BYTES];
  uint16_t mark = mark_of(renewal->self);
  *to++ = SEAL_VERSION;
  *to++ = (uint8_t)(mark >> 8);
  *to++ = (uint8_t)mark;
  *to++ = MAGIC;
  *to++ = RENEWAL;
  for (int shift = 24; shift >= 0; shift -= 8) *to++ = (uint8_t)(constants >> shift);
  to = put_uuid(to, cell->cluster_uuid);
  to = put_uuid(to, renewal->boot_id);
  memcpy(to, renewal->nonce, NONCE_BYTES);
  to = put_text(to + NONCE_BYTES, renewal->self);
  to = put_text(to, cell->name.name);
  hmac_sha256(voter->send_key, datagram, (size_t)(to - datagram), tag);
  memcpy(to, tag, TAG_BYTES);
  return (size_t)(to - datagram) + TAG_BYTES;
}

const struct voter *find_voter(const struct cell *cell, const char *name, size_t length) {
  /* From the end: of two with one name the later one's keys count, as in a map. */
  for (int at = cell->voter_count - 1; at >= 0; at -= 1) {
    const char *id = cell->voters[at].id.name;
    if (strlen(id) == length && memcmp(id, name, length) == 0) return &cell->voters[at];
  }
  return NULL;
}

/* In a time that does not tell how much of it was right. */
static bool is_same_tag(const uint8_t *one, const uint8_t *other) {
  uint8_t difference = 0;
  for (int at = 0; at < TAG_BYTES; at += 1) difference |= one[at] ^ other[at];
  return difference == 0;
}

/* The voter whose key fits; NULL when none does. */
static const struct voter *find_sender(const uint8_t *datagram, size_t length, const struct cell *cell) {
  uint8_t tag[SHA256_BYTES];
  uint16_t mark = (uint16_t)(datagram[1] << 8 | datagram[2]);
  for (int at = 0; at < cell->voter_count; at += 1) {
    const char *id = cell->voters[at].id.name;
    const struct voter *voter = find_voter(cell, id, strlen(id));
    if (mark_of(id) != mark) continue;
    hmac_sha256(voter->receive_key, datagram, length - TAG_BYTES, tag);
    if (is_same_tag(tag, datagram + length - TAG_BYTES)) return voter;
  }
  return NULL;
}

bool open_grant(const uint8_t *datagram, size_t length, const struct cell *cell, struct holder_event *event) {
  if (length != SEAL_BYTES + GRANT_BYTES + TAG_BYTES || datagram[0] != SEAL_VERSION) return false;
  const struct voter *voter = find_sender(datagram, length, cell);
  if (voter == NULL) return false;
  const uint8_t *grant = datagram + SEAL_BYTES;
  if (grant[0] != MAGIC || grant[1] != GRANT || grant[STATUS_AT] >= STATUS_COUNT) return false;
  event->kind = ANSWERED;
  event->status = (enum status)grant[STATUS_AT];
  event->leader = voter->id;
  memcpy(event->nonce, grant + GRANT_NONCE_AT, NONCE_BYTES);
  return true;
}
