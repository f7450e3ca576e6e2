/* How are lease datagrams authenticated? SHA-256 (FIPS 180-4) and HMAC (RFC 2104) over it. */
#ifndef VES_SHA256_H
#define VES_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { SHA256_BYTES = 32, HMAC_KEY_BYTES = 32 };

void sha256(const uint8_t *bytes, size_t length, uint8_t digest[SHA256_BYTES]);
void hmac_sha256(const uint8_t key[HMAC_KEY_BYTES], const uint8_t *bytes, size_t length, uint8_t mac[SHA256_BYTES]);

#endif
