/*
 * What does a part of the keeper in C answer? One question a line, one answer a line; the tests here ask, and know the answer
 * from the TypeScript that it must agree with. Linked with everything of agent/keeper/native but its main.c.
 *
 *     J HEX            the text's JSON as it was understood, or `refused`
 *     M HEX            the agent's message, or `refused`; a cell is remembered for S and O
 *     C HEX            `usable`, or what is wrong with the configuration
 *     D KEY HEX        SHA-256 and HMAC of the bytes
 *     K PROFILE        the hash of its constants
 *     S SELF BOOT PROFILE NONCE AT     the sealed renewal for voter AT
 *     O HEX            what the datagram grants, or `refused`
 *     H JSON           an event of the holder: its effects and what it then is
 */
#define _GNU_SOURCE
#include "lease-wire.h"
#include "config.h"
#include "machine.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char answer_bytes[1 << 20];
static struct text answer = { .bytes = answer_bytes, .size = sizeof answer_bytes };
static struct cell cell;
static struct holder holder;

/* What main.c has for the rest. */
void refuse_to_start(const char *format, ...) { (void)format; abort(); }
double now_ms(void) { return 0; }
double wall_offset_ms(void) { return 0; }

static size_t from_hex(const char *hex, uint8_t *bytes) {
  size_t length = strspn(hex, "0123456789abcdef") / 2;
  for (size_t at = 0; at < length; at += 1) {
    unsigned byte = 0;
    sscanf(hex + 2 * at, "%2x", &byte);
    bytes[at] = (uint8_t)byte;
  }
  return length;
}

static void add_hex(const uint8_t *bytes, size_t length) {
  for (size_t at = 0; at < length; at += 1) text_add(&answer, "%02x", bytes[at]);
}

static void add_json(const struct json *json, int at) {
  char string[JSON_BYTES_MAX];
  double number;
  const struct json_value *value = &json->values[at];
  const char *separator = "";
  switch (value->kind) {
    case JSON_NULL: text_add(&answer, "null"); return;
    case JSON_TRUE: text_add(&answer, "true"); return;
    case JSON_FALSE: text_add(&answer, "false"); return;
    case JSON_NUMBER:
      if (!json_number(json, at, &number)) text_add(&answer, "\"too long\"");
      else if (isinf(number)) text_add(&answer, "null"); /* As JSON.stringify. */
      else text_add_number(&answer, number);
      return;
    case JSON_STRING: text_add_string(&answer, json_string(json, at, string, sizeof string) ? string : NULL); return;
    case JSON_ARRAY:
    case JSON_OBJECT:
      text_add(&answer, value->kind == JSON_ARRAY ? "[" : "{");
      for (int member = at + 1; member < value->after; member = json->values[member].after) {
        text_add(&answer, "%s", separator);
        add_json(json, member);
        separator = ",";
        if (value->kind == JSON_ARRAY) continue;
        text_add(&answer, ":");
        member += 1;
        add_json(json, member);
      }
      text_add(&answer, value->kind == JSON_ARRAY ? "]" : "}");
  }
}

static void add_members(const struct members *members) {
  text_add(&answer, "[");
  for (int at = 0; at < members->count; at += 1) text_add(&answer, "%s\"%s\"", at == 0 ? "" : ",", members->list[at].name);
  text_add(&answer, "]");
}

static void add_named_number(const char *name, double number) {
  text_add(&answer, ",\"%s\":", name);
  if (isinf(number)) text_add(&answer, "null");
  else text_add_number(&answer, number);
}

static void add_effect(const struct holder_effect *effect) {
  static const char *const KINDS[] = { "sendRenewal", "pet", "arm", "resetNode", "tellAgent", "reportProfileKept" };
  text_add(&answer, "{\"kind\":\"%s\"", KINDS[effect->kind]);
  if (effect->kind == SEND_RENEWAL) {
    text_add(&answer, ",\"nonce\":\"");
    add_hex(effect->nonce, NONCE_BYTES);
    text_add(&answer, "\",\"to\":");
    add_members(&effect->to);
  }
  if (effect->kind == ARM) add_named_number("timeoutMs", holder.profile->watchdog_ms);
  if (effect->kind == PET || effect->kind == ARM) add_named_number("untilMs", effect->until_ms);
  if (effect->kind == RESET_NODE) text_add(&answer, ",\"reason\":\"%s\"", effect->reason);
  if (effect->kind == REPORT_PROFILE_KEPT) text_add(&answer, ",\"wanted\":\"%s\"", effect->wanted->name);
  text_add(&answer, "}");
}

static void add_holder(const struct effects *effects) {
  text_add(&answer, "{\"effects\":[");
  for (int at = 0; at < effects->count; at += 1) {
    if (at > 0) text_add(&answer, ",");
    add_effect(&effects->list[at]);
  }
  text_add(&answer, "],\"phase\":\"%s\",\"profile\":\"%s\",\"voters\":", PHASES[holder.phase], holder.profile->name);
  add_members(&holder.voters);
  add_named_number("sequence", holder.sequence);
  text_add(&answer, ",\"sent\":[");
  for (int at = 0; at < holder.sent_count; at += 1) {
    text_add(&answer, "%s{\"nonce\":\"", at == 0 ? "" : ",");
    add_hex(holder.sent[at].nonce, NONCE_BYTES);
    text_add(&answer, "\"");
    add_named_number("sentAtMs", holder.sent[at].sent_at_ms);
    text_add(&answer, "}");
  }
  text_add(&answer, "]");
  add_named_number("nextRenewalAtMs", holder.next_renewal_at_ms);
  text_add(&answer, ",\"leader\":");
  text_add_string(&answer, holder.leader.name[0] == '\0' ? NULL : holder.leader.name);
  add_named_number("answeredSentAtMs", holder.answered_sent_at_ms);
  text_add(&answer, ",\"refusal\":");
  text_add_string(&answer, REFUSALS[holder.refusal]);
  if (holder.phase == ARMING || holder.phase == ARMED) add_named_number("confirmedAtMs", holder.confirmed_at_ms);
  if (holder.phase == ARMED) add_named_number("pettedAtMs", holder.petted_at_ms);
  add_named_number("wakesAtMs", holder_wakes_at_ms(&holder));
  text_add(&answer, ",\"lease\":");
  write_lease(&answer, &holder, "boot");
  text_add(&answer, "}");
}

static double number_of(const struct json *json, const char *name) {
  double number = 0;
  json_number(json, json_field(json, 0, name), &number);
  return number;
}

static const struct profile *profile_of(const struct json *json) {
  char name[32] = "";
  json_string(json, json_field(json, 0, "profile"), name, sizeof name);
  return profile_named(name);
}

static void voters_in(const struct json *json, struct members *voters) {
  int list = json_field(json, 0, "voters");
  voters->count = 0;
  if (!json_is(json, list, JSON_ARRAY)) return;
  for (int at = list + 1; at < json->values[list].after; at += 1) json_string(json, at, voters->list[voters->count++].name, ID_BYTES_MAX + 1);
}

static void on_holder(const char *line) {
  static const char *const KINDS[] = { "timer", "answered", "dogArmed", "dogRefused", "cellChanged" };
  struct json json;
  struct effects effects = { .count = 0 };
  struct holder_event event = { .at_ms = 0 };
  char nonce[2 * NONCE_BYTES + 1] = "";
  if (!json_parse(&json, line, strlen(line))) abort();
  event.at_ms = number_of(&json, "atMs");
  event.draw = (uint32_t)number_of(&json, "draw");
  event.wall_offset_ms = number_of(&json, "wallOffsetMs");
  event.status = (enum status)number_of(&json, "status");
  event.profile = profile_of(&json);
  voters_in(&json, &event.voters);
  json_string(&json, json_field(&json, 0, "leader"), event.leader.name, sizeof event.leader.name);
  json_string(&json, json_field(&json, 0, "nonce"), nonce, sizeof nonce);
  from_hex(nonce, event.nonce);
  if (json_equals(&json, json_field(&json, 0, "kind"), "start")) {
    holder_start(&holder, event.profile, &event.voters, event.at_ms);
  } else {
    for (int kind = TIMER; kind <= CELL_CHANGED; kind += 1) if (json_equals(&json, json_field(&json, 0, "kind"), KINDS[kind])) event.kind = (enum event_kind)kind;
    holder_step(&holder, &event, &effects);
  }
  add_holder(&effects);
}

static void on_message(const char *text, size_t length) {
  struct json json;
  struct agent_message message;
  message.kind = NO_MESSAGE;
  if (json_parse(&json, text, length)) parse_agent_message(&json, &message);
  if (message.kind == NO_MESSAGE) text_add(&answer, "refused");
  if (message.kind == DISARM_MESSAGE) text_add(&answer, "{\"kind\":\"disarm\",\"allowed\":%s}", message.may_disarm ? "true" : "false");
  if (message.kind != CELL_MESSAGE) return;
  cell = message.cell;
  write_cell(&answer, &cell);
}

static void on_seal(char *words) {
  char *self = strtok(words, " "), *boot = strtok(NULL, " "), *profile = strtok(NULL, " "), *hex = strtok(NULL, " "), *at = strtok(NULL, " ");
  uint8_t nonce[NONCE_BYTES], datagram[DATAGRAM_BYTES_MAX];
  from_hex(hex, nonce);
  struct renewal renewal = { .self = self, .boot_id = boot, .profile = profile_named(profile), .nonce = nonce };
  add_hex(datagram, seal_renewal(datagram, &renewal, &cell, &cell.voters[atoi(at)]));
}

static void on_open(const uint8_t *datagram, size_t length) {
  struct holder_event event;
  /* A copy of exactly its size, so that a look behind its end is found. */
  uint8_t *exact = malloc(length == 0 ? 1 : length);
  memcpy(exact, datagram, length);
  bool is_open = open_grant(exact, length, &cell, &event);
  free(exact);
  if (!is_open) {
    text_add(&answer, "refused");
    return;
  }
  text_add(&answer, "%s %s ", event.leader.name, event.status == GRANTED ? "granted" : REFUSALS[event.status]);
  add_hex(event.nonce, NONCE_BYTES);
}

static void on_digest(const char *words, uint8_t *bytes) {
  uint8_t key[HMAC_KEY_BYTES], digest[SHA256_BYTES];
  from_hex(words, key);
  size_t length = from_hex(words + 2 * HMAC_KEY_BYTES + 1, bytes);
  sha256(bytes, length, digest);
  add_hex(digest, sizeof digest);
  text_add(&answer, " ");
  hmac_sha256(key, bytes, length, digest);
  add_hex(digest, sizeof digest);
}

static void on_config(const char *text, size_t length) {
  static struct config config;
  if (parse_config(text, length, &config, &answer)) text_add(&answer, "usable");
}

int main(void) {
  char *line = NULL;
  size_t size = 0;
  for (ssize_t length; (length = getline(&line, &size, stdin)) > 0;) {
    if (line[length - 1] == '\n') line[length - 1] = '\0';
    uint8_t *bytes = malloc((size_t)length + 1);
    char *words = line + 2;
    answer.length = 0;
    answer_bytes[0] = '\0';
    struct json json;
    size_t count;
    switch (line[0]) {
      case 'J':
        count = from_hex(words, bytes);
        if (json_parse(&json, (char *)bytes, count)) add_json(&json, 0);
        else text_add(&answer, "refused");
        break;
      case 'M': on_message((char *)bytes, from_hex(words, bytes)); break;
      case 'C': on_config((char *)bytes, from_hex(words, bytes)); break;
      case 'D': on_digest(words, bytes); break;
      case 'K': text_add(&answer, "%u", constants_hash(profile_named(words))); break;
      case 'S': on_seal(words); break;
      case 'O': on_open(bytes, from_hex(words, bytes)); break;
      case 'H': on_holder(words); break;
      default: abort();
    }
    free(bytes);
    puts(answer_bytes);
  }
  free(line);
  return 0;
}
