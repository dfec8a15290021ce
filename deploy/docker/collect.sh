#!/usr/bin/env bash
# Makes the tree of the image's last stage: the program and every shared library that ldd names, where the loader looks.
#
#   deploy/docker/collect.sh PROGRAM TREE
set -euo pipefail
program=${1:?the program is missing}
tree=${2:?the tree is missing}

libraries=$(ldd "$program")
if grep 'not found' <<<"$libraries" >&2; then
  echo "error: these libraries are missing: add their packages to run_packages in tools/dev/packages.sh" >&2
  exit 1
fi
mkdir -p "$tree/usr/bin"
cp "$program" "$tree/usr/bin/engram"
chmod 755 "$tree/usr/bin/engram"
# Under the names that ldd prints. /lib and /lib64 are links to /usr in Debian; here they are plain directories.
grep -oE '/[^ ]+' <<<"$libraries" | while read -r library; do
  mkdir -p "$tree${library%/*}"
  cp --dereference "$library" "$tree$library"
done
