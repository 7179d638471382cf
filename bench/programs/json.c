/* Reads and writes JSON: a recursive-descent parser into an arena of values, and a printer. A round writes
 * a document, parses it, sums its numbers and prints it again; both texts must agree. */
#include "rounds.h"
#include <string.h>

enum kind { NOTHING, TRUE, FALSE, NUMBER, STRING, ARRAY, OBJECT };

struct value {
  enum kind kind;
  double number;
  const char *name, *text; /* into the document, ended by their lengths */
  unsigned name_length, text_length;
  struct value *first, *next;
};

struct parser {
  const char *at, *end;
  struct value *arena;
  size_t used, capacity;
  const char *error;
};

struct text {
  char *bytes;
  size_t length, capacity;
};

static void put(struct text *text, const char *bytes, size_t length) {
  if (text->length + length > text->capacity) {
    text->capacity = (text->length + length) * 2;
    text->bytes = realloc(text->bytes, text->capacity);
  }
  memcpy(text->bytes + text->length, bytes, length);
  text->length += length;
}

static void put_char(struct text *text, char c) { put(text, &c, 1); }

static void put_number(struct text *text, double number) {
  char digits[32];
  long whole = (long)(number * 1000 + (number < 0 ? -0.5 : 0.5)), size = whole < 0 ? -whole : whole;
  char *at = digits + sizeof digits;
  for (int i = 0; i < 3; i++, size /= 10)
    *--at = (char)('0' + size % 10);
  *--at = '.';
  do
    *--at = (char)('0' + size % 10);
  while (size /= 10);
  if (whole < 0)
    *--at = '-';
  put(text, at, (size_t)(digits + sizeof digits - at));
}

static void skip_space(struct parser *p) {
  while (p->at < p->end && (*p->at == ' ' || *p->at == '\n' || *p->at == '\t' || *p->at == '\r'))
    p->at++;
}

static int take(struct parser *p, char c) {
  skip_space(p);
  if (p->at < p->end && *p->at == c) {
    p->at++;
    return 1;
  }
  return 0;
}

static int fail(struct parser *p, const char *why) {
  if (!p->error)
    p->error = why;
  return -1;
}

static int parse_string(struct parser *p, const char **text, unsigned *length) {
  if (!take(p, '"'))
    return fail(p, "a string was expected");
  const char *start = p->at;
  while (p->at < p->end && *p->at != '"')
    p->at += *p->at == '\\' ? 2 : 1;
  if (p->at >= p->end)
    return fail(p, "a string does not end");
  *text = start;
  *length = (unsigned)(p->at++ - start);
  return 0;
}

static double parse_number(struct parser *p) {
  static const double scale[] = {1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};
  int negative = take(p, '-');
  double number = 0;
  while (p->at < p->end && *p->at >= '0' && *p->at <= '9')
    number = number * 10 + (*p->at++ - '0');
  if (p->at < p->end && *p->at == '.') {
    int digits = 0;
    long fraction = 0;
    for (p->at++; p->at < p->end && *p->at >= '0' && *p->at <= '9' && digits < 9; digits++)
      fraction = fraction * 10 + (*p->at++ - '0');
    number += (double)fraction / scale[digits];
  }
  return negative ? -number : number;
}

static struct value *fresh(struct parser *p, enum kind kind) {
  if (p->used == p->capacity) {
    fail(p, "the arena is full");
    return NULL;
  }
  struct value *value = &p->arena[p->used++];
  memset(value, 0, sizeof *value);
  value->kind = kind;
  return value;
}

struct value *parse_value(struct parser *p);

static struct value *parse_members(struct parser *p, enum kind kind, char close) {
  struct value *list = fresh(p, kind), **tail;
  if (!list)
    return NULL;
  tail = &list->first;
  if (take(p, close))
    return list;
  do {
    const char *name = NULL;
    unsigned length = 0;
    if (kind == OBJECT && (parse_string(p, &name, &length) || !take(p, ':'))) {
      fail(p, "a colon was expected");
      return NULL;
    }
    struct value *member = parse_value(p);
    if (!member)
      return NULL;
    member->name = name;
    member->name_length = length;
    *tail = member;
    tail = &member->next;
  } while (take(p, ','));
  if (!take(p, close)) {
    fail(p, "a list does not end");
    return NULL;
  }
  return list;
}

static struct value *parse_word(struct parser *p, const char *word, enum kind kind) {
  size_t length = strlen(word);
  if ((size_t)(p->end - p->at) < length || memcmp(p->at, word, length) != 0) {
    fail(p, "a value was expected");
    return NULL;
  }
  p->at += length;
  return fresh(p, kind);
}

struct value *parse_value(struct parser *p) {
  skip_space(p);
  struct value *value;
  switch (p->at < p->end ? *p->at : 0) {
  case '{':
    p->at++;
    return parse_members(p, OBJECT, '}');
  case '[':
    p->at++;
    return parse_members(p, ARRAY, ']');
  case '"':
    value = fresh(p, STRING);
    return value && !parse_string(p, &value->text, &value->text_length) ? value : NULL;
  case 't':
    return parse_word(p, "true", TRUE);
  case 'f':
    return parse_word(p, "false", FALSE);
  case 'n':
    return parse_word(p, "null", NOTHING);
  default:
    value = fresh(p, NUMBER);
    if (value)
      value->number = parse_number(p);
    return value;
  }
}

static void put_quoted(struct text *out, const char *bytes, unsigned length) {
  put_char(out, '"');
  put(out, bytes, length);
  put_char(out, '"');
}

void print_value(struct text *out, const struct value *value) {
  switch (value->kind) {
  case NOTHING:
    put(out, "null", 4);
    return;
  case TRUE:
    put(out, "true", 4);
    return;
  case FALSE:
    put(out, "false", 5);
    return;
  case NUMBER:
    put_number(out, value->number);
    return;
  case STRING:
    put_quoted(out, value->text, value->text_length);
    return;
  default:
    put_char(out, value->kind == OBJECT ? '{' : '[');
    for (const struct value *member = value->first; member; member = member->next) {
      if (member->name) {
        put_quoted(out, member->name, member->name_length);
        put_char(out, ':');
      }
      print_value(out, member);
      if (member->next)
        put_char(out, ',');
    }
    put_char(out, value->kind == OBJECT ? '}' : ']');
  }
}

double sum_of(const struct value *value) {
  double sum = value->kind == NUMBER ? value->number : value->text_length;
  for (const struct value *member = value->first; member; member = member->next)
    sum += sum_of(member);
  return sum;
}

/* A list of orders, as a web shop might send it. */
void write_document(struct text *out, long orders, uint64_t *seed) {
  static const char *const names[] = {"kettle", "lamp \\\"Aurora\\\"", "chair", "rug", "a very long bookshelf, oak"};
  put_char(out, '[');
  for (long i = 0; i < orders; i++) {
    uint64_t random = rounds_random(seed);
    if (i)
      put_char(out, ',');
    put(out, "{\"id\":", 6);
    put_number(out, (double)i);
    put(out, ",\"item\":", 8);
    const char *name = names[random % 5];
    put_quoted(out, name, (unsigned)strlen(name));
    put(out, ",\"price\":", 9);
    put_number(out, (double)(random >> 40) / 256.0 - 1000.0);
    put(out, ",\"paid\":", 8);
    put(out, random & 64 ? "true" : "null", 4);
    put(out, ",\"sizes\":[", 10);
    for (unsigned k = 0; k <= (random >> 8) % 6; k++) {
      if (k)
        put_char(out, ',');
      put_number(out, (double)((random >> k) & 1023));
    }
    put(out, "]}", 2);
  }
  put_char(out, ']');
}

int main(int argc, char **argv) {
  struct rounds rounds = rounds_begin(argc, argv, 15000);
  long orders = rounds_argument(argc, argv, 2, 200);
  struct parser parser = {.capacity = (size_t)orders * 14 + 16};
  parser.arena = malloc(sizeof *parser.arena * parser.capacity);
  struct text document = {0}, printed = {0};
  uint64_t seed = 12;
  double sum = 0;
  long differing = 0;
  size_t bytes = 0;
  do {
    document.length = printed.length = parser.used = 0;
    write_document(&document, orders, &seed);
    parser.at = document.bytes;
    parser.end = document.bytes + document.length;
    parser.error = NULL;
    struct value *root = parse_value(&parser);
    if (!root) {
      printf("round %ld, byte %td: %s\n", rounds.done, parser.at - document.bytes, parser.error);
      return 1;
    }
    sum += sum_of(root);
    print_value(&printed, root);
    differing += printed.length != document.length || memcmp(printed.bytes, document.bytes, printed.length) != 0;
    bytes += document.length;
  } while (rounds_next(&rounds));
  printf("bytes %zu sum %a differing %ld\n", bytes, sum, differing);
  free(parser.arena);
  free(document.bytes);
  free(printed.bytes);
}
