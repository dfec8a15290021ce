#pragma once
// Which vertices and edges are being changed by batches on their way. Batches in flight together may be applied in any
// order, so two rows that change the same thing must not be in two of them: the later row would not always win, and the
// same files would not always give the same graph.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace engram::import {

/// Batches are numbered from 1 and settle in order. Takes a few nanoseconds a row: one probe of a table of some 100,000
/// slots.
class InFlightKeys {
 public:
  InFlightKeys() : slots_(initial_slots) {}

  /// Notes that the batch `number` changes `identity`. True if an earlier batch above `settled` changes it too: the
  /// batch has to wait until that one is settled.
  bool add(std::uint64_t identity, std::uint64_t number, std::uint64_t settled) {
    if (used_ * 2 >= slots_.size()) forget_settled(settled);
    Slot& slot = find(identity);
    bool in_flight_elsewhere = slot.number > settled && slot.number != number;
    if (slot.number == 0) ++used_;
    slot = {identity, number};
    return in_flight_elsewhere;
  }

  /// Of one that is to be added soon: the table is larger than the caches near the core.
  void prefetch(std::uint64_t identity) const { __builtin_prefetch(&slots_[identity & (slots_.size() - 1)], 1); }

 private:
  static constexpr std::size_t initial_slots = std::size_t{1} << 16;

  struct Slot {
    std::uint64_t identity = 0;
    std::uint64_t number = 0;   // 0: free
  };

  Slot& find(std::uint64_t identity) {
    std::size_t at = identity & (slots_.size() - 1);   // identities are hashes already
    while (slots_[at].number != 0 && slots_[at].identity != identity) at = (at + 1) & (slots_.size() - 1);
    return slots_[at];
  }

  void forget_settled(std::uint64_t settled);

  std::vector<Slot> slots_;
  std::size_t used_ = 0;
};

}  // namespace engram::import
