"""Interactive C++: halo-repl against stock clang-repl 22, in its own process and out of it."""
