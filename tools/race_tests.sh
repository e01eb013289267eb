#!/usr/bin/env bash
# The tests of everything that has threads of its own, under the thread sanitizer.
set -euo pipefail
cd "$(dirname "$0")/.."
targets=(raft_group_test raft_ledger_test node_net_test node_gossip_test node_blob_test
  segment_log_test disk_log_store_test http_test)
tools/build.sh tsan --target "${targets[@]}"
ctest --preset tsan --no-tests=error --timeout 900 -R "^($(IFS='|' && echo "${targets[*]}"))\$"
