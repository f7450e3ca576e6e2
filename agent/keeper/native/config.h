/* What must a keeper be told before it can start? Its configuration file, as agent/keeper/config.ts reads it. */
#ifndef VES_CONFIG_H
#define VES_CONFIG_H

#include "cell.h"

enum { PATH_CHARS_MAX = 4096 };

struct config {
  struct member cell, node;
  char cluster_uuid[UUID_CHARS + 1];
  char data_directory[PATH_CHARS_MAX + 1];
  char lease_listen[ADDRESS_CHARS_MAX + 1];
  char keeper_socket[PATH_CHARS_MAX + 1];
  const struct profile *profile;
  /* In the simulated machine room: its socket, and which boot this is. Otherwise the watchdog's device. */
  bool is_room;
  char room_socket[PATH_CHARS_MAX + 1];
  char boot_id[UUID_CHARS + 1];
  char watchdog[PATH_CHARS_MAX + 1];
  /* Standard error without one. */
  bool has_log_file;
  char log_file[PATH_CHARS_MAX + 1];
};

/* False when it is not usable; `problems` then goes on from "the keeper's configuration", and names every one with its path. */
bool parse_config(const char *bytes, size_t length, struct config *config, struct text *problems);
/* The whole file, at most `size` bytes; -1, with errno, when it cannot be read. */
long read_file(const char *path, char *bytes, size_t size);

#endif
