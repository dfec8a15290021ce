#!/usr/bin/env bash
# The one list of Debian 12 packages that Engram needs. Installs what is missing and says what; does nothing otherwise.
#
#   tools/dev/packages.sh run            the libraries that a built engine needs
#   tools/dev/packages.sh build          to build and run the engine
#   tools/dev/packages.sh test           that, and what the tests, the fuzz targets and the checks need
#   tools/dev/packages.sh image-test     to build and test the container image, with a Docker engine
#   tools/dev/packages.sh list build     prints the names only
set -euo pipefail

run_packages=(
  libcapnp-0.9.2 libcaf-core0.17 libcaf-io0.17 liblmdb0 libzstd1 libroaring0 libabsl20220623
  libfmt9 libtomlplusplus3 libedit2 libprometheus-cpp-core1.0 libssl3
  libmimalloc2.0
)
build_packages=(
  # tools
  g++ cmake ninja-build ccache pkg-config git ca-certificates capnproto curl zstd
  # libraries, in the order of ARCHITECTURE.md
  libcapnp-dev libcaf-dev liblmdb-dev libxxhash-dev libzstd-dev zlib1g-dev libroaring-dev libabsl-dev
  libspdlog-dev libfmt-dev nlohmann-json3-dev libtomlplusplus-dev libcli11-dev libedit-dev
  prometheus-cpp-dev libssl-dev libmimalloc-dev
)
test_packages=(
  catch2 libcpp-httplib-dev clang-14 libclang-rt-14-dev libfiu-dev fiu-utils libfaketime iproute2 iptables lmdb-utils
  openssl python3 shellcheck xz-utils
)
image_test_packages=(docker.io docker-compose debootstrap iproute2 binutils python3)

usage() {
  sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" >&2
  exit 2
}

list_only=false
if [[ ${1:-} == list ]]; then
  list_only=true
  shift
fi
case ${1:-} in
  run) wanted=("${run_packages[@]}") ;;
  build) wanted=("${build_packages[@]}") ;;
  test) wanted=("${build_packages[@]}" "${test_packages[@]}") ;;
  image-test) wanted=("${image_test_packages[@]}") ;;
  *) usage ;;
esac
if $list_only; then
  printf '%s\n' "${wanted[@]}"
  exit 0
fi

is_installed() {
  [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null || true) == installed ]]
}

if ! command -v apt-get >/dev/null; then
  echo "Engram is built with the libraries of Debian 12, and this system has no apt. Install by hand, or use a" >&2
  echo "Debian 12 container: ${wanted[*]}" >&2
  exit 1
fi

missing=()
for package in "${wanted[@]}"; do
  is_installed "$package" || missing+=("$package")
done
[[ ${#missing[@]} -gt 0 ]] || exit 0

as_root=()
if [[ $(id -u) -ne 0 ]]; then
  if ! command -v sudo >/dev/null; then
    echo "These packages are missing, and there is no sudo. As root: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
echo "Installing ${#missing[@]} Debian packages${as_root[0]:+ (sudo may ask for your password)}: ${missing[*]}"
as_root+=(env DEBIAN_FRONTEND=noninteractive)
"${as_root[@]}" apt-get update -q
"${as_root[@]}" apt-get install -y -q --no-install-recommends "${missing[@]}"
