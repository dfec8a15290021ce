// What is kept and for how long; what goes next is in link_outbox_next.cpp.

#include "cluster/peers/link_outbox.h"

#include <algorithm>

namespace engram {
namespace {

// Of what waits, in one tick: ten thousand questions are gone through in a quarter of a second, for a tenth of a
// millisecond in each tick.
constexpr std::size_t looks_per_tick = 2'048;

// An answer up to this is never refused: its question took as much. Outcomes of commands are always smaller.
constexpr std::size_t small_answer_bytes = 16 << 10;

void bump(std::atomic<std::uint64_t>& gauge) { gauge.fetch_add(1, std::memory_order_relaxed); }

constexpr const char* stopping = "This node is stopping; nothing was changed. Retry with another node.";

Status outcome_unknown(bool repeatable) {
  std::string unknown =
      "The connection to the node that decides the command was lost, or no answer came in time: its outcome is unknown. ";
  return {Code::unavailable,
          unknown + (repeatable ? "Ask again with the same sequence number."
                                : "Read what it was to change before it is sent again; with a session and a sequence "
                                  "number, commands can be repeated safely.")};
}

}  // namespace

// --- what is kept -----------------------------------------------------------------------------------------------------

void LinkOutbox::keep(const Outgoing& message) {
  gauges_.kept_bytes.fetch_add(message.kept_bytes(), std::memory_order_relaxed);
  if (message.head.kind == MessageKind::answer) answer_bytes_ += message.kept_bytes();
  bump(gauges_.kept_messages);
}

void LinkOutbox::unkeep(const Outgoing& message) {
  gauges_.kept_bytes.fetch_sub(message.kept_bytes(), std::memory_order_relaxed);
  if (message.head.kind == MessageKind::answer) answer_bytes_ -= message.kept_bytes();
  gauges_.kept_messages.fetch_sub(1, std::memory_order_relaxed);
}

void LinkOutbox::lose(const Outgoing& message) {
  if (!is_asking(message.head.kind) && message.head.kind != MessageKind::answer) bump(gauges_.lost_notices);
}

void LinkOutbox::add(OutgoingPtr message, SettledList& settled) {
  const MessageHead& head = message->head;
  if (head.kind == MessageKind::answer) return add_answer(std::move(message));
  std::size_t with_it = gauges_.kept_bytes.load(std::memory_order_relaxed) - answer_bytes_ + message->kept_bytes();
  if (!is_asking(head.kind)) {
    // What commands and notices say is true now; whoever still needs it once the peer is back asks again.
    if (!up_ || head.size_bytes > options_.max_message_bytes || with_it > options_.budget_bytes + options_.reserve_bytes)
      return lose(*message);
    keep(*message);
    return stream_.push_back(std::move(message));
  }
  Status refused = why_refused(*message, with_it);
  if (!refused.ok()) return settled.push_back({head.kind, std::move(message->port), std::move(refused)});
  keep(*message);
  message->order = ++last_order_;
  if (up_ && !held_back_) turns_.push_back(message);
  asking_.emplace_hint(asking_.end(), message->order, std::move(message));
}

/// The peer waits for it, and bounds how many questions it has; but not how large the answers are, and it may be slow.
void LinkOutbox::add_answer(OutgoingPtr message) {
  bool too_much = answer_bytes_ != 0 && answer_bytes_ + message->kept_bytes() > options_.budget_bytes;
  if (too_much && message->head.size_bytes > small_answer_bytes) {
    bump(gauges_.overloaded);
    message->words = refusal(MessageKind::question, {Code::overloaded,
                                                     "Too many answers wait for the node that asked: it is slow, or asked "
                                                     "for too much at a time. Retry with a pause, or ask for less.",
                                                     "", options_.budget_bytes})
                         .bytes<schema::Answer>();
    message->head.size_bytes = message->bytes().size();
  }
  keep(*message);
  turns_.push_back(std::move(message));
}

Status LinkOutbox::why_refused(const Outgoing& message, std::size_t kept_with_it) {
  if (closed_) return {Code::unavailable, stopping};
  if (message.head.size_bytes > options_.max_message_bytes)
    return {Code::too_large, "The message is larger than what nodes may send each other.", "", options_.max_message_bytes};
  if (!up_ && asking_.size() >= options_.max_waiting) {
    bump(gauges_.overloaded);
    return {Code::overloaded,
            "As many calls as may wait for the node that this partition is on: it is away. Nothing was changed; retry with a "
            "pause.",
            "", options_.max_waiting};
  }
  if (kept_with_it <= options_.budget_bytes) return {};
  bump(gauges_.overloaded);
  return {Code::overloaded,
          "Too much waits for the node that this partition is on: it is away or slow. Nothing was changed; retry with a "
          "pause.",
          "", options_.budget_bytes};
}

/// The port goes to `settled`: under the lock it must not even be let go.
void LinkOutbox::end(const OutgoingPtr& message, Status status, SettledList& settled) {
  bool whole = message->sent_bytes == message->head.size_bytes;
  message->over = true;
  over_in_turns_ = over_in_turns_ || !whole;
  unkeep(*message);
  if (message->number != 0) by_number_.erase(message->number);
  settled.push_back({message->head.kind, std::move(message->port), std::move(status)});
}

void LinkOutbox::let_go(std::uint64_t order, SettledList& settled) {
  auto found = asking_.find(order);
  if (found == asking_.end()) return;
  OutgoingPtr message = std::move(found->second);
  asking_.erase(found);
  if (message->number != 0) cancels_.push_back(message->number);
  end(message, {}, settled);
}

Status LinkOutbox::waited_too_long(const Outgoing& message) const {
  if (message.head.kind == MessageKind::submission && (message.number != 0 || message.sent_before))
    return outcome_unknown(message.repeatable);
  return {Code::unavailable, "The node that this partition is on is away, or did not answer in time. Retry."};
}

void LinkOutbox::look_through(SettledList& settled, std::vector<Watched>& watched) {
  std::int64_t now = clock_.monotonic_ns();
  std::vector<OutgoingPtr> due;
  auto at = asking_.upper_bound(looked_at_);
  for (std::size_t left = std::min(looks_per_tick, asking_.size()); left > 0; --left, ++at) {
    if (at == asking_.end()) at = asking_.begin();
    const OutgoingPtr& message = at->second;
    looked_at_ = message->order;
    std::int64_t end_ns = message->deadline_ns != 0 ? message->deadline_ns : message->give_up_ns;
    if (now >= end_ns) {
      due.push_back(message);
    } else if (message->port != nullptr) {
      watched.push_back({message->order, message->port});
    }
  }
  for (const OutgoingPtr& message : due) {
    if (message->deadline_ns == 0)
      settled.push_back({message->head.kind, std::move(message->port), waited_too_long(*message)});
    let_go(message->order, settled);
  }
}

void LinkOutbox::tidy_turns() {
  if (std::exchange(over_in_turns_, false))
    std::erase_if(turns_, [](const OutgoingPtr& message) { return message->over; });
}

Status LinkOutbox::answered(std::uint64_t number, ReplyPortPtr& port) {
  if (number == 0 || number > last_number_) return malformed("an answer to what was not asked");
  auto found = by_number_.find(number);
  if (found == by_number_.end()) return {};
  OutgoingPtr message = found->second;
  if (message->sent_bytes != message->head.size_bytes) return malformed("an answer to what was not asked to its end");
  SettledList settled;
  asking_.erase(message->order);
  end(message, {}, settled);
  port = std::move(settled.front().port);
  return {};
}

// --- connections --------------------------------------------------------------------------------------------------------

void LinkOutbox::up() {
  up_ = true;
  last_number_ = begun_bytes_ = acknowledged_bytes_ = taken_bytes_ = told_bytes_ = 0;
  tell_ = false;
  status_ = nullptr;
  told_unheard_ = 0;
  tell_draining_ = draining_;
  for (const auto& [order, message] : asking_) turns_.push_back(message);
  gauges_.connected.store(true, std::memory_order_relaxed);
}

void LinkOutbox::down(SettledList& settled) {
  if (!std::exchange(up_, false)) return;
  for (const OutgoingPtr& message : stream_) {
    unkeep(*message);
    lose(*message);
  }
  for (const OutgoingPtr& message : turns_)
    if (message->head.kind == MessageKind::answer) unkeep(*message);  // asked for again on the next connection
  stream_.clear();
  turns_.clear();
  cancels_.clear();
  for (const auto& [number, message] : std::exchange(by_number_, {})) {
    if (!message->repeatable) {
      asking_.erase(message->order);
      end(message, outcome_unknown(false), settled);
    } else {
      message->number = 0;
      message->sent_bytes = 0;
      message->sent_before = true;
    }
  }
  over_in_turns_ = held_back_ = false;
  gauges_.in_flight_bytes.store(0, std::memory_order_relaxed);
  gauges_.connected.store(false, std::memory_order_relaxed);
  gauges_.draining.store(false, std::memory_order_relaxed);
}

void LinkOutbox::close(SettledList& settled) {
  closed_ = true;
  down(settled);
  for (const auto& [order, message] : std::exchange(asking_, {})) {
    bool unknown = message->head.kind == MessageKind::submission && message->sent_before;
    end(message, unknown ? outcome_unknown(message->repeatable) : Status(Code::unavailable, stopping), settled);
  }
}

void LinkOutbox::hold_back() {
  held_back_ = true;
  // They stay in asking_, for the next connection. What was begun goes on: the peer finishes what it has.
  std::erase_if(turns_, [](const OutgoingPtr& one) { return is_asking(one->head.kind) && one->number == 0; });
  gauges_.draining.store(true, std::memory_order_relaxed);
}

void LinkOutbox::say_draining() {
  draining_ = true;
  tell_draining_ = up_;
}

}  // namespace engram
