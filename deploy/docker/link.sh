#!/usr/bin/env bash
# Links the released program once more, for the image: the same object files, but of the libraries only what is used, where
# Debian has them as archives or deploy/docker/caf.sh made them. The shared C++ libraries that are left keep libstdc++ shared.
#
#   deploy/docker/link.sh BUILD CAF PROGRAM     from build/release, with CAF's archives; writes PROGRAM, stripped
set -euo pipefail
build=${1:?the build folder is missing}
caf=$(realpath "${2:?the folder of the archives of CAF is missing}")
program=$(realpath -m "${3:?the program is missing}")
archives=/usr/lib/$(g++ -print-multiarch)

# The archive of a library that a linker's command names, as -lzstd or by its path; nothing if it has none.
archive_of() {
  local name=${1##*/}
  name=${name#-l}
  name=${name#lib}
  name=${name%%.so*}
  local candidate
  for candidate in "$caf/lib${name}_static.a" "$archives/lib$name.a" "$archives/lib${name%-[0-9]*.[0-9]*}.a"; do
    [[ ! -f $candidate ]] || {
      printf '%s' "$candidate"
      return
    }
  done
}

command=$(ninja -C "$build" -t commands engram | tail -n 1)
command=${command#: && }
command=${command% && :}
read -r -a words <<<"$command"
linked=()
for ((i = 0; i < ${#words[@]}; i++)); do
  word=${words[i]}
  archive=
  case $word in
    -o)
      linked+=(-o "$program.unstripped")
      i=$((i + 1))
      continue
      ;;
    -lm | -ldl | -lrt | -lpthread | -latomic) ;; # of the C library, which stays shared
    -l* | *.so | *.so.*) archive=$(archive_of "$word") ;;
  esac
  linked+=("${archive:-$word}")
done
# What archives need of each other; a shared library brings that with it.
for library in ssl crypto bsd md tinfo; do
  linked+=("$(archive_of "-l$library")")
done

mkdir -p "${program%/*}"
cd "$build"
"${linked[0]}" -Wl,--start-group "${linked[@]:1}" -Wl,--end-group -Wl,--gc-sections -Wl,-z,pack-relative-relocs
strip -o "$program" "$program.unstripped"
rm "$program.unstripped"
