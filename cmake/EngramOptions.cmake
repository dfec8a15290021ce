# Compiler settings of all presets.

option(ENGRAM_TESTS "Build the tests" ON)
option(ENGRAM_FUZZ "Build the fuzz targets (clang only)" OFF)
option(ENGRAM_PLANTED_BUGS "Build with bugs that a test can ask for (storage/base/planted_bug.h); never for use" OFF)
set(ENGRAM_SANITIZE "" CACHE STRING "Sanitizers, comma-separated: address,undefined or thread")

# A file, and no definition: only what asks for bugs is compiled anew, and a released program has the same command lines.
configure_file(${CMAKE_SOURCE_DIR}/cmake/planted_bugs_config.h.in ${CMAKE_BINARY_DIR}/planted_bugs_config.h)

find_program(ENGRAM_CCACHE ccache)
if(ENGRAM_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}  # paths below it count as relative: the same sources elsewhere are found in the cache
      ${ENGRAM_CCACHE})
endif()

# The optimiser costs build time, but sanitized tests run thousands of seeds: -O1 is the best of both.
set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g1")
# Functions in sections of their own, so that the linker leaves out what nobody calls.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -DNDEBUG -ffunction-sections -fdata-sections")
set(CMAKE_EXE_LINKER_FLAGS_RELEASE "-Wl,--gc-sections")

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wno-unused-parameter -fno-omit-frame-pointer
                    -ffile-prefix-map=${CMAKE_SOURCE_DIR}/=)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 takes moves of a kj::Maybe for reads of what is not in it.
  add_compile_options(-fpch-preprocess -Wno-missing-field-initializers -Wno-maybe-uninitialized)
else()
  add_compile_options(-Wno-missing-field-initializers
                      -Wno-gnu-statement-expression)  # what KJ_ASSERT_NONNULL is made of
endif()
add_link_options(-Wl,--as-needed)

if(ENGRAM_SANITIZE)
  add_compile_options(-fsanitize=${ENGRAM_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${ENGRAM_SANITIZE})
  # Instrumented code hides from g++ that kj's Maybe is set where it is read.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-Wno-maybe-uninitialized)
  endif()
  # kj's own headers cast to half-built objects, which `vptr` reports; nothing of ours needs that check.
  if(ENGRAM_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize=vptr)
  endif()
endif()
if(ENGRAM_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(CapnProto REQUIRED)
