# shellcheck shell=bash
# What tools/up, tools/test and tools/bench share. Sourced, not run; sets `top` and goes there.
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$top"
export NINJA_STATUS='[%f/%t %es] '

say() { printf '\n== %s\n' "$*"; }
fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# build PRESET TARGET...: configures once, then builds with ninja's own progress.
build() {
  local preset=$1
  shift
  if [[ ! -f build/$preset/build.ninja ]]; then
    mkdir -p build
    cmake --preset "$preset" >"build/configure-$preset.log" 2>&1 || {
      cat "build/configure-$preset.log" >&2
      fail "cmake --preset $preset failed"
    }
  fi
  ninja -C "build/$preset" "$@"
}

# The released program, once `build release engram` is done.
engram=$top/build/release/engram
