"""Frozen values that the rooms hand each other. No I/O, no clock, no LLVM."""
