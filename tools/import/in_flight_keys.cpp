#include "tools/import/in_flight_keys.h"

#include <utility>

namespace engram::import {

void InFlightKeys::forget_settled(std::uint64_t settled) {
  std::size_t in_flight = 0;
  for (const Slot& slot : slots_)
    if (slot.number > settled) ++in_flight;
  std::size_t size = slots_.size();
  while (in_flight * 4 > size) size *= 2;  // so that the next rewrite is far away
  std::vector<Slot> old = std::exchange(slots_, std::vector<Slot>(size));
  used_ = in_flight;
  for (const Slot& slot : old)
    if (slot.number > settled) find(slot.identity) = slot;
}

}  // namespace engram::import
