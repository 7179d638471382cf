/* A hash table with open addressing (linear probing, backward-shift deletion), keys are short strings.
 * A round inserts, looks up and removes words. */
#include "rounds.h"
#include <string.h>

struct entry {
  char *key;
  uint64_t hash;
  long value;
};

struct table {
  struct entry *entries;
  size_t capacity, used;
};

static uint64_t hash_of(const char *key) {
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  for (; *key; key++)
    hash = (hash ^ (unsigned char)*key) * UINT64_C(0x100000001b3);
  return hash ^ (hash >> 29);
}

static struct entry *find(const struct table *table, const char *key, uint64_t hash) {
  size_t mask = table->capacity - 1;
  for (size_t i = hash & mask;; i = (i + 1) & mask) {
    struct entry *entry = &table->entries[i];
    if (!entry->key || (entry->hash == hash && strcmp(entry->key, key) == 0))
      return entry;
  }
}

static void grow(struct table *table) {
  struct table bigger = {.capacity = table->capacity ? table->capacity * 2 : 64, .used = table->used};
  bigger.entries = calloc(bigger.capacity, sizeof *bigger.entries);
  for (size_t i = 0; i < table->capacity; i++)
    if (table->entries[i].key)
      *find(&bigger, table->entries[i].key, table->entries[i].hash) = table->entries[i];
  free(table->entries);
  *table = bigger;
}

long *table_at(struct table *table, const char *key) {
  if ((table->used + 1) * 4 > table->capacity * 3)
    grow(table);
  uint64_t hash = hash_of(key);
  struct entry *entry = find(table, key, hash);
  if (!entry->key) {
    *entry = (struct entry){.key = strdup(key), .hash = hash};
    table->used++;
  }
  return &entry->value;
}

const long *table_get(const struct table *table, const char *key) {
  if (!table->capacity)
    return NULL;
  const struct entry *entry = find(table, key, hash_of(key));
  return entry->key ? &entry->value : NULL;
}

int table_remove(struct table *table, const char *key) {
  if (!table->capacity)
    return 0;
  struct entry *entry = find(table, key, hash_of(key));
  if (!entry->key)
    return 0;
  free(entry->key);
  size_t mask = table->capacity - 1, hole = (size_t)(entry - table->entries);
  for (size_t i = (hole + 1) & mask; table->entries[i].key; i = (i + 1) & mask) {
    size_t home = table->entries[i].hash & mask;
    if (((i - home) & mask) >= ((i - hole) & mask)) {
      table->entries[hole] = table->entries[i];
      hole = i;
    }
  }
  table->entries[hole].key = NULL;
  table->entries[hole].value = 0;
  table->used--;
  return 1;
}

static void word(char *out, uint64_t number) {
  static const char *const syllables[] = {"ba", "ce", "di", "fo", "gu", "ha", "ke", "li",
                                          "mo", "nu", "pa", "re", "si", "to", "vu", "ze"};
  size_t length = 0;
  do {
    memcpy(out + length, syllables[number & 15], 2);
    length += 2;
    number >>= 4;
  } while (number);
  out[length] = 0;
}

void work(struct table *table, long words, uint64_t *seed, long *found, long *removed) {
  char key[40];
  for (int i = 0; i < 1000; i++) {
    word(key, rounds_random(seed) % (uint64_t)words);
    *table_at(table, key) += i;
    word(key, rounds_random(seed) % (uint64_t)words);
    const long *value = table_get(table, key);
    if (value)
      *found += *value;
    word(key, rounds_random(seed) % (uint64_t)words);
    *removed += table_remove(table, key);
  }
}

int main(int argc, char **argv) {
  struct rounds rounds = rounds_begin(argc, argv, 9000);
  long words = rounds_argument(argc, argv, 2, 20000);
  struct table table = {0};
  uint64_t seed = 8;
  long found = 0, removed = 0, sum = 0;
  do
    work(&table, words, &seed, &found, &removed);
  while (rounds_next(&rounds));
  for (size_t i = 0; i < table.capacity; i++)
    if (table.entries[i].key) {
      sum += table.entries[i].value;
      free(table.entries[i].key);
    }
  printf("entries %zu sum %ld found %ld removed %ld\n", table.used, sum, found, removed);
  free(table.entries);
}
