#!/usr/bin/env bash
# Builds CAF's libraries as archives: Debian has them as shared libraries alone, whole, and the image takes what is used of
# them. The source is the one of the installed package, from the archive that this machine's apt uses, and checked by apt.
#
#   deploy/docker/caf.sh FOLDER     leaves libcaf_core_static.a and libcaf_io_static.a there; does nothing if they are there
#
# Needs what tools/dev/packages.sh build installs. Some two minutes.
set -euo pipefail
folder=${1:?the folder is missing}

mkdir -p "$folder"
folder=$(realpath "$folder")
version=$(dpkg-query --show --showformat='${source:Version}' libcaf-dev)
stamp=$folder/version
if [[ -f $stamp && $(<"$stamp") == "$version" ]]; then exit 0; fi

work=$folder/work
rm -rf "$work"
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/parts"
# shellcheck disable=SC2016 # these are apt's own names
apt-get indextargets --format '$(SITE) $(RELEASE) $(COMPONENT) $(ORIGIN)' 'Created-By: Packages' |
  awk '$4 == "Debian" { print "deb-src", $1, $2, $3 }' | sort -u >"$work/sources.list"
# A list of its own: the machine's apt stays as it is.
apt=(apt-get -q -o "Dir::Etc::SourceList=$work/sources.list" -o "Dir::Etc::SourceParts=$work/parts"
  -o "Dir::State::Lists=$work/lists" -o "APT::Sandbox::User=$(id -un)")
"${apt[@]}" update
(cd "$work" && "${apt[@]}" source --download-only --tar-only "actor-framework=$version")
tar -C "$work" -xf "$work"/actor-framework_*.orig.tar.*

# <limits> is included nowhere where it is used; Debian's patch adds it.
launcher=$(command -v ccache || true)
export CCACHE_BASEDIR=$work CCACHE_NOHASHDIR=1
cmake -S "$work"/actor-framework-* -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=MinSizeRel \
  -DCMAKE_CXX_COMPILER=g++ ${launcher:+-DCMAKE_CXX_COMPILER_LAUNCHER="$launcher"} \
  -DCMAKE_CXX_FLAGS='-fPIE -include limits -ffunction-sections -fdata-sections' -DCAF_BUILD_STATIC_ONLY=yes \
  -DCAF_NO_OPENSSL=yes -DCAF_NO_OPENCL=yes -DCAF_NO_PYTHON=yes -DCAF_NO_TOOLS=yes -DCAF_NO_EXAMPLES=yes \
  -DCAF_NO_UNIT_TESTS=yes >"$work/configure.log" || {
  cat "$work/configure.log" >&2
  exit 1
}
ninja -C "$work/build"
cp "$work"/build/lib/libcaf_core_static.a "$work"/build/lib/libcaf_io_static.a "$folder"
printf '%s' "$version" >"$stamp"
