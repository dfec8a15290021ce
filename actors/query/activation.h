#pragma once
// The arithmetic of recall (spreading activation), without messages. docs/recall.md states the rule.
//
// Everything that is added up is an integer in units of 2^-62, and every sum is cut off at 1: such a sum does not
// depend on the order of its terms, so neither timing nor the number of partitions can change the answer by a bit.

#include <cstdint>
#include <span>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "schema/client.capnp.h"

namespace engram {

/// 1 in fixed point.
inline constexpr std::uint64_t activation_one = std::uint64_t{1} << 62;

/// A number from 0 to 1 in fixed point, rounded half to even.
std::uint64_t to_fixed(double number);
double from_fixed(std::uint64_t fixed);

/// What an edge passes on: passed * (weight / divisor) * decay, each operation in double, the result rounded half to
/// even and cut off at 1. `weight` and `divisor` are not negative.
std::uint64_t contribution(std::uint64_t passed, double weight, double divisor, double decay);

/// What the weights of the edges passed along are divided by. The weights are summed in ascending order, so that the
/// sum does not depend on how edges are stored. Negative ones (and NaN) do not count.
double divisor_of(std::span<const double> weights, schema::Normalise normalise);

class Activation {
 public:
  using Slot = std::uint32_t;  // a vertex's number here, in the order of discovery
  static constexpr Slot none = ~Slot{0};

  Activation(double decay, double threshold, schema::Normalise normalise, std::size_t max_visited)
      : decay_(decay), threshold_(to_fixed(threshold)), normalise_(normalise), max_visited_(max_visited) {}

  /// Before the first round. The same vertex may be named several times: its activations add up.
  Slot add_seed(std::uint64_t id, std::uint64_t activation);

  /// Passes on what the vertex newly received in the round before. Once for each frontier vertex in a round.
  void pass_on(Slot source, std::span<const std::uint64_t> targets, std::span<const double> weights);
  /// Takes in what was received. False: the vertices are more than `max_visited`, and the round is dropped whole.
  bool end_round();
  /// Those that received at least the threshold in the last round (before the first: the seeds), ascending by id.
  [[nodiscard]] std::vector<std::uint64_t> frontier() const;

  /// A vertex that a filter does not admit loses what it received, and receives nothing more.
  void refuse(Slot slot);
  void admit(Slot slot) { vertices_[slot].checked = true; }
  /// Vertices that received something and were neither admitted nor refused.
  [[nodiscard]] std::vector<std::uint64_t> unchecked() const;

  struct Vertex {
    std::uint64_t id = 0;
    std::uint64_t activation = 0;
    std::uint64_t seeded = 0;  // the part that it had as a seed
    std::uint64_t fresh = 0;   // newly received in the last round
    std::uint32_t receipt = none;
    bool seed = false;
    bool checked = false;
    bool refused = false;
  };
  /// What a vertex received in one round.
  struct Receipt {
    Slot vertex = none;
    std::uint32_t round = 0;
    std::uint64_t sum = 0;
    std::uint64_t best = 0;         // the greatest single contribution; 0: the vertex was full already
    Slot source = none;             // where it came from
    std::uint32_t more = none;      // more sources of equally great ones: a list in ties_
    std::uint32_t previous = none;  // of the same vertex, in an earlier round
  };

  [[nodiscard]] const std::vector<Vertex>& vertices() const { return vertices_; }
  [[nodiscard]] Slot slot_of(std::uint64_t id) const { return slots_.at(id); }
  [[nodiscard]] std::uint32_t rounds() const { return round_ - 1; }
  [[nodiscard]] std::size_t bytes() const {
    constexpr std::size_t slot_bytes = 2 * (sizeof(std::uint64_t) + sizeof(Slot) + 1);  // of a table that is half full
    return vertices_.size() * (sizeof(Vertex) + slot_bytes) + receipts_.size() * sizeof(Receipt) + ties_.size() * sizeof(Tie) +
           frontier_.size() * sizeof(Slot);
  }

  /// The receipt with the greatest contribution to a vertex, the earliest of equal ones; none: its own seed was
  /// greater.
  [[nodiscard]] std::uint32_t best_receipt(Slot vertex) const;
  /// What a vertex received in a round that it passed on in the next; none in round 0: a seed.
  [[nodiscard]] std::uint32_t receipt_in(Slot vertex, std::uint32_t round) const;
  [[nodiscard]] const Receipt& receipt(std::uint32_t number) const { return receipts_[number]; }
  /// All sources of the greatest contribution.
  [[nodiscard]] std::vector<Slot> sources(const Receipt& receipt) const;

 private:
  struct Tie {
    Slot source;
    std::uint32_t next;
  };
  Slot slot(std::uint64_t id);
  void receive(Slot target, Slot source, std::uint64_t amount);
  void drop_round();

  const double decay_;
  const std::uint64_t threshold_;
  const schema::Normalise normalise_;
  const std::size_t max_visited_;
  std::uint32_t round_ = 1;
  absl::flat_hash_map<std::uint64_t, Slot> slots_;
  std::vector<Vertex> vertices_;
  std::vector<Receipt> receipts_;
  std::size_t round_begin_ = 0;      // the first receipt of this round
  std::size_t vertices_before_ = 0;  // this round
  std::vector<Tie> ties_;
  std::vector<Slot> frontier_;
};

}  // namespace engram
