/* How are lines of JSON read and written? Into fixed tables, strictly: what JSON.parse refuses is refused. */
#ifndef VES_JSON_H
#define VES_JSON_H

#include <stdbool.h>
#include <stddef.h>

/* A longest message, a cell with nine voters, has some 5,000 bytes and 95 values. */
enum { JSON_BYTES_MAX = 16 * 1024, JSON_VALUES_MAX = 256, JSON_DEPTH_MAX = 16 };

enum json_kind { JSON_NULL, JSON_TRUE, JSON_FALSE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* `start` to `end` in the text, a string without its quotes; `after`: the value behind this one and all it contains. */
struct json_value {
  enum json_kind kind;
  unsigned short start, end, after;
};

/* In the order of the text; an object's names and values take turns. Value 0 is the whole. The text must outlive it. */
struct json {
  const char *text;
  int count;
  struct json_value values[JSON_VALUES_MAX];
};

/* False for what is no JSON, or too long, too deep, too much for the table. */
bool json_parse(struct json *json, const char *text, size_t length);

/* The following take any index, also -1 for "there is none", which is of no kind. */
bool json_is(const struct json *json, int at, enum json_kind kind);
/* An object's field, the last one of that name (as JSON.parse), or -1. */
int json_field(const struct json *json, int object, const char *name);
/* Decodes a string to UTF-8 with a final zero. False when it is no string, does not fit, or contains a zero. */
bool json_string(const struct json *json, int at, char *into, size_t size);
bool json_equals(const struct json *json, int at, const char *string);
bool json_number(const struct json *json, int at, double *number);

/* A line that is being written; too much sets `is_cut` and leaves the rest out. */
struct text {
  char *bytes;
  size_t size, length;
  bool is_cut;
};

__attribute__((format(printf, 2, 3))) void text_add(struct text *text, const char *format, ...);
/* In quotes, escaped; null for no string. */
void text_add_string(struct text *text, const char *string);
/* The shortest decimal that reads back as the same number. */
void text_add_number(struct text *text, double number);

#endif
