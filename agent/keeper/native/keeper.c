/*
 * What does the keeper do? It runs lease-holder.c between a socket, the watchdog and the agent's line. As agent/keeper/keeper.ts.
 *
 * It needs nobody to go on: the agent only brings news of voters and profile, which are kept in a file for the next start.
 */
#define _GNU_SOURCE
#include "keeper.h"

#include "agents.h"
#include "datagrams.h"
#include "lease-wire.h"
#include "playground.h"
#include "scribe.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

/* Datagrams that are looked at before something else has its turn: a flood must not keep the watchdog waiting. */
enum { DATAGRAMS_AT_ONCE = 32 };

static const struct config *config;
static const struct machine *machine;
static int datagrams;
static struct holder holder;
static struct cell cell;
static bool has_cell, may_disarm;
static char cell_file[PATH_CHARS_MAX + 32];

static void perform(const struct holder_effect *effect);

static bool is_cable_in(void) { return machine->is_cable_in() && playground_is_cable_in(); }

static void tell_agents(int agent) {
  char bytes[512];
  struct text line = { .bytes = bytes, .size = sizeof bytes };
  write_lease(&line, &holder, machine->boot_id());
  agents_tell(agent, bytes, line.length, now_ms());
}

static void log_change(enum phase before, const char *why) {
  struct text *fact = log_open("lease");
  text_add(fact, ",\"from\":\"%s\",\"to\":\"%s\",\"why\":\"%s\",\"refusal\":", PHASES[before], PHASES[holder.phase], why);
  text_add_string(fact, REFUSALS[holder.refusal]);
  text_add(fact, ",\"leader\":");
  text_add_string(fact, holder.leader.name[0] == '\0' ? NULL : holder.leader.name);
  log_close(fact);
}

/* Every event is handled to its end before the next one, at the time that the clock shows by then. */
static void feed(struct holder_event *event) {
  static const char *const KINDS[] = { "timer", "granted", "dogArmed", "dogRefused", "cellChanged" };
  static struct effects effects;
  enum phase before = holder.phase;
  enum status refusal = holder.refusal;
  event->at_ms = now_ms();
  holder_step(&holder, event, &effects);
  bool is_refused = event->kind == ANSWERED && event->status != GRANTED;
  if (holder.phase != before || holder.refusal != refusal) log_change(before, is_refused ? "refused" : KINDS[event->kind]);
  for (int at = 0; at < effects.count; at += 1) perform(&effects.list[at]);
}

static void send_renewal(const struct holder_effect *effect) {
  struct renewal renewal = { .self = config->node.name, .boot_id = machine->boot_id(), .profile = holder.profile, .nonce = effect->nonce };
  uint8_t datagram[DATAGRAM_BYTES_MAX];
  if (!has_cell || !is_cable_in()) return;
  for (int at = 0; at < cell.voter_count; at += 1) {
    bool is_meant = false;
    for (int to = 0; to < effect->to.count; to += 1) is_meant = is_meant || strcmp(effect->to.list[to].name, cell.voters[at].id.name) == 0;
    if (!is_meant) continue;
    const struct voter *keys = find_voter(&cell, cell.voters[at].id.name, strlen(cell.voters[at].id.name));
    datagrams_send(datagrams, cell.voters[at].address, datagram, seal_renewal(datagram, &renewal, &cell, keys));
  }
}

static void perform(const struct holder_effect *effect) {
  struct text *fact;
  switch (effect->kind) {
    case SEND_RENEWAL:
      send_renewal(effect);
      return;
    case PET:
      /* The clock is read again: this process may have been paused since the event. */
      if (now_ms() < effect->until_ms) machine->pet();
      return;
    case ARM:
      if (now_ms() < effect->until_ms) machine->arm(holder.profile->watchdog_ms, now_ms());
      return;
    case RESET_NODE:
      fact = log_alarm("nodeReset");
      text_add(fact, ",\"reason\":");
      text_add_string(fact, effect->reason);
      log_close(fact);
      machine->reset();
      return;
    case TELL_AGENT:
      tell_agents(-1);
      return;
    case REPORT_PROFILE_KEPT:
      fact = log_open("profileKept");
      text_add(fact, ",\"level\":\"warning\",\"kept\":\"%s\",\"wanted\":\"%s\"", holder.profile->name, effect->wanted->name);
      log_close(fact);
      return;
  }
}

/* The cell in the file, if there is one that makes sense and is of this ledger. */
static void read_cell(void) {
  static char bytes[JSON_BYTES_MAX];
  struct json json;
  struct agent_message message;
  long length = read_file(cell_file, bytes, sizeof bytes);
  if (length <= 0 || !json_parse(&json, bytes, (size_t)length)) return;
  parse_agent_message(&json, &message);
  if (message.kind != CELL_MESSAGE || strcmp(message.cell.cluster_uuid, config->cluster_uuid) != 0) return;
  cell = message.cell;
  has_cell = true;
}

void keeper_start(const struct config *with, const struct machine *guarded, int socket) {
  struct members voters = { .count = 0 };
  config = with;
  machine = guarded;
  datagrams = socket;
  snprintf(cell_file, sizeof cell_file, "%s/keeper-cell.json", config->data_directory);
  read_cell();
  if (has_cell) voters_of(&cell, &voters);
  holder_start(&holder, has_cell ? cell.profile : config->profile, &voters, now_ms());
}

double keeper_wakes_at_ms(void) {
  double wakes_at_ms = holder_wakes_at_ms(&holder), answers_by_ms = machine->answers_by_ms();
  return answers_by_ms < wakes_at_ms ? answers_by_ms : wakes_at_ms;
}

static void feed_dog_answer(const struct dog_answer *answer) {
  struct holder_event event = { .kind = answer->is_armed ? DOG_ARMED : DOG_REFUSED };
  if (!answer->is_armed) {
    struct text *fact = log_alarm("watchdogNotArmed");
    text_add(fact, ",\"timeoutMs\":%d,\"error\":", holder.profile->watchdog_ms);
    text_add_string(fact, answer->why);
    log_close(fact);
  }
  feed(&event);
}

void keeper_work(void) {
  struct dog_answer answer;
  while (machine->next_answer(now_ms(), &answer)) feed_dog_answer(&answer);
  if (now_ms() < holder_wakes_at_ms(&holder)) return;
  struct holder_event event = { .kind = TIMER, .wall_offset_ms = wall_offset_ms() };
  /* Without chance the nonce is still one that no other renewal of this boot has: the clock is in it. */
  if (getrandom(&event.draw, sizeof event.draw, GRND_NONBLOCK) != sizeof event.draw) event.draw = 0;
  feed(&event);
}

void keeper_receive(void) {
  uint8_t datagram[DATAGRAM_BYTES_MAX];
  struct holder_event event;
  for (int left = DATAGRAMS_AT_ONCE; left > 0; left -= 1) {
    long length = datagrams_receive(datagrams, datagram, sizeof datagram);
    if (length < 0) return;
    if (is_cable_in() && open_grant(datagram, (size_t)length, &cell, &event)) feed(&event);
  }
}

static void take_cell(const struct cell *news) {
  char bytes[SCRIBE_BYTES_MAX];
  struct text line = { .bytes = bytes, .size = sizeof bytes };
  struct holder_event event = { .kind = CELL_CHANGED, .profile = news->profile };
  cell = *news;
  has_cell = true;
  write_cell(&line, &cell);
  scribe_save_cell(bytes, line.length);
  voters_of(&cell, &event.voters);
  feed(&event);
}

void keeper_hear(const struct json *json) {
  struct agent_message message;
  parse_agent_message(json, &message);
  if (message.kind == DISARM_MESSAGE) {
    may_disarm = message.may_disarm;
  } else if (message.kind == CELL_MESSAGE && strcmp(message.cell.cluster_uuid, config->cluster_uuid) == 0) {
    take_cell(&message.cell);
  } else {
    /* Not what it says: a message may hold keys. */
    struct text *fact = log_alarm("agentMessageRefused");
    if (message.kind == CELL_MESSAGE) text_add(fact, ",\"why\":\"another ledger\",\"clusterUuid\":\"%s\"", message.cell.cluster_uuid);
    else text_add(fact, ",\"why\":\"not understood\"");
    log_close(fact);
  }
}

void keeper_greet(int agent) { tell_agents(agent); }

void keeper_agent_gone(void) { may_disarm = false; }

void keeper_stop(void) {
  char why[256];
  if (holder.phase == ARMED && may_disarm && !machine->disarm(why, sizeof why)) {
    struct text *fact = log_alarm("keeperNotStopped");
    text_add(fact, ",\"error\":");
    text_add_string(fact, why);
    log_close(fact);
    return;
  }
  bool is_left_armed = (holder.phase == ARMED && !may_disarm) || holder.phase == ARMING;
  struct text *fact = is_left_armed ? log_alarm("keeperStopped") : log_open("keeperStopped");
  text_add(fact, ",\"watchdog\":\"%s\"", is_left_armed ? "leftArmed" : holder.phase == ARMED ? "disarmed" : "notArmedByThisKeeper");
  if (is_left_armed) text_add(fact, ",\"nodeResetsWithinMs\":%d", holder.profile->watchdog_ms);
  log_close(fact);
}
