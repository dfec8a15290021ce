#pragma once
// A graph of what must come before what, and its cycles: there is an order of everything if and only if there is none.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace engram::history {

enum class Why : std::uint8_t {
  ww,    // overwrote what the other had written
  wr,    // read what the other had written
  rw,    // read what the other then overwrote
  time,  // began after the other had been acknowledged
};

class OrderGraph {
 public:
  /// An edge between nodes that need not exist yet; a loop is ignored.
  void add(std::size_t before, std::size_t after, Why why);

  struct Step {
    std::size_t from;
    Why why;
  };
  /// One shortest cycle of each set of nodes that are before each other.
  [[nodiscard]] std::vector<std::vector<Step>> cycles() const;

 private:
  struct Edge {
    std::size_t to;
    Why why;
  };
  [[nodiscard]] std::vector<std::uint32_t> components() const;
  [[nodiscard]] std::vector<Step> shortest_cycle(std::size_t through, const std::vector<std::uint32_t>& components) const;

  std::vector<std::vector<Edge>> after_;
};

/// The name of a cycle after Adya: "G0" (ww alone), "G1c" (ww and wr), "G-single" (one rw), "G2" (several); with "-time" behind it
/// if the order of time is part of it.
std::string name_of(const std::vector<OrderGraph::Step>& cycle);

}  // namespace engram::history
