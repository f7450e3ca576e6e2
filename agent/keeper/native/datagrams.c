/* How do small messages travel without a connection? Over UDP; failures are silence. As shared/net/datagrams.ts. */
#define _GNU_SOURCE
#include "datagrams.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct traffic traffic;

union address {
  struct sockaddr any;
  struct sockaddr_in four;
  struct sockaddr_in6 six;
};

/* Length of the address, 0 when it is none. */
static socklen_t parse(const char *text, union address *address) {
  char host[64];
  const char *colon = strrchr(text, ':');
  if (colon == NULL) return 0;
  bool has_brackets = text[0] == '[' && colon > text && colon[-1] == ']';
  size_t length = (size_t)(colon - text) - (has_brackets ? 2 : 0);
  long port = strtol(colon + 1, NULL, 10);
  if (length >= sizeof host || port < 0 || port > 65535) return 0;
  memcpy(host, text + (has_brackets ? 1 : 0), length);
  host[length] = '\0';
  memset(address, 0, sizeof *address);
  if (!has_brackets && inet_pton(AF_INET, host, &address->four.sin_addr) == 1) {
    address->four.sin_family = AF_INET;
    address->four.sin_port = htons((uint16_t)port);
    return sizeof address->four;
  }
  if (inet_pton(AF_INET6, host, &address->six.sin6_addr) != 1) return 0;
  address->six.sin6_family = AF_INET6;
  address->six.sin6_port = htons((uint16_t)port);
  return sizeof address->six;
}

int datagrams_open(const char *text) {
  union address address;
  socklen_t length = parse(text, &address);
  if (length == 0) {
    errno = EINVAL;
    return -1;
  }
  int fd = socket(address.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  return fd >= 0 && bind(fd, &address.any, length) == 0 ? fd : -1;
}

void datagrams_send(int socket, const char *text, const uint8_t *bytes, size_t length) {
  union address address;
  socklen_t address_length = parse(text, &address);
  if (address_length == 0) return;
  traffic.bytes += length;
  traffic.datagrams += 1;
  (void)!sendto(socket, bytes, length, MSG_DONTWAIT, &address.any, address_length);
}

long datagrams_receive(int socket, uint8_t *bytes, size_t size) {
  for (;;) {
    ssize_t length = recv(socket, bytes, size, MSG_DONTWAIT | MSG_TRUNC);
    if (length >= 0) return (size_t)length > size ? 0 : length;
    /* What the network says about earlier datagrams (port unreachable ...) is told once, and no reason to stop reading. */
    if (errno == EAGAIN || errno == EWOULDBLOCK) return -1;
    if (errno != EINTR && errno != ECONNREFUSED) return -1;
  }
}
