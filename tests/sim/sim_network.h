#pragma once
// The network between simulated nodes: connections as TCP gives them, each with two streams of packets, which break at any time
// with what is on them; and packets that a broken network loses, repeats or swaps all the same, which the links have to notice.

#include <deque>
#include <functional>
#include <map>
#include <vector>

#include "cluster/peers/wire.h"
#include "tests/sim/sim_options.h"
#include "tests/sim/sim_trace.h"

namespace engram::test {

/// What will reach one node from another, in this order.
struct SimArrival {
  enum class What { up, packet, down } what = What::packet;
  std::uint64_t connection = 0;
  PacketBytes bytes;
};

class SimNetwork {
 public:
  SimNetwork(unsigned nodes, SimRandom& random, SimTrace& trace) : random_(random), trace_(trace), alive_(nodes, false) {}

  void node_up(unsigned node) { alive_[node] = true; }
  /// Its connections are over for the others; what had not reached them may be lost.
  void node_down(unsigned node);
  /// Nothing is lost or cut from now on.
  void heal() { healed_ = true; }

  void transmit(unsigned from, unsigned to, std::uint64_t connection, PacketBytes bytes);
  /// What one end does to its connection.
  void close(unsigned node, unsigned peer, std::uint64_t connection);

  /// Streams on which something can arrive: to, from.
  [[nodiscard]] std::vector<std::pair<unsigned, unsigned>> ready() const;
  SimArrival take(unsigned to, unsigned from);

  /// A pair of living nodes without a connection gets one. False: there is no such pair.
  bool connect_some();
  void cut_some();
  /// Something happens to a packet that TCP would not let happen.
  void break_some_stream();

 private:
  using Pair = std::pair<unsigned, unsigned>;  // the lower first
  struct Link {
    std::uint64_t connection = 0;  // 0: none
  };
  static Pair pair_of(unsigned one, unsigned other) { return {std::min(one, other), std::max(one, other)}; }
  void cut(Pair pair);
  std::deque<SimArrival>& coming(unsigned to, unsigned from) { return coming_[{to, from}]; }

  SimRandom& random_;
  SimTrace& trace_;
  std::vector<bool> alive_;
  std::map<Pair, Link> links_;
  std::map<std::pair<unsigned, unsigned>, std::deque<SimArrival>> coming_;  // to, from
  std::uint64_t last_connection_ = 0;
  bool healed_ = false;
};

}  // namespace engram::test
