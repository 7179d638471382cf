/* exec/frames.c: see frames.h.
 *
 *     CIE  length, 0, version, augmentation "zPLR", alignments, return column,
 *          [length, P: encoding + pointer, L: encoding, R: encoding], instructions
 *     FDE  length, back to the CIE, begin, range, [length, LSDA pointer], instructions
 *
 * A copy has the same instructions; every pointer is 8 bytes and absolute. DW_CFA_set_loc, the one
 * instruction with an encoded address, is written by no code generator here.
 */
#include "frames.h"

#include "shelf.h"

#include <string.h>

#define ENCODING_OMIT 0xff
#define ENCODING_INDIRECT 0x80
#define ENCODING_PCREL 0x10
#define GROWTH_BYTES 40 /* wider pointers, lengths and padding, at most */

struct cursor {
  const uint8_t *at, *end;
  bool is_bad;
};

struct cie { /* what its FDEs need of it */
  const uint8_t *from;
  const uint8_t *copy;
  bool has_lengths, has_personality;
  uint8_t lsda, pointer;
};

static uint64_t take(struct cursor *in, size_t bytes) {
  uint64_t value = 0;
  if ((size_t)(in->end - in->at) < bytes) {
    in->is_bad = true;
    return 0;
  }
  memcpy(&value, in->at, bytes);
  in->at += bytes;
  return value;
}

static uint64_t take_uleb(struct cursor *in) {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    uint64_t byte = take(in, 1);
    value |= (byte & 0x7f) << shift;
    if (!(byte & 0x80))
      return value;
  }
  in->is_bad = true;
  return 0;
}

/* The low half of an encoding: how wide, and whether signed. */
static uint64_t take_value(struct cursor *in, uint8_t encoding) {
  switch (encoding & 0x0f) {
  case 0x00:
  case 0x04:
  case 0x0c:
    return take(in, 8);
  case 0x02:
    return take(in, 2);
  case 0x0a:
    return (uint64_t)(int64_t)(int16_t)take(in, 2);
  case 0x03:
    return take(in, 4);
  case 0x0b:
    return (uint64_t)(int64_t)(int32_t)take(in, 4);
  default:
    in->is_bad = true;
    return 0;
  }
}

static uint64_t take_pointer(struct cursor *in, uint8_t encoding) {
  uint64_t here = (uint64_t)(uintptr_t)in->at;
  uint64_t value = take_value(in, encoding);
  if ((encoding & 0x70) == ENCODING_PCREL)
    return value ? value + here : 0; /* a null pointer stays one */
  if (encoding & 0x70)
    in->is_bad = true;
  return value;
}

static uint8_t *put(uint8_t *to, const void *from, size_t bytes) {
  memcpy(to, from, bytes);
  return to + bytes;
}

/* Pads with DW_CFA_nop and writes the length. */
static uint8_t *close_record(uint8_t *record, uint8_t *to) {
  while ((to - record) % 8)
    *to++ = 0;
  uint32_t length = (uint32_t)(to - record) - 4;
  memcpy(record, &length, sizeof length);
  return to;
}

/* Reads the CIE and writes its copy. Returns the copy's end, null when it is not understood. */
static uint8_t *copy_cie(struct cursor in, struct cie *cie, uint8_t *to) {
  uint8_t *record = to;
  uint8_t data[32];
  size_t data_bytes = 0;
  *cie = (struct cie){.from = in.at, .copy = to, .lsda = ENCODING_OMIT};
  take(&in, 8);
  const uint8_t *head = in.at;
  uint8_t version = (uint8_t)take(&in, 1);
  const char *augmentation = (const char *)in.at;
  while (take(&in, 1) && !in.is_bad)
    ;
  take_uleb(&in);
  take_uleb(&in); /* signed, but as long */
  if (version == 1)
    take(&in, 1);
  else
    take_uleb(&in);
  const uint8_t *head_end = in.at;
  if (in.is_bad || (version != 1 && version != 3) || (*augmentation && *augmentation != 'z'))
    return NULL;
  if (*augmentation) {
    cie->has_lengths = true;
    uint64_t bytes = take_uleb(&in);
    if (bytes > (uint64_t)(in.end - in.at))
      return NULL;
    struct cursor fields = {in.at, in.at + bytes, false};
    in.at += bytes;
    for (const char *letter = augmentation + 1; *letter; letter++) {
      if (data_bytes + 9 > sizeof data)
        return NULL;
      uint8_t encoding = strchr("PLR", *letter) ? (uint8_t)take(&fields, 1) : 0;
      if (*letter == 'P') {
        uint64_t pointer = take_pointer(&fields, encoding & (uint8_t)~ENCODING_INDIRECT);
        data[data_bytes++] = encoding & ENCODING_INDIRECT;
        memcpy(data + data_bytes, &pointer, 8);
        data_bytes += 8;
        cie->has_personality = true;
      } else if (*letter == 'L') {
        cie->lsda = encoding;
        data[data_bytes++] = encoding == ENCODING_OMIT ? ENCODING_OMIT : encoding & ENCODING_INDIRECT;
      } else if (*letter == 'R') {
        cie->pointer = encoding;
        data[data_bytes++] = 0;
      } else if (*letter != 'S' && *letter != 'B') {
        return NULL;
      }
    }
    if (fields.is_bad)
      return NULL;
  }
  memset(to, 0, 8);
  to = put(to + 8, head, (size_t)(head_end - head));
  if (cie->has_lengths) {
    *to++ = (uint8_t)data_bytes;
    to = put(to, data, data_bytes);
  }
  return close_record(record, put(to, in.at, (size_t)(in.end - in.at)));
}

/* Null: not understood. *is_empty: describes no code, nothing was written. */
static uint8_t *copy_fde(struct cursor in, const struct cie *cie, uint8_t *to, bool *is_empty) {
  uint8_t *record = to;
  take(&in, 8);
  uint64_t pc = take_pointer(&in, cie->pointer);
  uint64_t bytes = take_value(&in, cie->pointer & 0x0f), lsda = 0;
  if (cie->has_lengths) {
    uint64_t data_bytes = take_uleb(&in);
    if (data_bytes > (uint64_t)(in.end - in.at))
      return NULL;
    struct cursor fields = {in.at, in.at + data_bytes, false};
    in.at += data_bytes;
    if (cie->lsda != ENCODING_OMIT)
      lsda = take_pointer(&fields, cie->lsda & (uint8_t)~ENCODING_INDIRECT);
    in.is_bad |= fields.is_bad;
  }
  if (in.is_bad || pc + bytes < pc || !cie->copy)
    return NULL;
  *is_empty = pc == 0 || bytes == 0;
  if (*is_empty)
    return to;
  struct halo_fde fde = {.to_cie = (uint32_t)(to + 4 - cie->copy), .pc = pc, .bytes = bytes};
  to = put(to, &fde, sizeof fde);
  if (cie->has_lengths) {
    *to++ = cie->lsda == ENCODING_OMIT ? 0 : 8;
    if (cie->lsda != ENCODING_OMIT)
      to = put(to, &lsda, 8);
  }
  return close_record(record, put(to, in.at, (size_t)(in.end - in.at)));
}

/* Steps to the next record; false at the terminator. *in covers that record. */
static bool next_record(struct cursor *all, struct cursor *in) {
  uint32_t length = (uint32_t)take(all, 4);
  if (all->is_bad || length == 0)
    return false;
  if (length < 4 || length > (size_t)(all->end - all->at)) {
    all->is_bad = true;
    return false;
  }
  *in = (struct cursor){all->at - 4, all->at + length, false};
  all->at += length;
  return true;
}

/* The CIE's record, when the FDE at `in` points to one within the section. */
static bool find_cie(const uint8_t *begin, const struct cursor *in, struct cursor *cie) {
  uint32_t back, length, id;
  memcpy(&back, in->at + 4, sizeof back);
  if (back < 8 || back > (size_t)(in->at + 4 - begin))
    return false;
  const uint8_t *at = in->at + 4 - back;
  memcpy(&length, at, sizeof length);
  memcpy(&id, at + 4, sizeof id);
  if (id != 0 || length < 4 || length > (size_t)(in->end - at) - 4)
    return false;
  *cie = (struct cursor){at, at + 4 + length, false};
  return true;
}

static void sort_down(const struct halo_fde **entries, size_t from, size_t count) {
  for (size_t child; (child = 2 * from + 1) < count; from = child) {
    if (child + 1 < count && entries[child]->pc < entries[child + 1]->pc)
      child++;
    if (entries[from]->pc >= entries[child]->pc)
      return;
    const struct halo_fde *swap = entries[from];
    entries[from] = entries[child];
    entries[child] = swap;
  }
}

static void sort(const struct halo_fde **entries, size_t count) {
  bool is_sorted = true;
  for (size_t i = 1; i < count; i++)
    is_sorted &= entries[i - 1]->pc <= entries[i]->pc;
  if (is_sorted)
    return;
  for (size_t i = count / 2; i-- > 0;)
    sort_down(entries, i, count);
  for (size_t i = count; i-- > 1;) {
    const struct halo_fde *swap = entries[0];
    entries[0] = entries[i];
    entries[i] = swap;
    sort_down(entries, 0, i);
  }
}

/* Room for the copies, by the same walk as theirs; 0: not understood. */
static size_t measure(const uint8_t *begin, const uint8_t *end, size_t *count) {
  struct cursor all = {begin, end, false}, in, cie;
  const uint8_t *last = NULL;
  size_t bytes = 0;
  while (next_record(&all, &in)) {
    uint32_t id;
    memcpy(&id, in.at + 4, sizeof id);
    if (id == 0)
      continue;
    if (!find_cie(begin, &in, &cie))
      return 0;
    if (cie.at != last)
      bytes += (size_t)(cie.end - cie.at) + GROWTH_BYTES;
    last = cie.at;
    bytes += (size_t)(in.end - in.at) + GROWTH_BYTES;
    ++*count;
  }
  return all.is_bad ? 0 : bytes + 8;
}

struct halo_frames *halo_frames_copy(uint64_t begin_at, uint64_t end_at, const char **why) {
  const uint8_t *begin = (const uint8_t *)(uintptr_t)begin_at, *end = (const uint8_t *)(uintptr_t)end_at;
  struct cursor all = {begin, end, false}, in = {0}, from = {0};
  struct cie cie = {0};
  size_t count = 0, bytes = measure(begin, end, &count);
  *why = "unwind table of an unknown form at ";
  if (!bytes)
    return NULL;
  struct halo_frames *frames = halo_shelf_take(sizeof *frames + count * sizeof frames->entries[0] + bytes);
  if (!frames) {
    *why = "no memory to copy the unwind table at ";
    return NULL;
  }
  *frames = (struct halo_frames){.low = UINT64_MAX};
  uint8_t *to = (uint8_t *)&frames->entries[count];
  while (to && next_record(&all, &in)) {
    uint32_t id;
    bool is_empty = false;
    memcpy(&id, in.at + 4, sizeof id);
    if (id == 0)
      continue;
    find_cie(begin, &in, &from);
    if (from.at != cie.from && !(to = copy_cie(from, &cie, to)))
      break;
    frames->has_personality |= cie.has_personality;
    const struct halo_fde *fde = (const struct halo_fde *)(void *)to;
    to = copy_fde(in, &cie, to, &is_empty);
    if (!to || is_empty)
      continue;
    frames->entries[frames->count++] = fde;
    if (fde->pc < frames->low)
      frames->low = fde->pc;
    if (fde->pc + fde->bytes > frames->high)
      frames->high = fde->pc + fde->bytes;
  }
  if (!to) {
    halo_shelf_give(frames);
    return NULL;
  }
  frames->end = to;
  sort(frames->entries, frames->count);
  return frames;
}

const struct halo_fde *halo_frames_write_least(void *to, uint64_t pc, uint64_t bytes) {
  /* Version 1, "", code align 1, data align -8, return column 16; CFA = rsp+8, return at CFA-8.
   * No frame is ever unwound by it. */
  static const uint8_t cie[] = {0x14, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0x78, 0x10, 0x0c, 7, 8, 0x90, 1};
  uint8_t *at = to;
  memset(to, 0, HALO_FRAMES_LEAST_BYTES);
  memcpy(at, cie, sizeof cie);
  struct halo_fde fde = {.length = 20, .to_cie = 28, .pc = pc, .bytes = bytes};
  memcpy(at + 24, &fde, sizeof fde);
  return (const struct halo_fde *)(void *)(at + 24);
}
