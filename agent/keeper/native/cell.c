/*
 * What do an agent and its keeper tell each other? The messages of shared/wire/keeper.ts, a line of JSON each.
 *
 * The agent brings the keys with the voters, so the keeper has no private key and needs no X25519.
 */
#include "cell.h"

#include <string.h>

bool is_name(const char *text) {
  size_t length = strlen(text);
  if (length < 1 || length > ID_BYTES_MAX || text[0] < 'a' || text[0] > 'z') return false;
  return strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == length;
}

bool is_uuid(const char *text) {
  if (strlen(text) != UUID_CHARS) return false;
  for (int at = 0; at < UUID_CHARS; at += 1) {
    bool is_dash = at == 8 || at == 13 || at == 18 || at == 23;
    if (is_dash ? text[at] != '-' : strchr("0123456789abcdef", text[at]) == NULL) return false;
  }
  return true;
}

bool is_address(const char *text) {
  const char *colon = strrchr(text, ':');
  if (colon == NULL || colon == text || colon - text > 250) return false;
  size_t digits = strlen(colon + 1);
  if (digits < 1 || digits > 5 || strspn(colon + 1, "0123456789") != digits) return false;
  for (const char *at = text; at < colon; at += 1) if (*at < '!' || *at > '~') return false;
  return true;
}

static bool parse_key(const struct json *json, int at, uint8_t key[HMAC_KEY_BYTES]) {
  static const char DIGITS[] = "0123456789abcdef";
  char text[2 * HMAC_KEY_BYTES + 1];
  if (!json_string(json, at, text, sizeof text) || strlen(text) != 2 * HMAC_KEY_BYTES || strspn(text, DIGITS) != 2 * HMAC_KEY_BYTES) return false;
  for (int byte = 0; byte < HMAC_KEY_BYTES; byte += 1) {
    key[byte] = (uint8_t)((strchr(DIGITS, text[2 * byte]) - DIGITS) << 4 | (strchr(DIGITS, text[2 * byte + 1]) - DIGITS));
  }
  return true;
}

static bool parse_name(const struct json *json, int at, struct member *name) { return json_string(json, at, name->name, sizeof name->name) && is_name(name->name); }

static bool parse_voter(const struct json *json, int at, struct voter *voter) {
  return parse_name(json, json_field(json, at, "id"), &voter->id)
    && json_string(json, json_field(json, at, "leaseAddress"), voter->address, sizeof voter->address) && is_address(voter->address)
    && parse_key(json, json_field(json, at, "sendKey"), voter->send_key) && parse_key(json, json_field(json, at, "receiveKey"), voter->receive_key);
}

static bool parse_cell(const struct json *json, struct cell *cell) {
  char profile[16];
  if (!parse_name(json, json_field(json, 0, "cell"), &cell->name)) return false;
  if (!json_string(json, json_field(json, 0, "clusterUuid"), cell->cluster_uuid, sizeof cell->cluster_uuid) || !is_uuid(cell->cluster_uuid)) return false;
  if (!json_string(json, json_field(json, 0, "profile"), profile, sizeof profile)) return false;
  cell->profile = profile_named(profile);
  int voters = json_field(json, 0, "voters");
  if (cell->profile == NULL || !json_is(json, voters, JSON_ARRAY)) return false;
  cell->voter_count = 0;
  for (int at = voters + 1; at < json->values[voters].after; at = json->values[at].after) {
    if (cell->voter_count == VOTERS_MAX || !parse_voter(json, at, &cell->voters[cell->voter_count])) return false;
    cell->voter_count += 1;
  }
  return true;
}

void parse_agent_message(const struct json *json, struct agent_message *message) {
  int kind = json_field(json, 0, "kind");
  message->kind = NO_MESSAGE;
  if (json_equals(json, kind, "disarm")) {
    int allowed = json_field(json, 0, "allowed");
    message->may_disarm = json_is(json, allowed, JSON_TRUE);
    if (message->may_disarm || json_is(json, allowed, JSON_FALSE)) message->kind = DISARM_MESSAGE;
  } else if (json_equals(json, kind, "cell") && parse_cell(json, &message->cell)) {
    message->kind = CELL_MESSAGE;
  }
}

static void add_key(struct text *text, const char *name, const uint8_t key[HMAC_KEY_BYTES]) {
  text_add(text, ",\"%s\":\"", name);
  for (int at = 0; at < HMAC_KEY_BYTES; at += 1) text_add(text, "%02x", key[at]);
  text_add(text, "\"");
}

void write_cell(struct text *text, const struct cell *cell) {
  text_add(text, "{\"kind\":\"cell\",\"cell\":\"%s\",\"clusterUuid\":\"%s\",\"profile\":\"%s\",\"voters\":[", cell->name.name, cell->cluster_uuid, cell->profile->name);
  for (int at = 0; at < cell->voter_count; at += 1) {
    const struct voter *voter = &cell->voters[at];
    text_add(text, "%s{\"id\":\"%s\",\"leaseAddress\":", at == 0 ? "" : ",", voter->id.name);
    text_add_string(text, voter->address);
    add_key(text, "sendKey", voter->send_key);
    add_key(text, "receiveKey", voter->receive_key);
    text_add(text, "}");
  }
  text_add(text, "]}");
}

void voters_of(const struct cell *cell, struct members *voters) {
  voters->count = cell->voter_count;
  for (int at = 0; at < cell->voter_count; at += 1) voters->list[at] = cell->voters[at].id;
}

void write_lease(struct text *text, const struct holder *holder, const char *boot_id) {
  bool is_armed = holder->phase == ARMED;
  text_add(text, "{\"kind\":\"lease\",\"bootId\":\"%s\",\"armed\":%s,\"validUntilMs\":", boot_id, is_armed ? "true" : "false");
  if (is_armed) text_add_number(text, holder_valid_until_ms(holder));
  else text_add(text, "null");
  text_add(text, ",\"leader\":");
  text_add_string(text, holder->leader.name[0] == '\0' ? NULL : holder->leader.name);
  text_add(text, ",\"refusal\":");
  text_add_string(text, REFUSALS[holder->refusal]);
  text_add(text, ",\"profile\":\"%s\"}", holder->profile->name);
}
