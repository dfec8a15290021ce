#pragma once
// What the three parts of one connection share: its socket, its broker and its receiver. On the middleman's thread only.

#include <cstdint>

#include <caf/actor_clock.hpp>

#include "cluster/peers/wire_table.h"

namespace engram {

struct WireConnection {
  const std::uint64_t number;
  const bool called;  // by this node
  WireTable& table;
  const PeerWireOptions options;

  bool up = false;
  caf::actor_clock::time_point heard_at{};  // when something whole came from the peer
  Status why{};                             // it is over; the first reason counts

  void over_because(const Status& reason) {
    if (why.ok()) why = reason;
  }
};

}  // namespace engram
