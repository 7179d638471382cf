// An exception that reaches a noexcept function, or nobody: terminate, SIGABRT, after the
// destructors of the frames that unwinding may leave.
#include "edge.h"
#include <exception>
#include <stdexcept>

EDGE_KEEP int risky(int value) {
  if (value < 0)
    throw std::runtime_error("negative");
  return value * 2;
}
EDGE_KEEP int promised(int value) noexcept { return risky(value) + 1; }
EDGE_KEEP int guarded(int value) {
  try {
    return promised(value) + risky(value - 5);
  } catch (const std::exception &) {
    return -1;
  }
}

int main(int argc, char **argv) {
  edge_begin(argc, argv);
  std::set_terminate([] {
    std::puts("terminated");
    std::fflush(stdout);
    std::abort();
  });
  while (edge_again()) {
    int sum = 0;
    for (int i = 0; i < 300; i++)
      sum += guarded(i);
    edge_say("sum %d", sum);
  }
  int status = edge_end(0);
  if (strcmp(edge_mode("noexcept"), "uncaught") == 0)
    return risky(-1);
  return status + guarded(-1);
}
