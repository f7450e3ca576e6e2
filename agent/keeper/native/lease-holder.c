/*
 * May this node go on? The lease as its holder keeps it: renew, pet the watchdog while confirmed, reset when not.
 *
 *     unarmed --granted--> arming --dogArmed--> armed --petWindow over, or refused as fenced--> expired
 *     arming --dogRefused, or petWindow over--> unarmed
 *     unarmed, arming --refused as fenced--> expired
 *
 * The same machine as agent/machines/lease-holder.ts, which says why it is as it is; a test feeds both with the same
 * events and compares everything. What must hold (SAFETY.md 4.2, S9): the watchdog is petted, or armed, only while the
 * newest renewal whose nonce came back in a grant was sent less than petWindowMs (P) ago. Pure: no clock, no chance.
 */
#include "lease-holder.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* How soon after a renewal the next one may be sent, as a share of H. It is H later at most than that. */
static const double SOONEST_RENEWAL = 0.25;
/* How often the watchdog is petted, as a share of its timeout. */
static const int PETS_PER_TIMEOUT = 4;

static const struct profile PROFILE_TABLE[] = {
  { "fast", 250, 1500, 2000, 1000, 300, 5000 },
  { "standard", 500, 3000, 4000, 1000, 600, 9000 },
  { "soft", 1000, 6000, 10000, 1000, 1300, 19000 },
};

const char *const REFUSALS[STATUS_COUNT] = { NULL, "fenced", "notAdmitted", "wrongProfile", "wrongCluster" };
const char *const PHASES[] = { "unarmed", "arming", "armed", "expired" };

const struct profile *profile_named(const char *name) {
  for (size_t at = 0; at < sizeof PROFILE_TABLE / sizeof PROFILE_TABLE[0]; at += 1) {
    if (strcmp(PROFILE_TABLE[at].name, name) == 0) return &PROFILE_TABLE[at];
  }
  return NULL;
}

void holder_start(struct holder *holder, const struct profile *profile, const struct members *voters, double at_ms) {
  *holder = (struct holder){ .phase = UNARMED, .profile = profile, .voters = *voters, .next_renewal_at_ms = at_ms, .answered_sent_at_ms = -INFINITY };
}

double holder_valid_until_ms(const struct holder *holder) { return holder->confirmed_at_ms + holder->profile->pet_window_ms; }

static double next_pet_at_ms(const struct holder *holder) { return holder->petted_at_ms + (double)holder->profile->watchdog_ms / PETS_PER_TIMEOUT; }

static double earlier(double one, double other) { return one < other ? one : other; }

double holder_wakes_at_ms(const struct holder *holder) {
  switch (holder->phase) {
    case UNARMED: return holder->voters.count == 0 ? INFINITY : holder->next_renewal_at_ms;
    case ARMING: return earlier(holder->next_renewal_at_ms, holder_valid_until_ms(holder));
    case ARMED: return earlier(earlier(holder->next_renewal_at_ms, holder_valid_until_ms(holder)), next_pet_at_ms(holder));
    case EXPIRED: break;
  }
  return INFINITY;
}

static struct holder_effect *add_effect(struct effects *effects, enum effect_kind kind) {
  struct holder_effect *effect = &effects->list[effects->count++];
  *effect = (struct holder_effect){ .kind = kind };
  return effect;
}

static struct holder_effect *expire(struct holder *holder, struct effects *effects) {
  holder->phase = EXPIRED;
  struct holder_effect *reset = add_effect(effects, RESET_NODE);
  add_effect(effects, TELL_AGENT);
  return reset;
}

/* What the end of P does, whichever event shows that it came. False while it has not. */
static bool lapse(struct holder *holder, double at_ms, struct effects *effects) {
  bool is_over = (holder->phase == ARMED || holder->phase == ARMING) && at_ms >= holder_valid_until_ms(holder);
  if (!is_over) return false;
  if (holder->phase == ARMED) {
    struct holder_effect *reset = expire(holder, effects);
    snprintf(reset->reason, sizeof reset->reason, "the lease was not confirmed for %d ms", holder->profile->pet_window_ms);
  } else {
    /* Nothing runs yet by this keeper's word. If an earlier keeper armed the dog, it resets the node, unpetted. */
    holder->phase = UNARMED;
  }
  return true;
}

static bool is_voter(const struct holder *holder, const struct member *member) {
  for (int at = 0; at < holder->voters.count; at += 1) if (strcmp(holder->voters.list[at].name, member->name) == 0) return true;
  return false;
}

/* Microseconds of uptime stay exact in a double for 285 years. */
static void make_nonce(uint8_t nonce[NONCE_BYTES], double sequence, uint32_t draw) {
  uint64_t number = (uint64_t)sequence;
  for (int at = 0; at < 8; at += 1) nonce[at] = (uint8_t)(number >> (56 - 8 * at));
  for (int at = 0; at < 4; at += 1) nonce[8 + at] = (uint8_t)(draw >> (24 - 8 * at));
}

/* Forgets what no grant may confirm any more, and the oldest when there is no room. */
static void remember_sent(struct holder *holder, const uint8_t nonce[NONCE_BYTES], double at_ms) {
  int kept = 0;
  for (int at = 0; at < holder->sent_count; at += 1) {
    if (at_ms - holder->sent[at].sent_at_ms < holder->profile->pet_window_ms) holder->sent[kept++] = holder->sent[at];
  }
  if (kept == SENT_MAX) {
    kept -= 1;
    memmove(holder->sent, holder->sent + 1, (size_t)kept * sizeof holder->sent[0]);
  }
  memcpy(holder->sent[kept].nonce, nonce, NONCE_BYTES);
  holder->sent[kept].sent_at_ms = at_ms;
  holder->sent_count = kept + 1;
}

/* When the wall clock next shows a multiple of the interval, but not too soon. By the monotonic clock. */
static double turn_after(double at_ms, double wall_offset_ms, double interval_ms) {
  double soonest_ms = at_ms + SOONEST_RENEWAL * interval_ms;
  double rest = fmod(soonest_ms + wall_offset_ms, interval_ms);
  double past_ms = rest < 0 ? rest + interval_ms : rest;
  /* A wall clock that shows no time at all. */
  if (!(past_ms >= 0)) return at_ms + interval_ms;
  return past_ms == 0 ? soonest_ms : soonest_ms + (interval_ms - past_ms);
}

static void renew(struct holder *holder, const struct holder_event *timer, struct effects *effects) {
  double at_ms = timer->at_ms;
  int interval_ms = holder->profile->renew_interval_ms;
  /* Strictly growing, also when two renewals fall into one microsecond or a clock is coarse. */
  double by_clock = floor(at_ms * 1000);
  holder->sequence = holder->sequence + 1 > by_clock ? holder->sequence + 1 : by_clock;
  struct holder_effect *send = add_effect(effects, SEND_RENEWAL);
  make_nonce(send->nonce, holder->sequence, timer->draw);
  bool is_answered = at_ms - holder->answered_sent_at_ms <= 1.5 * interval_ms;
  bool to_leader = is_answered && holder->leader.name[0] != '\0' && is_voter(holder, &holder->leader);
  if (to_leader) send->to = (struct members){ .count = 1, .list = { holder->leader } };
  else send->to = holder->voters;
  remember_sent(holder, send->nonce, at_ms);
  holder->next_renewal_at_ms = to_leader ? turn_after(at_ms, timer->wall_offset_ms, interval_ms) : at_ms + interval_ms / 2.0;
}

static void on_timer(struct holder *holder, const struct holder_event *timer, struct effects *effects) {
  double at_ms = timer->at_ms;
  if (holder->phase == ARMED && at_ms >= next_pet_at_ms(holder)) {
    add_effect(effects, PET)->until_ms = holder_valid_until_ms(holder);
    holder->petted_at_ms = at_ms;
  }
  if (at_ms >= holder->next_renewal_at_ms && holder->voters.count > 0) renew(holder, timer, effects);
}

static void on_granted(struct holder *holder, double at_ms, double sent_at_ms, struct effects *effects) {
  holder->refusal = GRANTED;
  /* A grant that comes this late confirms nothing any more. */
  if (at_ms >= sent_at_ms + holder->profile->pet_window_ms) return;
  if (holder->phase == UNARMED) {
    holder->phase = ARMING;
    holder->confirmed_at_ms = sent_at_ms;
    add_effect(effects, ARM)->until_ms = holder_valid_until_ms(holder);
  } else if (sent_at_ms > holder->confirmed_at_ms) {
    holder->confirmed_at_ms = sent_at_ms;
    if (holder->phase == ARMED) add_effect(effects, TELL_AGENT);
  }
}

static void on_refused(struct holder *holder, enum status refusal, struct effects *effects) {
  bool is_news = holder->refusal != refusal;
  holder->refusal = refusal;
  if (refusal == FENCED) {
    /* The ledger says that this boot is dead: make it true. Every other refusal only lets the lease run out. */
    struct holder_effect *reset = expire(holder, effects);
    snprintf(reset->reason, sizeof reset->reason, "%s says that this boot is fenced", holder->leader.name);
  } else if (is_news) {
    add_effect(effects, TELL_AGENT);
  }
}

static void on_answered(struct holder *holder, const struct holder_event *event, struct effects *effects) {
  const struct sent_renewal *renewal = NULL;
  for (int at = 0; at < holder->sent_count && renewal == NULL; at += 1) {
    if (memcmp(holder->sent[at].nonce, event->nonce, NONCE_BYTES) == 0) renewal = &holder->sent[at];
  }
  /* An answer to nothing that this process asked. */
  if (renewal == NULL) return;
  holder->leader = event->leader;
  if (renewal->sent_at_ms > holder->answered_sent_at_ms) holder->answered_sent_at_ms = renewal->sent_at_ms;
  if (event->status == GRANTED) on_granted(holder, event->at_ms, renewal->sent_at_ms, effects);
  else on_refused(holder, event->status, effects);
}

static void on_dog_armed(struct holder *holder, double at_ms, struct effects *effects) {
  if (holder->phase == UNARMED) {
    /* Arming took longer than the lease lasted, and arming pets: only an immediate end makes up for that. */
    struct holder_effect *reset = expire(holder, effects);
    snprintf(reset->reason, sizeof reset->reason, "the watchdog was armed too late for the lease");
  } else if (holder->phase == ARMING) {
    holder->phase = ARMED;
    holder->petted_at_ms = at_ms;
    add_effect(effects, TELL_AGENT);
  }
}

/* New voters count at once. New figures count only while nothing may run by the old ones. */
static void on_cell_changed(struct holder *holder, const struct holder_event *event, struct effects *effects) {
  if (holder->voters.count == 0) holder->next_renewal_at_ms = event->at_ms;
  holder->voters = event->voters;
  if (event->profile == holder->profile) return;
  if (holder->phase != UNARMED) {
    add_effect(effects, REPORT_PROFILE_KEPT)->wanted = event->profile;
    return;
  }
  holder->profile = event->profile;
  holder->sent_count = 0;
  holder->next_renewal_at_ms = event->at_ms;
  add_effect(effects, TELL_AGENT);
}

void holder_step(struct holder *holder, const struct holder_event *event, struct effects *effects) {
  effects->count = 0;
  if (holder->phase == EXPIRED || lapse(holder, event->at_ms, effects)) return;
  switch (event->kind) {
    case TIMER: on_timer(holder, event, effects); return;
    case ANSWERED: on_answered(holder, event, effects); return;
    case DOG_ARMED: on_dog_armed(holder, event->at_ms, effects); return;
    case DOG_REFUSED: if (holder->phase == ARMING) holder->phase = UNARMED; return;
    case CELL_CHANGED: on_cell_changed(holder, event, effects); return;
  }
}
