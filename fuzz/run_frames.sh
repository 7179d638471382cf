#!/bin/sh
# Builds and runs the frame fuzzer: run_frames.sh [SECONDS], 60 by default. New inputs and crashes
# go to build/fuzz/frames; a crash makes the status non-zero. CC and FUZZ_FLAGS may be set.
set -eu
seconds=${1:-60}
root=$(cd "$(dirname "$0")/.." && pwd)
out=$root/build/fuzz
mkdir -p "$out/frames"
"${CC:-clang-22}" -g -O1 -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror \
  -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
  -I"$root/runtime/include" -I"$root/runtime" \
  "$root/fuzz/frames.c" "$root"/runtime/wire/*.c "$root"/runtime/exec/*.c -ldl -o "$out/frames-fuzzer"
cd "$out"
# shellcheck disable=SC2086
exec ./frames-fuzzer -max_total_time="$seconds" -max_len=8192 -timeout=10 -print_final_stats=1 \
  -use_value_profile=1 ${FUZZ_FLAGS:-} frames "$root/fuzz/seeds/frames"
