#!/usr/bin/env bash
# Run a command in the built image as a cluster would: its user, its environment alone, and a file
# system that cannot be written but for /tmp and /mnt.
#
# Usage: deploy/image/inside.sh DATA COMMAND...; DATA is the folder that /mnt is. Variables whose
# names begin with IN_ are passed without that. Needs root, for mounts in a namespace of its own.
set -euo pipefail
data=$1
shift
if [ "${INSIDE:-}" != yes ]; then
  container=$(buildah from --pull-never localhost/impasto:cpu)
  trap 'buildah rm "$container" > /dev/null' EXIT
  root=$(buildah mount "$container")
  INSIDE=yes unshare --mount -- "$0" "$data" "$root" "$@" &
  child=$!
  trap 'kill -TERM "$child" 2> /dev/null || true' TERM INT
  code=0
  wait "$child" || code=$?
  # A wait that a signal has ended says nothing about the child.
  while kill -0 "$child" 2> /dev/null; do code=0; wait "$child" || code=$?; done
  exit "$code"
fi

root=$1
shift
mount --make-rprivate /
mount --bind "$root" "$root"
mount --bind -o remount,ro "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/tmp"
mkdir "$root/tmp/home"
chown 10001:10001 "$root/tmp/home"
mount --bind "$data" "$root/mnt"
settings=(HOME=/tmp/home)
while IFS= read -r line; do settings+=("$line"); done < <(buildah inspect --format '{{range .OCIv1.Config.Env}}{{println .}}{{end}}' localhost/impasto:cpu)
for name in $(compgen -e | grep '^IN_' || true); do settings+=("${name#IN_}=${!name}"); done
exec env --ignore-environment "${settings[@]}" "$(command -v chroot)" --userspec=10001:10001 "$root" "$@"
