/* What do a keeper and the voters say to each other, and how is it sealed? As shared/wire/lease.ts and shared/net/lease-seal.ts. */
#ifndef VES_LEASE_WIRE_H
#define VES_LEASE_WIRE_H

#include "cell.h"

/* A datagram that is longer is neither sent nor understood. */
enum { DATAGRAM_BYTES_MAX = 1200 };

struct renewal {
  const char *self;
  const char *boot_id;
  const struct profile *profile;
  const uint8_t *nonce;
};

/* 32 bits that differ when any figure of a profile differs: both ends of a lease must do the same arithmetic. */
uint32_t constants_hash(const struct profile *profile);
/* A sealed renewal for this voter. Returns its length. */
size_t seal_renewal(uint8_t datagram[DATAGRAM_BYTES_MAX], const struct renewal *renewal, const struct cell *cell, const struct voter *voter);
/* Fills in an ANSWERED event, but for its time. False unless a voter of this cell sealed exactly this for us, and it is a grant. */
bool open_grant(const uint8_t *datagram, size_t length, const struct cell *cell, struct holder_event *event);
/* The voter of that name, as its keys are looked up; NULL for a stranger. */
const struct voter *find_voter(const struct cell *cell, const char *name, size_t length);

#endif
