/*
 * What do a keeper and the voters say to each other, and how is it sealed?
 *
 *     renewal  'L' version 1 constants:u32 cluster:16 boot:16 nonce:12 node:text cell:text     (shared/wire/lease.ts)
 *     grant    'L' version 2 status:u8 constants:u32 term:u48 nonce:12
 *     seal     version, length of the sender's id, the id, the payload, 16 bytes of HMAC-SHA256  (shared/net/lease-seal.ts)
 *
 * Numbers are big-endian; a text is one byte of length and ASCII.
 */
#include "lease-wire.h"

#include <stdio.h>
#include <string.h>

enum {
  MAGIC = 'L', LEASE_VERSION = 2, RENEWAL = 1, GRANT = 2, SEAL_VERSION = 2, TAG_BYTES = 16,
  HEAD_BYTES = 3, STATUS_AT = HEAD_BYTES, GRANT_NONCE_AT = STATUS_AT + 1 + 4 + 6, GRANT_BYTES = GRANT_NONCE_AT + NONCE_BYTES,
};

uint32_t constants_hash(const struct profile *profile) {
  char figures[96];
  /* The last is CLOCK_RATE_ERROR (SAFETY.md 4.2). */
  int length = snprintf(figures, sizeof figures, "%s %d %d %d %d %d %d 0.02", profile->name, profile->renew_interval_ms, profile->pet_window_ms,
    profile->watchdog_ms, profile->watchdog_latency_ms, profile->margin_ms, profile->fence_wait_ms);
  uint32_t hash = 0x811c9dc5; /* FNV-1a */
  for (int at = 0; at < length; at += 1) hash = (hash ^ (uint8_t)figures[at]) * 0x01000193;
  return hash;
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
  *to++ = SEAL_VERSION;
  to = put_text(to, renewal->self);
  *to++ = MAGIC;
  *to++ = LEASE_VERSION;
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

bool open_grant(const uint8_t *datagram, size_t length, const struct cell *cell, struct holder_event *event) {
  uint8_t tag[SHA256_BYTES];
  if (length < 2 || length > DATAGRAM_BYTES_MAX || datagram[0] != SEAL_VERSION) return false;
  size_t id_length = datagram[1], head = 2 + id_length;
  if (id_length == 0 || id_length > ID_BYTES_MAX || length != head + GRANT_BYTES + TAG_BYTES) return false;
  const struct voter *voter = find_voter(cell, (const char *)datagram + 2, id_length);
  if (voter == NULL) return false;
  hmac_sha256(voter->receive_key, datagram, length - TAG_BYTES, tag);
  if (!is_same_tag(tag, datagram + length - TAG_BYTES)) return false;
  const uint8_t *grant = datagram + head;
  if (grant[0] != MAGIC || grant[1] != LEASE_VERSION || grant[2] != GRANT || grant[STATUS_AT] >= STATUS_COUNT) return false;
  event->kind = ANSWERED;
  event->status = (enum status)grant[STATUS_AT];
  event->leader = voter->id;
  memcpy(event->nonce, grant + GRANT_NONCE_AT, NONCE_BYTES);
  return true;
}
