/* exec/shelf.c: see shelf.h.
 *
 *     | state: class, since | the caller's bytes ...                |
 *     free[class] -> piece -> piece        resting: oldest -> ... -> newest
 */
#include "shelf.h"

#include "halo/sys.h"

#define CLASSES 20
#define LEAST_BYTES 64u
#define PAGES_BYTES 65536u
#define REST_NS 60000000000u
#define LONGEST_STEP_NS 1000000000u

struct piece { /* 32 bytes: what follows keeps its alignment */
  struct piece *next;
  uint64_t since_ns;
  uint64_t size_class;
  uint64_t spare;
};

static struct piece *free_pieces[CLASSES];
static struct piece *oldest, *newest;
static char *rest, *rest_end; /* of the pages in use */
static uint64_t clock_ns, looked_ns;

static uint64_t now(void) {
  uint64_t at = halo_sys_now_ns(), step = at - looked_ns;
  clock_ns += step < LONGEST_STEP_NS ? step : LONGEST_STEP_NS;
  looked_ns = at;
  return clock_ns;
}

static void recycle(void) {
  for (uint64_t at = now(); oldest && at - oldest->since_ns >= REST_NS;) {
    struct piece *piece = oldest;
    oldest = piece->next;
    piece->next = free_pieces[piece->size_class];
    free_pieces[piece->size_class] = piece;
  }
}

void *halo_shelf_take(size_t bytes) {
  size_t size_class = 0;
  while (size_class < CLASSES && (LEAST_BYTES << size_class) < bytes + sizeof(struct piece))
    size_class++;
  if (size_class == CLASSES || bytes > (LEAST_BYTES << (CLASSES - 1)))
    return NULL;
  recycle();
  struct piece *piece = free_pieces[size_class];
  if (piece) {
    free_pieces[size_class] = piece->next;
    return piece + 1;
  }
  size_t size = LEAST_BYTES << size_class;
  if ((size_t)(rest_end - rest) < size) {
    size_t pages = size > PAGES_BYTES ? size : PAGES_BYTES;
    char *fresh = halo_sys_pages(pages);
    if (!fresh)
      return NULL;
    if (size == pages) { /* leaves what is left of the former pages in use */
      piece = (struct piece *)fresh;
      piece->size_class = size_class;
      return piece + 1;
    }
    rest = fresh;
    rest_end = fresh + pages;
  }
  piece = (struct piece *)rest;
  rest += size;
  piece->size_class = size_class;
  return piece + 1;
}

void halo_shelf_give(void *given) {
  if (!given)
    return;
  struct piece *piece = (struct piece *)given - 1;
  piece->since_ns = now();
  piece->next = NULL;
  if (oldest)
    newest->next = piece;
  else
    oldest = piece;
  newest = piece;
}
