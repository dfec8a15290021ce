#include "cluster/peers/link_assembly.h"

#include <algorithm>
#include <cstring>

namespace engram {
namespace {

constexpr std::size_t word_bytes = sizeof(capnp::word);
constexpr std::uint64_t longest_budget_us = 1'000'000'000'000;  // eleven days; keeps sums with the clock in range

/// Room for `needed_bytes`, for a message that will have `size_bytes` if its peer does not lie.
void make_room(kj::Array<capnp::word>& words, std::size_t filled_bytes, std::size_t needed_bytes, std::size_t size_bytes) {
  if (words.size() * word_bytes >= needed_bytes) return;
  std::size_t room_bytes = std::min(size_bytes, std::max(needed_bytes, 2 * words.size() * word_bytes));
  auto larger = kj::heapArray<capnp::word>((room_bytes + word_bytes - 1) / word_bytes);
  if (filled_bytes != 0) std::memcpy(larger.begin(), words.begin(), filled_bytes);
  words = kj::mv(larger);
}

}  // namespace

void MessageAssembly::restart() {
  last_number_ = 0;
  begun_.clear();
}

Status MessageAssembly::check_head(const LinkPacket& part) const {
  // Numbers have no gaps on a connection: another one means that something was lost, or that it is the rest of nothing.
  if (part.message != last_number_ + 1) return malformed("a part of a message that was not begun");
  std::size_t size_bytes = part.head.size_bytes;
  if (size_bytes == 0 || size_bytes % word_bytes != 0) return malformed("a message of no possible size");
  if (size_bytes > max_message_bytes_) return malformed("a message of " + std::to_string(size_bytes) + " bytes");
  return {};
}

MessageAssembly::Begun MessageAssembly::begin(const LinkPacket& part) const {
  Begun begun;
  begun.message.number = part.message;
  begun.message.head = part.head;
  if (part.head.budget_us != 0)
    begun.message.deadline_ns =
        clock_.monotonic_ns() + static_cast<std::int64_t>(std::min(part.head.budget_us, longest_budget_us)) * 1'000;
  return begun;
}

Status MessageAssembly::append(Begun& begun, const LinkPacket& part) {
  std::size_t size_bytes = begun.message.head.size_bytes;
  std::size_t left_bytes = size_bytes - begun.filled_bytes;
  bool fits = part.more ? part.bytes.size() < left_bytes : part.bytes.size() == left_bytes;
  if (part.bytes.empty() || !fits) return malformed("a part that does not fit the size of its message");
  std::size_t filled_bytes = begun.filled_bytes + part.bytes.size();
  make_room(begun.message.words, begun.filled_bytes, filled_bytes, size_bytes);
  std::memcpy(begun.message.words.asBytes().begin() + begun.filled_bytes, part.bytes.data(), part.bytes.size());
  begun.filled_bytes = filled_bytes;
  return {};
}

Result<std::optional<WholeMessage>> MessageAssembly::take(const LinkPacket& part) {
  using Taken = std::optional<WholeMessage>;
  if (auto found = begun_.find(part.message); found != begun_.end()) {
    if (Status status = append(found->second, part); !status.ok()) return status;
    if (part.more) return Taken();
    Taken whole = std::move(found->second.message);
    begun_.erase(found);
    return whole;
  }
  if (Status status = check_head(part); !status.ok()) return status;
  Begun begun = begin(part);
  if (Status status = append(begun, part); !status.ok()) return status;
  ++last_number_;
  if (!part.more) return Taken(std::move(begun.message));
  begun_.emplace(part.message, std::move(begun));
  return Taken();
}

Status MessageAssembly::cancel(std::uint64_t number) {
  if (number == 0 || number > last_number_) return malformed("the end of a question that was not begun");
  auto found = begun_.find(number);
  if (found == begun_.end()) return {};
  if (!is_asking(found->second.message.head.kind)) return malformed("the end of a question that is none");
  begun_.erase(found);
  return {};
}

}  // namespace engram
