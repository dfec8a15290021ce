// What goes to the peer next, and the window that bounds it.

#include <algorithm>

#include "cluster/peers/link_outbox.h"

namespace engram {
namespace {

constexpr std::size_t most_untold_bytes = 256 << 10;
constexpr unsigned most_unheard_statuses = 5;

}  // namespace

void LinkOutbox::took(std::size_t bytes) {
  taken_bytes_ += bytes;
  // The peer's window is most likely as large as ours; if it is smaller, the next tick tells.
  if (taken_bytes_ - told_bytes_ >= std::min(most_untold_bytes, options_.window_bytes / 8)) tell_ = true;
}

void LinkOutbox::tell(std::shared_ptr<const NodeStatus> status) {
  if (!up_ || told_unheard_ >= most_unheard_statuses) return;
  ++told_unheard_;
  status_ = std::move(status);
}

Status LinkOutbox::acknowledged(std::uint64_t taken_bytes) {
  if (taken_bytes < acknowledged_bytes_ || taken_bytes > begun_bytes_) return malformed("an account of bytes that is wrong");
  acknowledged_bytes_ = taken_bytes;
  gauges_.in_flight_bytes.store(in_flight_bytes(), std::memory_order_relaxed);
  return {};
}

bool LinkOutbox::has_next() const {
  if (!up_) return false;
  return tell_ || tell_draining_ || status_ != nullptr || !cancels_.empty() || (window_open() && (!stream_.empty() || !turns_.empty()));
}

bool LinkOutbox::next(LinkPacket& packet, OutgoingPtr& message, SettledList& settled) {
  if (!up_) return false;
  packet = {};
  // Looking for a part may let go of a question that was begun and is past its time: that is one more to cancel.
  if (!next_control(packet) && !next_part(packet, message, settled) && !next_control(packet) && !tell_) return false;
  packet.taken_bytes = told_bytes_ = taken_bytes_;
  tell_ = false;
  return true;
}

bool LinkOutbox::next_control(LinkPacket& packet) {
  if (std::exchange(tell_draining_, false)) {
    packet.kind = PacketKind::draining;
    return true;
  }
  if (status_ != nullptr) {
    packet.kind = PacketKind::status;
    packet.status = std::move(status_);
    return true;
  }
  if (cancels_.empty()) return false;
  packet.kind = PacketKind::cancel;
  packet.message = cancels_.front();
  cancels_.pop_front();
  return true;
}

bool LinkOutbox::next_part(LinkPacket& packet, OutgoingPtr& message, SettledList& settled) {
  if (!window_open()) return false;
  if (!stream_.empty()) {
    message = stream_.front();
    cut_part(packet, message);
    if (packet.more) return true;
    stream_.pop_front();
    unkeep(*message);
    return true;
  }
  while (!turns_.empty()) {
    message = std::move(turns_.front());
    turns_.pop_front();
    if (message->over) continue;
    bool asks = is_asking(message->head.kind);
    if (asks && message->deadline_ns != 0 && clock_.monotonic_ns() >= message->deadline_ns) {
      let_go(message->order, settled);
      continue;
    }
    cut_part(packet, message);
    if (packet.more) {
      turns_.push_back(message);
    } else if (!asks) {
      unkeep(*message);
    }
    return true;
  }
  message = nullptr;
  return false;
}

void LinkOutbox::begin(LinkPacket& packet, const OutgoingPtr& message) {
  message->number = ++last_number_;
  if (is_asking(message->head.kind)) by_number_.emplace(message->number, message);
  packet.head = message->head;
  if (message->deadline_ns != 0)
    packet.head.budget_us =
        static_cast<std::uint64_t>(std::max<std::int64_t>((message->deadline_ns - clock_.monotonic_ns()) / 1'000, 1));
  if (message->sent_before) gauges_.resent_messages.fetch_add(1, std::memory_order_relaxed);
}

void LinkOutbox::cut_part(LinkPacket& packet, const OutgoingPtr& message) {
  packet.kind = PacketKind::part;
  if (message->number == 0) begin(packet, message);
  packet.message = message->number;
  packet.bytes = message->bytes().subspan(message->sent_bytes);
  packet.more = packet.bytes.size() > options_.part_bytes;
  if (packet.more) packet.bytes = packet.bytes.first(options_.part_bytes);
  message->sent_bytes += packet.bytes.size();
  begun_bytes_ += packet.bytes.size();
  gauges_.in_flight_bytes.store(in_flight_bytes(), std::memory_order_relaxed);
  if (!packet.more) gauges_.sent_messages.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace engram
