#!/usr/bin/env bash
# Sets up, builds, and runs the demo: three nodes on this machine tune a model on real data.
# Arguments go to `starling demo`, for example: tools/demo.sh --keep
set -euo pipefail
cd "$(dirname "$0")/.."
tools/setup.sh >&2
tools/build.sh release >&2
exec build/release/bin/starling demo "$@"
