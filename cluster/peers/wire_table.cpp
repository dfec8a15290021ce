#include "cluster/peers/wire_table.h"

#include <vector>

#include <caf/send.hpp>

namespace engram {
namespace {

Status wire_ends() { return {Code::unavailable, "This node has ended its connections to other nodes: it stops."}; }

}  // namespace

void ask_to_end(const caf::actor& broker, const Status& why) {
  // Ahead of packets that wait to be sent.
  const auto code = static_cast<std::uint16_t>(why.code());
  caf::anon_send<caf::message_priority::high>(broker, end_atom::value, code, why.message());
}

bool WireTable::add(std::uint64_t connection) {
  std::lock_guard lock(mutex_);
  return !ending_all_ && entries_.try_emplace(connection).second;
}

PeerActor WireTable::peer_of(std::uint64_t connection) const {
  std::lock_guard lock(mutex_);
  auto found = entries_.find(connection);
  return found == entries_.end() ? PeerActor() : found->second.peer;
}

void WireTable::end(std::uint64_t connection, const Status& why) {
  caf::actor broker;
  {
    std::lock_guard lock(mutex_);
    auto found = entries_.find(connection);
    if (found == entries_.end()) return;
    broker = found->second.broker;
    if (!broker) found->second.end = why;
  }
  if (broker) ask_to_end(broker, why);
}

void WireTable::end_all() {
  std::vector<caf::actor> brokers;
  {
    std::lock_guard lock(mutex_);
    ending_all_ = true;
    for (auto& [number, entry] : entries_) {
      if (entry.broker) brokers.push_back(entry.broker);
    }
  }
  for (const caf::actor& broker : brokers) ask_to_end(broker, wire_ends());
}

Status WireTable::attach(std::uint64_t connection, caf::actor broker) {
  std::lock_guard lock(mutex_);
  Entry& entry = entries_.at(connection);
  entry.broker = std::move(broker);
  return ending_all_ ? wire_ends() : entry.end;
}

void WireTable::come_up(std::uint64_t connection, PeerActor peer) noexcept {
  {
    std::lock_guard lock(mutex_);
    entries_.at(connection).peer = std::move(peer);
  }
  handlers_.up(connection);
}

void WireTable::take(std::uint64_t connection, PacketBytes packet) const noexcept {
  handlers_.packet(connection, std::move(packet));
}

void WireTable::go_down(std::uint64_t connection, const Status& why) noexcept {
  {
    std::lock_guard lock(mutex_);
    entries_.erase(connection);
  }
  handlers_.down(connection, why);
}

}  // namespace engram
