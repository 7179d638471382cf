/* describe.c: services that tell what the process is: halo_describe, _images, _bitcode, _symbols,
 * _builtins.
 */
#include "builtins.h"
#include "halo/image.h"
#include "halo/protocol.h"
#include "halo/sys.h"
#include "images.h"
#include "peek.h"
#include "services.h"
#include "settings.h"
#include "symbols.h"

#include <string.h>

#define BITCODE_PIECE_LIMIT (1u << 20)

/* The processor's brand string, without the blanks around it. */
static void read_brand(char brand[64]) {
  uint32_t out[4] = {0, 0, 0, 0};
  memset(brand, 0, 64);
  halo_cpuid(0x80000000u, 0, out);
  if (out[0] < 0x80000004u)
    return;
  for (uint32_t i = 0; i < 3; i++) {
    halo_cpuid(0x80000002u + i, 0, out);
    memcpy(brand + 16 * i, out, 16);
  }
  size_t begin = strspn(brand, " "), end = strlen(brand);
  while (end > begin && brand[end - 1] == ' ')
    end--;
  memmove(brand, brand + begin, end - begin);
  memset(brand + (end - begin), 0, 64 - (end - begin));
}

/* Code that belongs to no image in particular goes near the executable. */
static uint64_t memory_anchor(void) {
  for (size_t i = 0;; i++) {
    struct halo_image *image = halo_images_at(i);
    if (!image)
      break;
    if (image->module.is_executable)
      return image->module.text_low;
  }
  struct halo_image *first = halo_images_at(0);
  return first ? first->module.text_low : 0;
}

static int describe(struct halo_call *call) {
  char executable[1024], brand[64];
  long bytes = halo_sys_readlink("/proc/self/exe", executable, sizeof executable - 1);
  executable[bytes > 0 ? bytes : 0] = 0;
  read_brand(brand);
  halo_images_refresh();
  halo_write_u8(call->out, 1);
  halo_write_u32(call->out, HALO_PROTOCOL_VERSION);
  halo_write_u32(call->out, (uint32_t)halo_sys_getpid());
  halo_write_u64(call->out, halo_settings.main_ns);
  halo_write_u64(call->out, halo_sys_now_ns());
  halo_write_u64(call->out, halo_ticks());
  halo_write_string(call->out, executable);
  halo_write_string(call->out, brand);
  halo_write_u64(call->out, memory_anchor());
  return HALO_OK;
}

/* The digests of the frames in a `halo_bitcode` section, in order. Stops at what is no frame: the
 * controller reads the section itself and says what is wrong with it. */
static void write_digests(const struct halo_image *image, struct halo_writer *out) {
  size_t hole = halo_write_hole(out), begin = out->bytes;
  uint64_t at = 0;
  while (image->bitcode_bytes - at >= sizeof(struct halo_bitcode_frame)) {
    struct halo_bitcode_frame frame;
    if (!halo_peek(image->bitcode + at, &frame, sizeof frame))
      break;
    uint64_t first;
    memcpy(&first, frame.magic, sizeof first);
    if (!first) { /* padding */
      at += 8;
      continue;
    }
    if (memcmp(frame.magic, HALO_BITCODE_MAGIC, sizeof frame.magic) != 0)
      break;
    uint64_t left = image->bitcode_bytes - at - sizeof frame;
    if (frame.options_bytes > left || frame.stored_bytes > left - frame.options_bytes)
      break;
    halo_write_raw(out, frame.digest, sizeof frame.digest);
    at += (sizeof frame + frame.options_bytes + frame.stored_bytes + 7) & ~7ul;
    if (at > image->bitcode_bytes)
      break;
  }
  halo_write_fill(out, hole, out->bytes - begin);
}

static int list_images(struct halo_call *call) {
  halo_images_refresh();
  halo_write_u8(call->out, 1);
  halo_write_u64(call->out, halo_images_generation());
  size_t hole = halo_write_hole(call->out);
  size_t count = 0;
  for (;; count++) {
    struct halo_image *image = halo_images_at(count);
    if (!image)
      break;
    halo_write_u64(call->out, image->id);
    halo_write_string(call->out, halo_images_path(image));
    halo_write_bytes(call->out, image->module.build_id, image->module.build_id_bytes);
    halo_write_u64(call->out, image->module.base);
    halo_write_u64(call->out, image->module.text_low);
    halo_write_u64(call->out, image->module.text_high);
    halo_write_u64(call->out, (uint64_t)(uintptr_t)&image->arena);
    halo_write_u64(call->out, image->bitcode_bytes);
    halo_write_u64(call->out, image->symbol_count);
    halo_write_u8(call->out, image->module.is_executable);
    write_digests(image, call->out);
  }
  halo_write_fill(call->out, hole, count);
  return HALO_OK;
}

static int read_bitcode(struct halo_call *call) {
  uint64_t id = halo_read_u64(&call->in), offset = halo_read_u64(&call->in);
  uint64_t bytes = halo_read_u64(&call->in);
  if (call->in.is_bad)
    return HALO_E_MALFORMED;
  struct halo_image *image = halo_images_by_id(id);
  if (!image)
    return halo_refuse(call, "no such image");
  if (offset > image->bitcode_bytes)
    return halo_refuse(call, "offset is past the end of the bitcode");
  if (bytes > image->bitcode_bytes - offset)
    bytes = image->bitcode_bytes - offset;
  if (bytes > BITCODE_PIECE_LIMIT)
    bytes = BITCODE_PIECE_LIMIT;
  halo_write_u8(call->out, 1);
  halo_write_u64(call->out, bytes);
  for (uint64_t done = 0; done < bytes;) {
    char piece[4096];
    uint64_t part = bytes - done < sizeof piece ? bytes - done : sizeof piece;
    if (!halo_peek(image->bitcode + offset + done, piece, part))
      return halo_refuse(call, "the image was unloaded");
    halo_write_raw(call->out, piece, part);
    done += part;
  }
  return HALO_OK;
}

static int read_symbols(struct halo_call *call) {
  uint64_t id = halo_read_u64(&call->in);
  if (call->in.is_bad)
    return HALO_E_MALFORMED;
  struct halo_image *image = halo_images_by_id(id);
  if (!image)
    return halo_refuse(call, "no such image");
  halo_write_u8(call->out, 1);
  halo_write_u64(call->out, image->symbol_count * sizeof(struct halo_resolved));
  if (halo_symbols_resolve(image, call->out) != HALO_OK)
    return halo_refuse(call, "the image's symbol table can not be read");
  return HALO_OK;
}

static int find_builtins(struct halo_call *call) {
  uint64_t count = halo_read_count(&call->in, 8);
  halo_write_u8(call->out, 1);
  halo_write_u64(call->out, count);
  for (uint64_t i = 0; i < count && !call->in.is_bad; i++) {
    struct halo_view name = halo_read_bytes(&call->in);
    halo_write_u64(call->out, halo_builtins_find((const char *)name.data, name.bytes));
  }
  return call->in.is_bad ? HALO_E_MALFORMED : HALO_OK;
}

const struct halo_service *halo_describe_services(size_t *count) {
  static const struct halo_service services[] = {
      {"halo_describe", describe, 0, NULL},      {"halo_images", list_images, 0, NULL},
      {"halo_bitcode", read_bitcode, 0, NULL},   {"halo_symbols", read_symbols, 0, NULL},
      {"halo_builtins", find_builtins, 0, NULL},
  };
  *count = sizeof services / sizeof services[0];
  return services;
}
