// What is sent, and what happens to connections; what arrives is in link_arrival.cpp.

#include "cluster/peers/link_core.h"

#include <algorithm>

#include "cluster/peers/link_port.h"

namespace engram {
namespace {

// With its envelope a part has to fit into a packet of 64 KiB, and its size into 32 bits.
PeerLinkOptions sane(PeerLinkOptions options) {
  options.part_bytes = std::clamp<std::size_t>(options.part_bytes, 1, 60 << 10);
  options.max_message_bytes = std::min<std::size_t>(options.max_message_bytes, 0xffff'fff8);
  return options;
}

}  // namespace

LinkCore::LinkCore(const PeerLinkOptions& options, const PartitionMap& map, PeerLinkHost& host, const Clock& clock)
    : options_(sane(options)),
      map_(map),
      host_(host),
      clock_(clock),
      assembly_(options_.max_message_bytes, clock),
      outbox_(options_, gauges_, clock) {}

void LinkCore::send(PartitionId to, Mail mail) {
  OutgoingPtr message = outgoing_mail(to, std::move(mail), clock_.monotonic_ns(), options_.longest_wait_ns);
  if (message == nullptr) return;
  SettledList settled;
  std::unique_lock lock(mutex_);
  outbox_.add(std::move(message), settled);
  pump(lock, settled);
  lock.unlock();
  settle(settled);
}

void LinkCore::answer(const QuestionPort& port, Frame frame) {
  if (port.cancelled() || !frame) return forget(port.connection(), port.number());
  OutgoingPtr message = outgoing_answer(port.partition(), port.number(), std::move(frame), options_.max_message_bytes);
  SettledList settled;
  std::unique_lock lock(mutex_);
  if (!up_ || connection_ != port.connection()) return;
  open_.erase(port.number());
  outbox_.add(std::move(message), settled);
  pump(lock, settled);
  lock.unlock();
  settle(settled);
}

void LinkCore::forget(std::uint64_t connection, std::uint64_t number) {
  std::lock_guard lock(mutex_);
  if (up_ && connection_ == connection) open_.erase(number);
}

void LinkCore::pump(std::unique_lock<std::mutex>& lock, SettledList& settled) {
  if (std::exchange(transmitting_, true)) return;
  LinkPacket packet;
  OutgoingPtr message;
  while (outbox_.next(packet, message, settled)) {
    std::uint64_t connection = connection_;
    lock.unlock();
    if (packet.head.size_bytes != 0) packet.head.epoch = map_.epoch(packet.head.to);
    PacketBytes bytes = write_packet(packet);
    gauges_.sent_bytes.fetch_add(bytes.size(), std::memory_order_relaxed);
    host_.transmit(connection, std::move(bytes));
    message.reset();
    lock.lock();
  }
  transmitting_ = false;
  if (closed_) idle_.notify_all();
}

// --- connections --------------------------------------------------------------------------------------------------------

void LinkCore::up(std::uint64_t connection) {
  if (heard_ == connection) return;
  heard_ = connection;
  assembly_.restart();
  SettledList settled;
  std::unique_lock lock(mutex_);
  end_connection(settled);
  connection_ = connection;
  up_ = !closed_;
  if (up_) outbox_.up();
  pump(lock, settled);
  lock.unlock();
  settle(settled);
}

void LinkCore::down(std::uint64_t connection) {
  if (heard_ == connection) heard_.reset();
  SettledList settled;
  std::unique_lock lock(mutex_);
  if (!up_ || connection_ != connection) return;
  end_connection(settled);
  lock.unlock();
  assembly_.restart();
  settle(settled);
}

void LinkCore::end_connection(SettledList& settled) {
  outbox_.down(settled);
  up_ = false;
  for (auto& [number, port] : open_) port->cancel();
  open_.clear();
}

void LinkCore::tick() {
  SettledList settled;
  std::vector<LinkOutbox::Watched> watched;
  std::unique_lock lock(mutex_);
  outbox_.look_through(settled, watched);
  lock.unlock();
  std::erase_if(watched, [](const LinkOutbox::Watched& one) { return !one.port->cancelled(); });
  lock.lock();
  for (const LinkOutbox::Watched& one : watched) outbox_.let_go(one.order, settled);
  outbox_.tidy_turns();
  outbox_.tell_taken();
  pump(lock, settled);
  lock.unlock();
  settle(settled);
}

void LinkCore::drain() {
  SettledList settled;
  std::unique_lock lock(mutex_);
  outbox_.say_draining();
  pump(lock, settled);
  lock.unlock();
  settle(settled);
}

void LinkCore::tell(std::shared_ptr<const NodeStatus> status) {
  SettledList settled;
  std::unique_lock lock(mutex_);
  outbox_.tell(std::move(status));
  pump(lock, settled);
  lock.unlock();
  settle(settled);
}

void LinkCore::close() {
  SettledList settled;
  std::unique_lock lock(mutex_);
  closed_ = true;
  end_connection(settled);
  outbox_.close(settled);
  idle_.wait(lock, [this] { return !transmitting_; });
  lock.unlock();
  settle(settled);
}

}  // namespace engram
