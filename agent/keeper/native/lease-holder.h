/* May this node go on? The lease as its holder keeps it: the same machine as agent/machines/lease-holder.ts. */
#ifndef VES_LEASE_HOLDER_H
#define VES_LEASE_HOLDER_H

#include <stdbool.h>
#include <stdint.h>

enum { ID_BYTES_MAX = 31, VOTERS_MAX = 9, SENT_MAX = 32, NONCE_BYTES = 12, EFFECTS_MAX = 3 };

/* One set of figures (shared/model/timing.ts); a test compares them. Milliseconds. */
struct profile {
  const char *name;
  int renew_interval_ms, pet_window_ms, watchdog_ms, watchdog_latency_ms, margin_ms, fence_wait_ms;
};

/* NULL when there is none of that name. */
const struct profile *profile_named(const char *name);

/* A name of a member (shared/ids.ts); empty for nobody. */
struct member {
  char name[ID_BYTES_MAX + 1];
};

struct members {
  int count;
  struct member list[VOTERS_MAX];
};

/* What a leader answers; the numbers are those of the datagram (shared/wire/lease.ts). */
enum status { GRANTED, FENCED, NOT_ADMITTED, WRONG_PROFILE, WRONG_CLUSTER, STATUS_COUNT };
/* As it is written; NULL for GRANTED, which refuses nothing. */
extern const char *const REFUSALS[STATUS_COUNT];

enum phase { UNARMED, ARMING, ARMED, EXPIRED };
extern const char *const PHASES[];

struct sent_renewal {
  uint8_t nonce[NONCE_BYTES];
  double sent_at_ms;
};

struct holder {
  enum phase phase;
  const struct profile *profile;
  struct members voters;
  /* The last sequence number that a nonce was made of. */
  double sequence;
  /* Renewals that a grant may still confirm: at most P old, the oldest first. */
  struct sent_renewal sent[SENT_MAX];
  int sent_count;
  double next_renewal_at_ms;
  /* Who answered last, and when the newest answered renewal was sent. */
  struct member leader;
  double answered_sent_at_ms;
  enum status refusal;
  /* While arming or armed: when the newest confirmed renewal was sent. The lease is valid until then + P. */
  double confirmed_at_ms;
  /* While armed. */
  double petted_at_ms;
};

enum event_kind { TIMER, ANSWERED, DOG_ARMED, DOG_REFUSED, CELL_CHANGED };

/* `at_ms` is the clock as read when the event is *handled*: a process that was paused must see how late it is. */
struct holder_event {
  enum event_kind kind;
  double at_ms;
  uint32_t draw;                 /* TIMER; and the wall clock minus the monotonic one */
  double wall_offset_ms;
  uint8_t nonce[NONCE_BYTES];    /* ANSWERED */
  enum status status;
  struct member leader;
  struct members voters;         /* CELL_CHANGED */
  const struct profile *profile;
};

enum effect_kind { SEND_RENEWAL, PET, ARM, RESET_NODE, TELL_AGENT, REPORT_PROFILE_KEPT };

/* PET and ARM are void once the clock shows `until_ms`: the edge reads it again right before it touches the watchdog. */
struct holder_effect {
  enum effect_kind kind;
  uint8_t nonce[NONCE_BYTES];
  struct members to;
  double until_ms;
  char reason[80];
  const struct profile *wanted;
};

struct effects {
  int count;
  struct holder_effect list[EFFECTS_MAX];
};

/* A keeper that has just started. It renews at once, when it knows voters. */
void holder_start(struct holder *holder, const struct profile *profile, const struct members *voters, double at_ms);
/* One step. Whatever the event, a lease that has lapsed by then resets the node first. */
void holder_step(struct holder *holder, const struct holder_event *event, struct effects *effects);
/* When the next TIMER is due; INFINITY when never. */
double holder_wakes_at_ms(const struct holder *holder);
double holder_valid_until_ms(const struct holder *holder);

#endif
