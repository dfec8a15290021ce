#pragma once
// Connections to the nodes that own what is asked for, beside the one that every client has. They spare a hop, and no more:
// while there is none, calls go by way of the other node, so they are made and lost without a call that waits for it.

#include <cstdint>
#include <map>
#include <optional>

#include "client/live.h"

namespace engram::client {

class Owners {
 public:
  /// `options` and `loop` must outlive it. `number` gives each connection its generation.
  Owners(const Options& options, kj::AsyncIoContext& loop, std::uint64_t& number)
      : options_(options), loop_(loop), number_(number) {}

  /// The map as the home node, to which all else goes, told it, and the space that is open there. Another map is followed;
  /// another space ends all connections, as they have the one before open.
  void learn(const ServerInfo& server, std::optional<SpaceId> space);
  /// Null: its owner is the home node or not known, or the connection is not there yet. It is being made then.
  Live* of(PartitionId partition);
  /// The connection with this number is lost: it is not tried again at once. False: there is none.
  bool drop(std::uint64_t generation);
  /// The connection with this number; null: it is lost.
  [[nodiscard]] Live* find(std::uint64_t generation);

 private:
  struct Node {
    std::string address;
    std::unique_ptr<Live> live;
    kj::Maybe<kj::Promise<void>> opening;
    kj::TimePoint again = kj::origin<kj::TimePoint>();  // not before that
    std::uint32_t pause_ms = 0;
    bool failed = false;
  };

  void open(std::uint32_t ordinal, Node& node);
  static void fail(Node& node);
  static void put_off(Node& node);

  const Options& options_;
  kj::AsyncIoContext& loop_;
  std::uint64_t& number_;
  ServerInfo map_;
  std::optional<SpaceId> space_;
  std::map<std::uint32_t, Node> nodes_;  // by ordinal, without the home node
};

}  // namespace engram::client
