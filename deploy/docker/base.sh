#!/usr/bin/env bash
# Makes a base image for deploy/docker/Dockerfile without a registry: Debian 12 by debootstrap, from the mirror that this
# machine's apt uses, through the same proxy. Run as root.
#
#   deploy/docker/base.sh ARCHIVE [PACKAGE...]     writes a tar archive, with these packages beside the smallest set
#   docker import ARCHIVE engram-base
#   tools/image --base engram-base
set -euo pipefail

case ${1:-} in
  '' | -*)
    sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
archive=$1
shift
packages=$*

suite=bookworm
# shellcheck disable=SC2016 # these are apt's own names
targets=$(apt-get indextargets --format '$(SITE) $(RELEASE) $(COMPONENT) $(ORIGIN)' 'Created-By: Packages' | sort -u)
mirror=$(awk -v suite="$suite" '$2 == suite && $3 == "main" && $4 == "Debian" { print $1; exit }' <<<"$targets")
if [[ -z $mirror ]]; then
  echo "error: this machine's apt knows no mirror of Debian's $suite; see apt-get indextargets" >&2
  exit 1
fi

# What apt's own configuration says goes for debootstrap (wget) too.
eval "$(apt-config shell http_proxy Acquire::http::Proxy https_proxy Acquire::https::Proxy)"
[[ -z ${http_proxy:-} ]] || export http_proxy
[[ -z ${https_proxy:-} ]] || export https_proxy

tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
debootstrap --variant=minbase ${packages:+--include="${packages// /,}"} "$suite" "$tree/root" "$mirror"
# Updates and security fixes, if this machine has them.
awk '$4 == "Debian" { print "deb", $1, $2, $3 }' <<<"$targets" >"$tree/root/etc/apt/sources.list"
rm -rf "$tree/root/var/cache/apt/archives"/*.deb "$tree/root/var/lib/apt/lists"/*
tar --numeric-owner -C "$tree/root" -cf "$archive.part" .
mv "$archive.part" "$archive"
