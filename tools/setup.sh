#!/usr/bin/env bash
# Installs what Starling needs on Debian 12: packages (tools/packages.txt), Node.js if there is none,
# and the page's and the browser test's npm packages. Does nothing on a second run.
set -euo pipefail
cd "$(dirname "$0")/.."

wanted=$(grep -v '^#' tools/packages.txt)
# A Node.js 18 or newer that is already there is used as it is; otherwise Debian's own.
node_major=$(node --version 2>/dev/null | sed 's/^v\([0-9]*\).*/\1/' || true)
if [ "${node_major:-0}" -lt 18 ] || ! command -v npm >/dev/null; then
  wanted="$wanted nodejs npm"
fi

missing=""
for package in $wanted; do
  status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing="$missing $package"
done

if [ -n "$missing" ]; then
  install="apt-get install --yes --no-install-recommends$missing"
  if [ "$(id -u)" -ne 0 ]; then
    echo "Starling needs some Debian packages. Run this, then start again:" >&2
    echo "  sudo apt-get update && sudo $install" >&2
    exit 1
  fi
  echo "Installing:$missing"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $install
fi

# LibTorch runs over whatever libblas.so.3 is; the reference BLAS is 4.3 times slower than OpenBLAS.
blas=$(readlink -f /usr/lib/x86_64-linux-gnu/libblas.so.3 2>/dev/null || true)
case "$blas" in
  *openblas*) ;;
  *)
    openblas=$(find /usr/lib/x86_64-linux-gnu/openblas-pthread -name libblas.so.3 2>/dev/null | head -n 1)
    if [ "$(id -u)" -eq 0 ] && [ -n "$openblas" ]; then
      update-alternatives --set libblas.so.3-x86_64-linux-gnu "$openblas"
    elif [ -n "$openblas" ]; then
      echo "libblas.so.3 is $blas; training is about 4 times faster with OpenBLAS:" >&2
      echo "  sudo update-alternatives --set libblas.so.3-x86_64-linux-gnu $openblas" >&2
    fi ;;
esac

for folder in web/dashboard tests/browser; do
  installed="$folder/node_modules/.package-lock.json"
  if [ ! -f "$installed" ] || [ "$folder/package-lock.json" -nt "$installed" ]; then
    echo "Installing npm packages of $folder"
    (cd "$folder" && npm ci --no-audit --no-fund && touch node_modules/.package-lock.json)
  fi
done
