// Pages: what inputs write is this process's own again before the next input comes.
//
// A copy shares all memory with us until one of us writes: then the kernel copies the page, 2.8 us each in a
// virtual machine, some 200 for a statement (2026-11-22). The next statement writes mostly what the last ones
// have written. In: time in which nobody asks for anything. It changes what memory costs, not what it holds.
#ifndef HALO_INTERPRETER_PAGES_H
#define HALO_INTERPRETER_PAGES_H

#include <cstddef>
#include <cstdint>
#include <vector>

namespace halo {

class Pages {
public:
  // Before a copy is made: what has been written since the last one.
  void note();
  // After it.
  void own();

private:
  struct Range {
    uintptr_t Begin, End;
  };

  void noteIn(int PageMap, Range Mapped);

  std::vector<Range> Written;
  unsigned Notes = 0;
};

} // namespace halo

#endif
