#!/usr/bin/env bash
# Sets up and runs every test: habits, format, release build with all tests, then the same tests
# under the address and undefined-behaviour sanitizers (without LibTorch, which they cannot enter).
set -euo pipefail
cd "$(dirname "$0")/.."
tools/setup.sh
started=$SECONDS
step() { printf '\n== %s (%d s)\n' "$*" $((SECONDS - started)); }

step "habits and format"
python3 tools/tidy.py
git ls-files '*.h' '*.cc' | xargs clang-format --dry-run -Werror

step "release build"
tools/build.sh release
step "release tests"
ctest --preset release --timeout 600 -j 2

step "sanitizer build"
tools/build.sh asan
step "sanitizer tests"
ctest --preset asan --timeout 900 -j 2

step "all tests passed"
