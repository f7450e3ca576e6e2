/* What must a keeper be told before it can start? Its configuration file, as agent/keeper/config.ts reads it. */
#define _GNU_SOURCE
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const char *const FIELDS[] = { "cell", "clusterUuid", "node", "dataDirectory", "leaseListen", "keeperSocket", "profile", "machine", "logFile" };

static bool is_any(const char *text) { return text[0] != '\0'; }
static bool is_absolute(const char *text) { return text[0] == '/'; }
static bool is_kind(const char *text) { return strcmp(text, "room") == 0 || strcmp(text, "real") == 0; }
static bool is_profile(const char *text) { return profile_named(text) != NULL; }

static void add_problem(struct text *problems, const char *path, const struct json *json, int at) {
  text_add(problems, "%s%s: ", problems->length == 0 ? "is not usable: " : "; ", path);
  if (at < 0) {
    text_add(problems, "missing");
    return;
  }
  /* As it was written, in quotes of its own when it is a string. */
  const struct json_value *value = &json->values[at];
  const char *quote = value->kind == JSON_STRING ? "\"" : "";
  text_add(problems, "not valid: %s%.*s%s", quote, value->end - value->start, json->text + value->start, quote);
}

/* A string that fits and is of that form; a problem otherwise. `path` ends with the field's name. */
static void take(const struct json *json, int object, const char *path, char *into, size_t size, bool (*is_good)(const char *), struct text *problems) {
  const char *dot = strrchr(path, '.');
  int at = json_field(json, object, dot == NULL ? path : dot + 1);
  if (!json_string(json, at, into, size) || !is_good(into)) {
    into[0] = '\0';
    add_problem(problems, path, json, at);
  }
}

bool parse_config(const char *bytes, size_t length, struct config *config, struct text *problems) {
  struct json json;
  char kind[8], profile[16];
  if (!json_parse(&json, bytes, length) || !json_is(&json, 0, JSON_OBJECT)) {
    text_add(problems, "is not a JSON object");
    return false;
  }
  for (int at = 1; at < json.values[0].after; at = json.values[at + 1].after) {
    bool is_known = false;
    for (size_t field = 0; field < sizeof FIELDS / sizeof FIELDS[0]; field += 1) is_known = is_known || json_equals(&json, at, FIELDS[field]);
    if (!is_known) text_add(problems, "%s%.*s: unknown field", problems->length == 0 ? "is not usable: " : "; ", json.values[at].end - json.values[at].start, bytes + json.values[at].start);
  }
#define TAKE(object, path, into, is_good) take(&json, object, path, into, sizeof(into), is_good, problems)
  int machine = json_field(&json, 0, "machine");
  TAKE(machine, "machine.kind", kind, is_kind);
  config->is_room = strcmp(kind, "room") == 0;
  if (config->is_room) {
    TAKE(machine, "machine.socket", config->room_socket, is_any);
    TAKE(machine, "machine.bootId", config->boot_id, is_uuid);
  } else {
    TAKE(machine, "machine.watchdog", config->watchdog, is_absolute);
  }
  TAKE(0, "cell", config->cell.name, is_name);
  TAKE(0, "clusterUuid", config->cluster_uuid, is_uuid);
  TAKE(0, "node", config->node.name, is_name);
  TAKE(0, "dataDirectory", config->data_directory, is_any);
  TAKE(0, "leaseListen", config->lease_listen, is_address);
  TAKE(0, "keeperSocket", config->keeper_socket, is_any);
  TAKE(0, "profile", profile, is_profile);
  config->profile = profile_named(profile);
  config->has_log_file = json_field(&json, 0, "logFile") >= 0;
  if (config->has_log_file) TAKE(0, "logFile", config->log_file, is_any);
  return problems->length == 0;
}

long read_file(const char *path, char *bytes, size_t size) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  size_t length = 0;
  ssize_t count = 1;
  while (length < size && count > 0) {
    count = read(fd, bytes + length, size - length);
    if (count > 0) length += (size_t)count;
  }
  int error = errno;
  close(fd);
  errno = error;
  return count < 0 ? -1 : (long)length;
}
