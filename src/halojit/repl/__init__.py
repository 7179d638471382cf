"""Interactive C++: sessions, commands, console, kernel. The front: it loads no LLVM."""
