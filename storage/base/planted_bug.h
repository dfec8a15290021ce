#pragma once
// Bugs on purpose, to prove that the checks find such ones. A build with the option ENGRAM_PLANTED_BUGS (the presets for tests have it)
// behaves wrong in one named way if a test asks for it; in any other build the question is `false` to the compiler, and nothing
// of it is in the program.

#include <string_view>

#include "planted_bugs_config.h"  // of the build directory

#ifdef ENGRAM_PLANTED_BUGS
#include <cstdlib>
#include <string>
#endif

namespace engram {

#ifdef ENGRAM_PLANTED_BUGS
/// The bug that this process has: from ENGRAM_PLANTED_BUG, or as a test sets it before anything runs.
inline std::string& planted_bug_name() {
  static std::string name = [] {
    const char* named = std::getenv("ENGRAM_PLANTED_BUG");  // NOLINT(concurrency-mt-unsafe): nobody sets it
    return std::string(named == nullptr ? "" : named);
  }();
  return name;
}
inline bool planted_bug(std::string_view name) { return planted_bug_name() == name; }
#else
constexpr bool planted_bug(std::string_view) { return false; }
#endif

}  // namespace engram
