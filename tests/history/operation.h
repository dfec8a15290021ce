#pragma once
// What every entry of a history has in common. A history is what clients asked and what they were told; the checkers beside this
// file say whether a graph that keeps its promises could have answered so. They know no engine and no clock.

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace engram::history {

enum class Ending {
  ok,       // acknowledged: it took effect, once, between `began_ns` and `ended_ns`
  failed,   // refused: it never has an effect
  unknown,  // no answer in time: it took effect or not, or will, at any time after `began_ns`
};

struct Operation {
  std::uint32_t process = 0;  // whoever asks one thing after the other
  std::int64_t began_ns = 0;  // monotonic, one clock for all processes
  std::int64_t ended_ns = 0;
  Ending ending = Ending::ok;

  /// When it has taken effect for certain.
  [[nodiscard]] std::int64_t done_ns() const {
    return ending == Ending::ok ? ended_ns : std::numeric_limits<std::int64_t>::max();
  }
};

/// One thing that must not be. `kind` is one of the names in the checker's header.
struct Anomaly {
  std::string kind;
  std::string text;
};
using Anomalies = std::vector<Anomaly>;

inline std::size_t count(const Anomalies& anomalies, std::string_view kind) {
  std::size_t found = 0;
  for (const Anomaly& one : anomalies) found += one.kind == kind ? 1 : 0;
  return found;
}

/// "process 3, 1200..1450 us: ..." for the messages of checkers.
std::string describe(const Operation& operation);

}  // namespace engram::history
