#include "Pages.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MemoryBuffer.h"

#include <algorithm>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE // Linux 5.14; older ones refuse it, and nothing is gained
#define MADV_POPULATE_WRITE 23
#endif

using namespace llvm;

namespace halo {
namespace {

constexpr uintptr_t PageBytes = 4096;
// What is ours looks as if it had been written: pages that no input writes any more are let go now and then,
// those that the start and the warm-up wrote at once.
constexpr unsigned Lifetime = 16, First = 2;

} // namespace

void Pages::note() {
  auto Maps = MemoryBuffer::getFileAsStream("/proc/self/maps");
  int PageMap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  Written.clear();
  if (PageMap < 0)
    return;
  for (StringRef Left = Maps ? (*Maps)->getBuffer() : ""; !Left.empty();) {
    auto [Line, Rest] = Left.split('\n');
    Left = Rest;
    auto [Addresses, Properties] = Line.split(' ');
    auto [Begin, End] = Addresses.split('-');
    Range Mapped;
    if (Properties.starts_with("rw-p") && to_integer(Begin, Mapped.Begin, 16) &&
        to_integer(End, Mapped.End, 16))
      noteIn(PageMap, Mapped);
  }
  close(PageMap);
  ++Notes;
}

void Pages::noteIn(int PageMap, Range Mapped) {
  constexpr uint64_t Present = 1ull << 63, Alone = 1ull << 56; // Documentation/admin-guide/mm/pagemap.rst
  uint64_t Entries[512];
  for (uintptr_t At = Mapped.Begin; At < Mapped.End;) {
    size_t Wanted = std::min<size_t>((Mapped.End - At) / PageBytes, std::size(Entries)) * sizeof(Entries[0]);
    ssize_t Read = pread(PageMap, Entries, Wanted, static_cast<off_t>(At / PageBytes * sizeof(Entries[0])));
    if (Read <= 0)
      return;
    for (size_t I = 0; I < static_cast<size_t>(Read) / sizeof(Entries[0]); ++I, At += PageBytes) {
      if ((Entries[I] & (Present | Alone)) != (Present | Alone))
        continue;
      if (!Written.empty() && Written.back().End == At)
        Written.back().End += PageBytes;
      else
        Written.push_back({At, At + PageBytes});
    }
  }
}

void Pages::own() {
  if (Notes < First || Notes % Lifetime == First)
    return;
  for (auto [Begin, End] : Written)
    madvise(reinterpret_cast<void *>(Begin), End - Begin, MADV_POPULATE_WRITE);
}

} // namespace halo
