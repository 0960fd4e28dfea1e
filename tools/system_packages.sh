#!/usr/bin/env bash
# Install what some tests run and no package of Python has.
#
# Usage: tools/system_packages.sh COMMAND[=PACKAGE]... where a package is called otherwise than what
# it brings. On Debian and its kin as root, or with sudo. Elsewhere it says what is missing and goes
# on: the tests that need it fail.
set -euo pipefail

missing=()
for each in "$@"; do
  command -v "${each%%=*}" > /dev/null || missing+=("${each##*=}")
done
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
