# shellcheck shell=bash
# What tools/up, tools/test and tools/bench share. Sourced, not run; sets `top` and goes there.
script=$(realpath "$0")
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$top"
# What somebody exported for a cluster of their own is not for the engines that these scripts start.
unset ENGRAM_SERVER ENGRAM_SPACE ENGRAM_CA ENGRAM_CERT ENGRAM_KEY ENGRAM_TOKEN_FILE
export NINJA_STATUS='[%f/%t %es] '

say() { printf '\n== %s\n' "$*"; }
fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# The help of a script is the comment that it begins with.
show_help() {
  sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$script"
}

# Ninja's progress as a log keeps it: every fiftieth step, and all that is no step.
thin_progress() {
  awk '!match($0, /^\[[0-9]+\/[0-9]+ /) { print; fflush(); next }
       { split(substr($0, 2), step, /[\/ ]/); if (step[1] % 50 == 0 || step[1] == step[2]) { print; fflush() } }'
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
  if [[ -t 1 ]]; then
    ninja -C "build/$preset" "$@"
  else
    ninja -C "build/$preset" "$@" | thin_progress
  fi
}

# The released program, once `build release engram` is done.
engram=$top/build/release/engram
