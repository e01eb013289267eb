#!/usr/bin/env bash
# Starts three real nodes, drives the dashboard of one in headless Chromium, then kills that node;
# then a demo, whose nodes are killed by the buttons of its page.
# Usage: run.sh PATH_OF_STARLING [FOLDER_FOR_SCREENSHOTS]
set -euo pipefail
starling=$1
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
pids=()
finish() {
  [ -z "${demo:-}" ] || { kill "$demo" && wait "$demo"; } 2>/dev/null || true
  for pid in "${pids[@]}"; do kill -9 "$pid" 2>/dev/null || true; done
  rm -rf "$folder"
}
trap finish EXIT

start_node() {  # NAME OPTION...
  local name=$1
  shift
  "$starling" node --data "$folder/$name" --name "$name" --listen 127.0.0.1:0 --http 127.0.0.1:0 \
    --slots 1 "$@" >"$folder/$name.out" 2>&1 &
  pids+=($!)
  for _ in $(seq 400); do
    [ -f "$folder/$name/addresses.json" ] && return
    sleep 0.05
  done
  echo "$name does not listen:" >&2
  cat "$folder/$name.out" >&2
  exit 1
}
field() { sed "s/.*\"$2\":\"\{0,1\}\([^\",}]*\).*/\1/" "$folder/$1/addresses.json"; }

start_node node-1 --found
seed=$(field node-1 listen)
start_node node-2 --join "$seed" --secret-file "$folder/node-1/swarm-keys"
start_node node-3 --join "$seed" --secret-file "$folder/node-1/swarm-keys"

cd "$here"
[ -d node_modules ] || npm ci --no-audit --no-fund
export STARLING_URL=$(field node-2 http) STARLING_KILL_PID=$(field node-2 pid)
export STARLING_TOKEN=$(cat "$folder/node-1/admin-token")
export STARLING_CSV="$here/../../data/insurance.csv"
[ $# -lt 2 ] || export STARLING_SCREENSHOTS=$2
node --test dashboard.test.mjs

"$starling" demo --keep --json --trials 3 >"$folder/demo.json" 2>"$folder/demo.err" &
demo=$!
for _ in $(seq 600); do
  [ ! -s "$folder/demo.json" ] || break
  sleep 0.1
done
[ -s "$folder/demo.json" ] || { cat "$folder/demo.err" >&2; exit 1; }
export STARLING_URL=$(sed 's/.*"dashboard":"\([^"]*\)".*/\1/' "$folder/demo.json")
node --test chaos.test.mjs
kept=$(sed -n 's/^Folder *//p' "$folder/demo.err")
kill "$demo" && wait "$demo" || true
demo=
rm -rf "$kept"
