#!/usr/bin/env bash
# Build the image with buildah where there is neither Docker nor a registry, for its test.
#
# Usage: deploy/image/build.sh [TARGET]. Needs root, buildah and mmdebstrap. The base is made of
# Debian's packages and kept; layers are kept too, so that a change of the code alone takes a minute.
# Where pip reaches its index by its configuration, what that names is mounted, and gets into no layer.
set -euo pipefail
cd "$(dirname "$0")/../.."
target=${1:-cpu}
base=localhost/debian:bookworm-slim
export BUILDAH_ISOLATION=chroot

if ! buildah inspect "$base" > /dev/null 2>&1; then
  new=$(mktemp -d)
  trap 'rm -rf "$new"' EXIT
  mmdebstrap --quiet --variant=minbase --include=ca-certificates,python3 bookworm "$new/base.tar"
  container=$(buildah from scratch)
  buildah add --quiet "$container" "$new/base.tar" / > /dev/null
  buildah commit --quiet --format docker "$container" "$base" > /dev/null
  buildah rm "$container" > /dev/null
fi

python=.venv/bin/python
if [ ! -x "$python" ]; then python=python3; fi
mounts=(--volume /etc/ssl/certs:/etc/ssl/certs:ro)
config=${PIP_CONFIG_FILE:-/etc/pip.conf}
if [ -e "$config" ]; then mounts+=(--volume "$config:/etc/pip.conf:ro"); fi
for each in $("$python" -m pip config list | grep -oE "(file://)?/[^' ]+" | sed 's#^file://##; s#/simple/*$##' | sort -u); do
  case $each in /etc/ssl/*) continue ;; esac
  if [ -e "$each" ]; then mounts+=(--volume "$each:$each:ro"); fi
done
# A folder of wheels may have the torch without CUDA.
wheels=()
# What PIP_CONFIG_FILE says is listed, but `pip config get` does not find it.
links=${PIP_FIND_LINKS:-$("$python" -m pip config list | sed -n "s/^global\.find-links='\(.*\)'$/\1/p")}
if [ -d "$links" ]; then wheels=(--build-arg "TORCH_LINKS=$links"); fi
buildah build --quiet --format docker --layers --target "$target" --tag "localhost/impasto:$target" \
  --file deploy/image/Dockerfile --ignorefile deploy/image/Dockerfile.dockerignore \
  --build-arg BASE="$base" "${wheels[@]}" "${mounts[@]}" . > /dev/null
