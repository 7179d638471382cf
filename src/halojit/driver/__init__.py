"""halo-clang: clang 22 with one more flag. See `command` for what the flag adds."""
