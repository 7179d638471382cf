"""How `%timeit` measures: one input that repeats the code in the worker, next to the clock.

In: code. Out: the input to run; from the value it shows, a Timing. It does not run anything itself.
The clock is read around whole runs of a loop, so that neither compiling nor the way to the worker
is counted; what is left in is the loop's own count.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from halojit.repl.wording import duration

RUNS = 7
_RUN_NS = 20_000_000
_LIMIT_NS = 2_000_000_000

_SOURCE = """\
#include <stdio.h>
#include <time.h>
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wunused-value"
#pragma clang diagnostic ignored "-Wunused-result"
static long long __halo_timed(long __halo_loops) {
  struct timespec __halo_begin, __halo_end;
  clock_gettime(CLOCK_MONOTONIC, &__halo_begin);
  for (long __halo_loop = 0; __halo_loop < __halo_loops; ++__halo_loop) {
#line 1
@CODE@
  ;}
  clock_gettime(CLOCK_MONOTONIC, &__halo_end);
  return (__halo_end.tv_sec - __halo_begin.tv_sec) * 1000000000LL
      + (__halo_end.tv_nsec - __halo_begin.tv_nsec);
}
#pragma clang diagnostic pop
static const char *__halo_timings(void) {
  static char text[512];
  long loops = 1;
  long long total = 0, one;
  int used, run;
  while ((one = __halo_timed(loops)) < @RUN_NS@ && loops < 1000000000) loops *= 10;
  used = snprintf(text, sizeof text, "%ld", loops);
  for (run = 0; run < @RUNS@ && (run < 3 || total < @LIMIT_NS@); ++run) {
    total += one = __halo_timed(loops);
    used += snprintf(text + used, sizeof text - used, " %lld", one);
  }
  return text;
}
__halo_timings()
"""


@dataclass(frozen=True, slots=True)
class Timing:
    """Runs of `loops` rounds each; a round's seconds in each run."""

    loops: int
    rounds_s: tuple[float, ...]

    def __str__(self) -> str:
        median = statistics.median(self.rounds_s)
        low, high = min(self.rounds_s), max(self.rounds_s)
        return (
            f"{duration(median)} (median of {len(self.rounds_s)} runs of {self.loops}; "
            f"{duration(low)} to {duration(high)})"
        )


def source(code: str) -> str:
    """An input, C or C++, that shows timings of `code`."""
    text = _SOURCE.replace("@RUN_NS@", str(_RUN_NS)).replace("@LIMIT_NS@", str(_LIMIT_NS))
    return text.replace("@RUNS@", str(RUNS)).replace("@CODE@", code)


def timing(shown: str) -> Timing:
    """What the value of such an input says."""
    loops, *runs_ns = (int(each) for each in shown.strip('"').split())
    return Timing(loops, tuple(each / loops * 1e-9 for each in runs_ns))
