/* What do an agent and its keeper tell each other? The messages of shared/wire/keeper.ts, and what a keeper knows of its cell. */
#ifndef VES_CELL_H
#define VES_CELL_H

#include "json.h"
#include "lease-holder.h"
#include "sha256.h"

enum { UUID_CHARS = 36, ADDRESS_CHARS_MAX = 256 };

struct voter {
  struct member id;
  /* `host:port` of its agent's lease socket. */
  char address[ADDRESS_CHARS_MAX + 1];
  /* What this node and that voter seal with, each way. */
  uint8_t send_key[HMAC_KEY_BYTES], receive_key[HMAC_KEY_BYTES];
};

/* Who to renew with, in which ledger, and by which figures. */
struct cell {
  struct member name;
  char cluster_uuid[UUID_CHARS + 1];
  const struct profile *profile;
  int voter_count;
  struct voter voters[VOTERS_MAX];
};

enum message_kind { NO_MESSAGE, CELL_MESSAGE, DISARM_MESSAGE };

struct agent_message {
  enum message_kind kind;
  struct cell cell;
  bool may_disarm;
};

/* The message that a line is, NO_MESSAGE when it is none. */
void parse_agent_message(const struct json *json, struct agent_message *message);
/* The cell as a line for the file, without a line's end; and as the holder knows its voters. */
void write_cell(struct text *text, const struct cell *cell);
void voters_of(const struct cell *cell, struct members *voters);
/* The keeper's word: the lease as it stands. */
void write_lease(struct text *text, const struct holder *holder, const char *boot_id);

/* Grammar of shared/ids.ts. */
bool is_name(const char *text);
bool is_uuid(const char *text);
/* `host:port`, both only in form. */
bool is_address(const char *text);

#endif
