#!/usr/bin/env bash
# Configures and builds one preset: tools/build.sh [release|dev|asan|tsan|fuzz [--target NAME...]]
set -euo pipefail
cd "$(dirname "$0")/.."
preset="${1:-release}"
[ "$#" -eq 0 ] || shift
export CCACHE_NOHASHDIR=1 CCACHE_BASEDIR="$PWD"
cmake --preset "$preset" >/dev/null
cmake --build --preset "$preset" "$@"
