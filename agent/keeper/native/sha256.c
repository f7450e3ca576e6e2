/*
 * How are lease datagrams authenticated? SHA-256 (FIPS 180-4) and HMAC (RFC 2104) over it.
 *
 * Written here, because a static program of a few hundred kilobytes cannot carry a library of megabytes for two
 * datagrams a second. The test compares it with that library.
 */
#include "sha256.h"

#include <string.h>

enum { BLOCK_BYTES = 64, LENGTH_BYTES = 8 };

/* FIPS 180-4, 4.2.2: the fractional parts of the cube roots of the first 64 primes. */
static const uint32_t ROUND[64] = {
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
  0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
  0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
  0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
  0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
  0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

struct hash {
  uint32_t state[8];
  uint8_t block[BLOCK_BYTES];
  size_t held;
  uint64_t length;
};

static uint32_t turn(uint32_t word, int by) { return word >> by | word << (32 - by); }

static void add_block(struct hash *hash) {
  uint32_t schedule[64], s[8];
  for (int at = 0; at < 16; at += 1) {
    const uint8_t *word = hash->block + 4 * at;
    schedule[at] = (uint32_t)word[0] << 24 | (uint32_t)word[1] << 16 | (uint32_t)word[2] << 8 | word[3];
  }
  for (int at = 16; at < 64; at += 1) {
    uint32_t two = schedule[at - 2], fifteen = schedule[at - 15];
    schedule[at] = schedule[at - 16] + schedule[at - 7] + (turn(fifteen, 7) ^ turn(fifteen, 18) ^ fifteen >> 3) + (turn(two, 17) ^ turn(two, 19) ^ two >> 10);
  }
  memcpy(s, hash->state, sizeof s);
  for (int at = 0; at < 64; at += 1) {
    uint32_t one = s[7] + (turn(s[4], 6) ^ turn(s[4], 11) ^ turn(s[4], 25)) + ((s[4] & s[5]) ^ (~s[4] & s[6])) + ROUND[at] + schedule[at];
    uint32_t two = (turn(s[0], 2) ^ turn(s[0], 13) ^ turn(s[0], 22)) + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
    memmove(s + 1, s, 7 * sizeof s[0]);
    s[4] += one;
    s[0] = one + two;
  }
  for (int at = 0; at < 8; at += 1) hash->state[at] += s[at];
}

static void begin(struct hash *hash) {
  *hash = (struct hash){ .state = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 } };
}

static void add(struct hash *hash, const uint8_t *bytes, size_t length) {
  hash->length += length;
  while (length > 0) {
    size_t part = BLOCK_BYTES - hash->held < length ? BLOCK_BYTES - hash->held : length;
    memcpy(hash->block + hash->held, bytes, part);
    hash->held += part;
    bytes += part;
    length -= part;
    if (hash->held == BLOCK_BYTES) {
      add_block(hash);
      hash->held = 0;
    }
  }
}

static void finish(struct hash *hash, uint8_t digest[SHA256_BYTES]) {
  static const uint8_t PADDING[BLOCK_BYTES] = { 0x80 };
  uint8_t bits[LENGTH_BYTES];
  uint64_t length_bits = hash->length * 8;
  for (int at = 0; at < LENGTH_BYTES; at += 1) bits[at] = (uint8_t)(length_bits >> (56 - 8 * at));
  size_t before = BLOCK_BYTES - LENGTH_BYTES;
  add(hash, PADDING, hash->held < before ? before - hash->held : BLOCK_BYTES + before - hash->held);
  add(hash, bits, LENGTH_BYTES);
  for (int at = 0; at < SHA256_BYTES; at += 1) digest[at] = (uint8_t)(hash->state[at / 4] >> (24 - 8 * (at % 4)));
}

void sha256(const uint8_t *bytes, size_t length, uint8_t digest[SHA256_BYTES]) {
  struct hash hash;
  begin(&hash);
  add(&hash, bytes, length);
  finish(&hash, digest);
}

void hmac_sha256(const uint8_t key[HMAC_KEY_BYTES], const uint8_t *bytes, size_t length, uint8_t mac[SHA256_BYTES]) {
  struct hash hash;
  uint8_t inner[BLOCK_BYTES], outer[BLOCK_BYTES];
  for (int at = 0; at < BLOCK_BYTES; at += 1) {
    uint8_t byte = at < HMAC_KEY_BYTES ? key[at] : 0;
    inner[at] = byte ^ 0x36;
    outer[at] = byte ^ 0x5c;
  }
  begin(&hash);
  add(&hash, inner, BLOCK_BYTES);
  add(&hash, bytes, length);
  finish(&hash, mac);
  begin(&hash);
  add(&hash, outer, BLOCK_BYTES);
  add(&hash, mac, SHA256_BYTES);
  finish(&hash, mac);
}
