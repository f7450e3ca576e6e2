/* How are lines of JSON read and written? Into fixed tables, strictly (RFC 8259): what JSON.parse refuses is refused. */
#include "json.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reader {
  struct json *json;
  size_t at, length;
};

static bool read_value(struct reader *reader, int depth);

static int peek(const struct reader *reader) { return reader->at < reader->length ? (unsigned char)reader->json->text[reader->at] : -1; }

static bool take(struct reader *reader, char expected) {
  if (peek(reader) != expected) return false;
  reader->at += 1;
  return true;
}

static void skip_space(struct reader *reader) {
  while (take(reader, ' ') || take(reader, '\t') || take(reader, '\n') || take(reader, '\r')) continue;
}

static int hex_digit(int byte) {
  if (byte >= '0' && byte <= '9') return byte - '0';
  if (byte >= 'a' && byte <= 'f') return byte - 'a' + 10;
  return byte >= 'A' && byte <= 'F' ? byte - 'A' + 10 : -1;
}

static bool read_string(struct reader *reader) {
  if (!take(reader, '"')) return false;
  for (;;) {
    int byte = peek(reader);
    if (byte < ' ') return false;
    reader->at += 1;
    if (byte == '"') return true;
    if (byte != '\\') continue;
    int escaped = peek(reader);
    if (escaped < 0 || strchr("\"\\/bfnrtu", escaped) == NULL) return false;
    reader->at += 1;
    for (int left = escaped == 'u' ? 4 : 0; left > 0; left -= 1, reader->at += 1) {
      if (hex_digit(peek(reader)) < 0) return false;
    }
  }
}

static bool read_digits(struct reader *reader) {
  size_t before = reader->at;
  while (peek(reader) >= '0' && peek(reader) <= '9') reader->at += 1;
  return reader->at > before;
}

static bool read_number(struct reader *reader) {
  take(reader, '-');
  if (!take(reader, '0') && !read_digits(reader)) return false;
  if (take(reader, '.') && !read_digits(reader)) return false;
  if (!take(reader, 'e') && !take(reader, 'E')) return true;
  if (!take(reader, '+')) take(reader, '-');
  return read_digits(reader);
}

static bool read_word(struct reader *reader, const char *word) {
  for (; *word != '\0'; word += 1) if (!take(reader, *word)) return false;
  return true;
}

static struct json_value *add_value(struct reader *reader, enum json_kind kind) {
  if (reader->json->count == JSON_VALUES_MAX) return NULL;
  struct json_value *value = &reader->json->values[reader->json->count++];
  *value = (struct json_value){ .kind = kind, .start = (unsigned short)reader->at };
  return value;
}

static bool read_members(struct reader *reader, bool has_names, char close, int depth) {
  reader->at += 1;
  skip_space(reader);
  if (take(reader, close)) return true;
  for (;;) {
    if (has_names) {
      skip_space(reader);
      if (peek(reader) != '"' || !read_value(reader, depth)) return false;
      if (!take(reader, ':')) return false;
    }
    if (!read_value(reader, depth)) return false;
    if (take(reader, close)) return true;
    if (!take(reader, ',')) return false;
  }
}

/* A value and the space around it. */
static bool read_value(struct reader *reader, int depth) {
  skip_space(reader);
  int first = peek(reader);
  enum json_kind kind = first == '{' ? JSON_OBJECT : first == '[' ? JSON_ARRAY : first == '"' ? JSON_STRING
    : first == 't' ? JSON_TRUE : first == 'f' ? JSON_FALSE : first == 'n' ? JSON_NULL : JSON_NUMBER;
  struct json_value *value = add_value(reader, kind);
  if (value == NULL || depth == JSON_DEPTH_MAX) return false;
  bool is_good = false;
  switch (kind) {
    case JSON_OBJECT: is_good = read_members(reader, true, '}', depth + 1); break;
    case JSON_ARRAY: is_good = read_members(reader, false, ']', depth + 1); break;
    case JSON_STRING: is_good = read_string(reader); break;
    case JSON_TRUE: is_good = read_word(reader, "true"); break;
    case JSON_FALSE: is_good = read_word(reader, "false"); break;
    case JSON_NULL: is_good = read_word(reader, "null"); break;
    case JSON_NUMBER: is_good = read_number(reader); break;
  }
  int quote = kind == JSON_STRING ? 1 : 0;
  value->start = (unsigned short)(value->start + quote);
  value->end = (unsigned short)(reader->at - (is_good ? (size_t)quote : 0));
  value->after = (unsigned short)reader->json->count;
  skip_space(reader);
  return is_good;
}

bool json_parse(struct json *json, const char *text, size_t length) {
  struct reader reader = { .json = json, .length = length };
  json->text = text;
  json->count = 0;
  return length <= JSON_BYTES_MAX && read_value(&reader, 0) && reader.at == length;
}

bool json_is(const struct json *json, int at, enum json_kind kind) { return at >= 0 && json->values[at].kind == kind; }

int json_field(const struct json *json, int object, const char *name) {
  int found = -1;
  if (!json_is(json, object, JSON_OBJECT)) return found;
  for (int at = object + 1; at < json->values[object].after; at = json->values[at + 1].after) {
    if (json_equals(json, at, name)) found = at + 1;
  }
  return found;
}

/* One code point of a string, escapes undone; bytes of UTF-8 come one by one, as they are. */
static uint32_t next_unit(const char *text, size_t *at) {
  unsigned char byte = (unsigned char)text[(*at)++];
  if (byte != '\\') return byte;
  char escaped = text[(*at)++];
  static const char FROM[] = "bfnrt", TO[] = "\b\f\n\r\t";
  if (escaped != 'u') {
    const char *found = strchr(FROM, escaped);
    return (unsigned char)(found == NULL ? escaped : TO[found - FROM]);
  }
  uint32_t unit = 0;
  for (int digit = 0; digit < 4; digit += 1) unit = unit * 16 + (uint32_t)hex_digit(text[(*at)++]);
  return unit;
}

static size_t encode_utf8(uint32_t point, char bytes[4]) {
  if (point < 0x80) return bytes[0] = (char)point, 1;
  if (point < 0x800) return bytes[0] = (char)(0xc0 | point >> 6), bytes[1] = (char)(0x80 | (point & 0x3f)), 2;
  if (point < 0x10000) return bytes[0] = (char)(0xe0 | point >> 12), bytes[1] = (char)(0x80 | (point >> 6 & 0x3f)), bytes[2] = (char)(0x80 | (point & 0x3f)), 3;
  bytes[0] = (char)(0xf0 | point >> 18), bytes[1] = (char)(0x80 | (point >> 12 & 0x3f)), bytes[2] = (char)(0x80 | (point >> 6 & 0x3f)), bytes[3] = (char)(0x80 | (point & 0x3f));
  return 4;
}

bool json_string(const struct json *json, int at, char *into, size_t size) {
  if (!json_is(json, at, JSON_STRING)) return false;
  size_t length = 0, end = json->values[at].end;
  for (size_t from = json->values[at].start; from < end;) {
    bool is_escape = json->text[from] == '\\';
    uint32_t point = next_unit(json->text, &from);
    char bytes[4] = { (char)point };
    size_t count = 1;
    if (is_escape) {
      if (point >= 0xd800 && point < 0xe000) {
        size_t then = from;
        uint32_t low = point < 0xdc00 && from + 6 <= end && json->text[from] == '\\' && json->text[from + 1] == 'u' ? next_unit(json->text, &then) : 0;
        bool is_pair = low >= 0xdc00 && low < 0xe000;
        point = is_pair ? 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00) : 0xfffd;
        if (is_pair) from = then;
      }
      count = encode_utf8(point, bytes);
    }
    if (point == 0 || length + count >= size) return false;
    memcpy(into + length, bytes, count);
    length += count;
  }
  if (length >= size) return false;
  into[length] = '\0';
  return true;
}

bool json_equals(const struct json *json, int at, const char *string) {
  char decoded[64];
  return json_string(json, at, decoded, sizeof decoded) && strcmp(decoded, string) == 0;
}

bool json_number(const struct json *json, int at, double *number) {
  char digits[40];
  if (!json_is(json, at, JSON_NUMBER)) return false;
  size_t length = (size_t)(json->values[at].end - json->values[at].start);
  if (length >= sizeof digits) return false;
  memcpy(digits, json->text + json->values[at].start, length);
  digits[length] = '\0';
  *number = strtod(digits, NULL);
  return true;
}

void text_add(struct text *text, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  size_t left = text->size - text->length;
  int wanted = vsnprintf(text->bytes + text->length, left, format, arguments);
  va_end(arguments);
  if (wanted < 0 || (size_t)wanted >= left) text->is_cut = true;
  else text->length += (size_t)wanted;
}

void text_add_string(struct text *text, const char *string) {
  if (string == NULL) {
    text_add(text, "null");
    return;
  }
  text_add(text, "\"");
  for (; *string != '\0'; string += 1) {
    unsigned char byte = (unsigned char)*string;
    if (byte == '"' || byte == '\\') text_add(text, "\\%c", byte);
    else if (byte < ' ') text_add(text, "\\u%04x", byte);
    else text_add(text, "%c", byte);
  }
  text_add(text, "\"");
}

void text_add_number(struct text *text, double number) {
  char digits[40];
  for (int precision = 15; precision <= 17; precision += 1) {
    snprintf(digits, sizeof digits, "%.*g", precision, number);
    if (strtod(digits, NULL) == number) break;
  }
  text_add(text, "%s", digits);
}
