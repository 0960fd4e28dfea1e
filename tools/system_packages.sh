#!/usr/bin/env bash
# Install what some tests run and no package of Python has: promtool and Chromium.
#
# On Debian and its kin as root, or with sudo. Elsewhere it says what is missing and goes on: the
# tests that need it fail.
set -euo pipefail

missing=()
command -v promtool > /dev/null || missing+=(prometheus)
command -v chromium > /dev/null || missing+=(chromium)
if [ "${#missing[@]}" = 0 ]; then exit; fi

root=()
if [ "$(id -u)" != 0 ]; then root=(sudo); fi
if ! command -v apt-get > /dev/null || ! "${root[@]}" true; then
  echo "missing: ${missing[*]}; some tests will fail: install these packages of your system" >&2
  exit
fi
# Nobody here wants Prometheus to run as a service.
apt=(env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -qq)
"${root[@]}" "${apt[@]}" update > /dev/null
"${root[@]}" "${apt[@]}" install --yes --no-install-recommends "${missing[@]}" > /dev/null
