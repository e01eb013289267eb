#!/usr/bin/env bash
# Builds the fuzz targets with clang and libFuzzer and runs them one after the other:
#   tools/fuzz.sh [60s | 10000000] [NAME...]     seconds (default 60s) or runs for each; default all
# Starts from tests/fuzz/corpus/NAME and what earlier runs found (build/fuzz/found/NAME). Stops at
# the first finding; the input is left in build/fuzz/found/NAME-crash-*.
set -euo pipefail
cd "$(dirname "$0")/.."
effort="${1:-60s}"
[ "$#" -eq 0 ] || shift
case "$effort" in
  *[!0-9s]* | s | *s?*) echo "usage: tools/fuzz.sh [SECONDSs | RUNS] [NAME...]" >&2; exit 2 ;;
  *s) limit="-max_total_time=${effort%s}" ;;
  *) limit="-runs=$effort" ;;
esac
tools/build.sh fuzz
export ASAN_OPTIONS="${ASAN_OPTIONS:-quarantine_size_mb=16}" UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1"

if [ "$#" -eq 0 ]; then
  for dir in tests/fuzz/corpus/*/; do
    set -- "$@" "$(basename "$dir")"
  done
fi
for name in "$@"; do
  found="build/fuzz/found/$name"
  mkdir -p "$found"
  words=()
  [ ! -f "tests/fuzz/$name.dict" ] || words=("-dict=tests/fuzz/$name.dict")
  printf '\n== %s\n' "$name"
  started=$SECONDS
  "build/fuzz/tests/fuzz/${name}_fuzz" "$limit" "${words[@]}" -max_len=4096 -timeout=10 \
    -rss_limit_mb=1024 -print_final_stats=1 "-artifact_prefix=$found-" "$found" \
    "tests/fuzz/corpus/$name" >"$found.log" 2>&1 || { tail -n 60 "$found.log" >&2; exit 1; }
  grep -E 'number_of_executed_units|peak_rss_mb' "$found.log"
  echo "seconds: $((SECONDS - started))"
done
