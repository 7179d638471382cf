/* symbols.c: one pass over the table in pieces of 1024 entries, GOT slots in one read a piece. */
#include "symbols.h"

#include "halo/image.h"
#include "halo/protocol.h"
#include "halo/sys.h"
#include "peek.h"

#include <string.h>

#define PIECE 1024
#define GOT_WINDOW 4096 /* slots */

/* A copy of the part of the GOT that was last asked for: its slots lie side by side. */
struct window {
  uint64_t at, bytes;
  uint64_t slot[GOT_WINDOW];
};

static uint64_t read_slot(struct window *window, const struct halo_module *module, uint64_t at) {
  if (at < module->low || at + 8 > module->high)
    return 0;
  if (at < window->at || at + 8 > window->at + window->bytes || (at - window->at) % 8) {
    window->at = at;
    window->bytes = halo_peek_some(at, window->slot, sizeof window->slot) & ~7ul;
    if (window->bytes == 0)
      return 0;
  }
  return window->slot[(at - window->at) / 8];
}

static void resolve(const struct halo_image *image, struct window *window, uint64_t index,
                    const struct halo_symbol *symbol, uint64_t *next_tls, struct halo_resolved *to) {
  uint64_t field = image->symbols + index * sizeof *symbol + offsetof(struct halo_symbol, where);
  uint64_t where = field + (uint64_t)(int64_t)symbol->where;
  *to = (struct halo_resolved){symbol->module, symbol->kind_ordinal, 0, 0};
  switch (symbol->kind_ordinal >> HALO_SYMBOL_KIND_SHIFT) {
  case HALO_SYMBOL_DEFINITION:
  case HALO_SYMBOL_PATCHABLE:
    if (where >= image->module.low && where < image->module.high)
      to->address = where;
    break;
  case HALO_SYMBOL_GOT:
    to->address = read_slot(window, &image->module, where);
    break;
  case HALO_SYMBOL_TLS:
    to->address = where;
    while (*next_tls < image->tls_count && image->tls[*next_tls].index < index)
      ++*next_tls;
    if (*next_tls < image->tls_count && image->tls[*next_tls].index == index) {
      to->flags = HALO_RESOLVED_STATIC_TLS;
      to->address = (uint64_t)image->tls[*next_tls].offset;
    }
    break;
  default:
    break;
  }
}

struct work {
  struct window window;
  struct halo_symbol symbols[PIECE];
  struct halo_resolved resolved[PIECE];
};

int halo_symbols_resolve(const struct halo_image *image, struct halo_writer *out) {
  struct work *work = halo_sys_pages(sizeof *work);
  if (!work)
    return HALO_E_MEMORY;
  int status = HALO_OK;
  uint64_t next_tls = 0;
  for (uint64_t done = 0; done < image->symbol_count && !status;) {
    uint64_t count = image->symbol_count - done < PIECE ? image->symbol_count - done : PIECE;
    if (!halo_peek(image->symbols + done * sizeof work->symbols[0], work->symbols,
                   count * sizeof work->symbols[0]))
      status = HALO_E_GONE;
    for (uint64_t i = 0; i < count && !status; i++)
      resolve(image, &work->window, done + i, &work->symbols[i], &next_tls, &work->resolved[i]);
    if (!status)
      halo_write_raw(out, work->resolved, count * sizeof work->resolved[0]);
    done += count;
  }
  halo_sys_munmap(work, sizeof *work);
  return status;
}
